/** A list of changed files: large ones come when they are asked for, the filter works while one types, keys go from file to file. */

import { ApiError, getHtml, isAbort } from "../api.js";
import { offerContext, showContext } from "./context.js";

const AT_ONCE = 20; // files that "Open all" loads by itself

/**
 * Scroll `holder`, and nothing around it, so that `item` is in sight.
 * @param {HTMLElement} holder
 * @param {Element} item
 */
function showIn(holder, item) {
  const [around, box] = [holder.getBoundingClientRect(), item.getBoundingClientRect()];
  if (box.top < around.top) holder.scrollTop -= around.top - box.top;
  else if (box.bottom > around.bottom) holder.scrollTop += box.bottom - around.bottom;
}

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

  /** What the button would do now. */
  function tellFold() {
    const button = root.querySelector("[data-fold]");
    if (button) button.textContent = files().some((file) => !file.open) ? "Open all" : "Close all";
  }

  function fold() {
    const all = files();
    const open = all.some((file) => !file.open);
    for (const [place, file] of all.entries()) {
      if (open && place >= AT_ONCE) file.dataset.quiet = "";
      file.open = open;
    }
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
        fold();
      }
    },
    { signal },
  );
  root.addEventListener(
    "toggle",
    (event) => {
      const file = event.target;
      if (!(file instanceof HTMLDetailsElement) || !file.matches(".diff")) return;
      tellFold();
      if (!file.open) return;
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
  const sights = root.querySelector(".tree") ? follow() : null;

  /** The tree tells which of the files is at the top of the window. */
  function follow() {
    /** @type {Map<string, Element>} */
    const links = new Map();
    for (const link of root.querySelectorAll(".tree a[href^='#file-']")) links.set(link.getAttribute("href")?.slice(1) ?? "", link);
    const seen = new Set();
    const watch = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
        const first = files().find((file) => seen.has(file.id));
        for (const link of links.values()) link.removeAttribute("aria-current");
        const link = first && links.get(first.id);
        link?.setAttribute("aria-current", "true");
        if (link) showIn(/** @type {HTMLElement} */ (link.closest(".changes-tree")), link);
      },
      { rootMargin: "0px 0px -70% 0px" },
    );
    for (const file of files()) watch.observe(file);
    return watch;
  }
  offerContext(root);
  tellFold();

  return {
    step,

    /** The paths of the files that are open. */
    get open() {
      return new Set(files().flatMap((file) => (file.open && file.dataset.path ? [file.dataset.path] : [])));
    },

    set open(paths) {
      for (const file of files()) file.open = paths.has(file.dataset.path ?? "");
    },

    /** The list has been drawn anew. */
    refresh() {
      current = -1;
      offerContext(root);
      tellFold();
    },

    destroy() {
      sights?.disconnect();
      listeners.abort();
    },
  };
}
