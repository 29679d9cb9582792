/** A list of changed files: large ones come when they are asked for, the filter works while one types, keys go from file to file. */

import { ApiError, getHtml, isAbort } from "../api.js";
import { offerContext, showContext } from "./context.js";

const AT_ONCE = 20; // files that "Open all" loads by itself

/**
 * @param {object} options
 * @param {HTMLElement} options.root which holds the list, now or later
 * @param {boolean} [options.alone] whether no other keys are on the page: then n or J and p or K go from file to file
 * @param {(url: URL) => void} [options.onAgain] draw the list in another way; without it, links are followed
 */
export function createChanges({ root, alone = false, onAgain }) {
  const listeners = new AbortController();
  const { signal } = listeners;
  let current = -1;

  /** @returns {HTMLDetailsElement[]} */
  const files = () => [...root.querySelectorAll("details.diff:not([hidden])")].filter((it) => it instanceof HTMLDetailsElement);

  /**
   * @param {HTMLAnchorElement} link to the file by itself
   */
  async function load(link) {
    const content = link.closest(".diff-content");
    if (!content || content.getAttribute("aria-busy") === "true") return;
    content.setAttribute("aria-busy", "true");
    const url = new URL(link.href);
    url.searchParams.set("fragment", "1");
    try {
      content.innerHTML = await getHtml(url.href, signal); // our own server's fragment, escaped there
      offerContext(content);
    } catch (error) {
      if (isAbort(error)) return;
      link.textContent = "Try again";
      link.title = error instanceof ApiError ? error.message : String(error);
    } finally {
      content.removeAttribute("aria-busy");
    }
  }

  /** @param {number} by */
  function step(by) {
    const all = files();
    if (!all.length) return;
    const active = all.findIndex((file) => file.contains(document.activeElement));
    current = Math.max(0, Math.min(all.length - 1, (active >= 0 ? active : current) + by));
    const file = all[current];
    if (!file) return;
    file.open = true;
    file.querySelector("summary")?.focus({ preventScroll: true });
    file.scrollIntoView({ block: "start" });
  }

  /** @param {HTMLElement} pressed */
  function fold(pressed) {
    const all = files();
    const open = all.some((file) => !file.open);
    for (const [place, file] of all.entries()) {
      if (open && place >= AT_ONCE) file.dataset.quiet = "";
      file.open = open;
    }
    pressed.textContent = open ? "Close all" : "Open all";
  }

  /** @param {HTMLInputElement} input */
  function filter(input) {
    const wanted = input.value.trim().toLowerCase();
    for (const file of root.querySelectorAll("[data-path]")) {
      if (!(file instanceof HTMLElement)) continue;
      const holder = file.closest("li") ?? file;
      holder.hidden = wanted !== "" && !file.dataset.path?.toLowerCase().includes(wanted);
    }
    for (const folder of [...root.querySelectorAll(".tree li:has(> details)")].reverse()) {
      if (folder instanceof HTMLElement) folder.hidden = !folder.querySelector("li:not([hidden]) > a");
    }
  }

  root.addEventListener(
    "click",
    (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const link = target?.closest("a");
      const pressed = target?.closest("button");
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      if (link?.dataset.load !== undefined) {
        event.preventDefault();
        void load(link);
      } else if (link?.dataset.again !== undefined && onAgain) {
        event.preventDefault();
        onAgain(new URL(link.href));
      } else if (pressed?.dataset.context) {
        void showContext(pressed, signal);
      } else if (pressed?.dataset.fold !== undefined) {
        fold(pressed);
      }
    },
    { signal },
  );
  root.addEventListener(
    "toggle",
    (event) => {
      const file = event.target;
      if (!(file instanceof HTMLDetailsElement) || !file.open || !file.matches(".diff")) return;
      const link = file.querySelector(".diff-later a[data-load]");
      if (link instanceof HTMLAnchorElement && file.dataset.quiet === undefined) void load(link);
    },
    { signal, capture: true },
  );
  root.addEventListener(
    "input",
    (event) => {
      if (event.target instanceof HTMLInputElement && event.target.name === "files") filter(event.target);
    },
    { signal },
  );
  root.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !onAgain || !form.elements.namedItem("files")) return;
      event.preventDefault();
      const url = new URL(form.action);
      for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, String(value));
      onAgain(url);
    },
    { signal },
  );
  if (alone) {
    document.addEventListener(
      "keydown",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const target = /** @type {Element} */ (event.target);
        if (target.closest("input, textarea, select, [contenteditable], dialog")) return;
        const by = { n: 1, J: 1, p: -1, K: -1 }[event.key];
        if (!by || !files().length) return;
        event.preventDefault();
        step(by);
      },
      { signal },
    );
  }
  offerContext(root);

  return {
    step,

    /** The list has been drawn anew. */
    refresh() {
      current = -1;
      offerContext(root);
    },

    destroy() {
      listeners.abort();
    },
  };
}
