/** The list of all keys, made from the table that the keyboard obeys. */

import { element } from "../ui/dom.js";
import { TABLE } from "./keys.js";

const NAMES = /** @type {Record<string, string>} */ ({
  ArrowDown: "↓",
  ArrowUp: "↑",
  PageDown: "Page Down",
  PageUp: "Page Up",
  Escape: "Esc",
});

/**
 * @param {object} options
 * @param {HTMLDialogElement} options.dialog
 * @param {Element | null} options.button that opens it
 * @param {ReturnType<typeof import("./keys.js").createKeys>} options.keys
 */
export function createHelp({ dialog, button, keys }) {
  const listeners = new AbortController();
  const only = element("input", { type: "checkbox", id: "graph-keys-only" });
  only.checked = keys.onlyInRows;
  only.addEventListener("change", () => (keys.onlyInRows = only.checked), { signal: listeners.signal });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(), { signal: listeners.signal });
  const form = dialog.querySelector("form");
  const groups = element("div", { class: "help-groups" }, ...TABLE.map(group));
  const choice = element("label", { class: "help-only" }, only, "Letters only while the rows have the focus");
  form?.before(groups, choice);

  const open = () => {
    if (!dialog.open) dialog.showModal();
  };
  button?.addEventListener("click", open, { signal: listeners.signal });

  return {
    open,

    destroy() {
      listeners.abort();
      groups.remove();
      choice.remove();
    },
  };
}

/** @param {(typeof TABLE)[number]} group */
function group({ group: name, keys }) {
  /** @type {Map<string, {names: string[], says: string}>} */
  const lines = new Map();
  for (const { does, keys: names, says } of keys) {
    const line = lines.get(does);
    if (line) line.names.push(...names);
    else lines.set(does, { names: [...names], says });
  }
  const drawn = [...lines.values()].map(({ names, says }) => element("div", {}, element("dt", {}, ...between(names)), element("dd", {}, says)));
  return element("section", {}, element("h3", {}, name), element("dl", {}, ...drawn));
}

/** @param {string[]} names */
function between(names) {
  return names.flatMap((name, nth) => [...(nth ? [element("span", { class: "help-or" }, "or")] : []), ...name.split(" ").map((key) => element("kbd", {}, NAMES[key] ?? key))]);
}
