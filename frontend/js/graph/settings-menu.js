/** The menu in which people say how they like the graph. */

import { openByKey } from "./menu-by-key.js";

/**
 * @param {HTMLDetailsElement} menu whose fields have the settings' names
 * @param {ReturnType<typeof import("./settings.js").createSettings>} settings
 * @param {HTMLElement} grid of the rows
 */
export function createSettingsMenu(menu, settings, grid) {
  const listeners = new AbortController();
  const fields = [...menu.querySelectorAll("input")];
  const now = /** @type {Readonly<Record<string, unknown>>} */ (settings.now);

  function fill() {
    for (const field of fields) field.checked = field.type === "radio" ? now[field.name] === field.value : now[field.name] === true;
  }

  menu.addEventListener(
    "change",
    (event) => {
      const field = event.target;
      if (!(field instanceof HTMLInputElement)) return;
      const name = /** @type {keyof import("./settings.js").Settings} */ (field.name);
      settings.set(name, /** @type {never} */ (field.type === "radio" ? field.value : field.checked));
    },
    { signal: listeners.signal },
  );
  fill();

  return {
    /** By a key. */
    open() {
      openByKey(menu, grid);
      fields.find((field) => field.checked)?.focus();
    },

    /** A setting is another one. */
    refresh: fill,

    destroy() {
      listeners.abort();
    },
  };
}
