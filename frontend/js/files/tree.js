/** The tree of files beside the page: folders open in place, the one that is shown is open, and it stays as it was left. */
import { getJson, isAbort } from "../api.js";
import { element } from "../ui/dom.js";
import { shown } from "../ui/odd.js";
import { addressOf } from "./place.js";
import { createTreeKeys } from "./tree-keys.js";

const WIDE = "(min-width: 68rem)";
const REMEMBERED = 60; // open folders

/**
 * @typedef {object} TreeEntry
 * @property {string} name
 * @property {"tree" | "blob" | "link" | "module"} kind
 * @property {string} path as it stands in addresses
 */
/** @typedef {{path: string, entries: TreeEntry[], more: number}} TreeFolder */

/**
 * @param {import("./place.js").Place} place
 * @param {HTMLElement} list
 */
export function createTree(place, list) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const keys = createTreeKeys(list, { toggle });
  const memory = `tree:${place.root}`;
  const wide = matchMedia(WIDE);
  let begun = false;

  async function begin() {
    if (begun || !wide.matches) return;
    begun = true;
    try {
      const kept = remembered(memory);
      const top = await folder(place.path, true);
      for (const one of top) put(one);
      await Promise.all(kept.open.map(reopen));
      settle(kept.scroll);
    } catch (error) {
      if (!isAbort(error)) list.replaceChildren(element("p", { class: "hint" }, "The tree could not be read."));
    } finally {
      list.ariaBusy = null;
    }
  }

  /**
   * @param {string} path
   * @param {boolean} [fromTop]
   * @returns {Promise<TreeFolder[]>}
   */
  async function folder(path, fromTop) {
    const at = `${place.api}/tree/${place.oid}${path ? `/${path}` : ""}`;
    return (await getJson(`${at}${fromTop ? "?from_top" : ""}`, signal)).folders;
  }

  /** @param {string} path a folder that was open on the page before */
  async function reopen(path) {
    if (!itemOf(path) || groupOf(path)) return;
    for (const one of await folder(path)) put(one);
  }

  /** @param {TreeFolder} one */
  function put(one) {
    const item = itemOf(one.path);
    if (one.path && !item) return;
    const level = one.path ? Number(item?.ariaLevel) + 1 : 1;
    const made = one.entries.map((entry) => row(entry, level));
    if (one.more) made.push(element("p", { class: "hint file-tree-more" }, `${one.more.toLocaleString("en")} more`));
    if (!item) {
      list.replaceChildren(...made);
      return;
    }
    item.after(element("div", { role: "group", "data-of": one.path }, ...made));
    item.ariaExpanded = "true";
  }

  /**
   * @param {TreeEntry} entry
   * @param {number} level
   * @returns {HTMLElement}
   */
  function row(entry, level) {
    const here = entry.path === place.path;
    const made = element(
      "a",
      {
        role: "treeitem", "aria-level": level, "aria-expanded": entry.kind === "tree" ? "false" : null, "aria-current": here ? "page" : null,
        "data-path": entry.path, "data-kind": entry.kind, tabindex: "-1", title: entry.name,
        href: entry.kind === "module" ? null : addressOf(place, entry.kind === "tree" ? "tree" : "blob", entry.path),
      },
      element("span", {}, ...shown(entry.name)),
    );
    made.style.setProperty("--level", String(level));
    return made;
  }

  /** @param {string} path */
  function itemOf(path) {
    return /** @type {HTMLElement | null} */ (list.querySelector(`[role="treeitem"][data-path="${CSS.escape(path)}"]`));
  }

  /** @param {string} path */
  function groupOf(path) {
    return list.querySelector(`[role="group"][data-of="${CSS.escape(path)}"]`);
  }

  /**
   * @param {HTMLElement} item a folder's
   * @param {boolean} [open]
   */
  async function toggle(item, open = item.ariaExpanded !== "true") {
    const path = item.dataset.path ?? "";
    item.ariaExpanded = String(open);
    let group = groupOf(path);
    if (open && !group) {
      item.ariaBusy = "true";
      try {
        for (const one of await folder(path)) put(one);
      } catch {
        item.ariaExpanded = "false";
      }
      item.ariaBusy = null;
      group = groupOf(path);
    }
    group?.toggleAttribute("hidden", !open);
    remember();
  }

  function remember() {
    const open = [...list.querySelectorAll('[aria-expanded="true"]')].map((item) => item.getAttribute("data-path"));
    try {
      sessionStorage.setItem(memory, JSON.stringify({ open: open.slice(0, REMEMBERED), scroll: list.scrollTop }));
    } catch {
      // switched off: the next page opens what it shows
    }
  }

  /** @param {number} scroll */
  function settle(scroll) {
    list.scrollTop = scroll;
    const here = list.querySelector("[aria-current]");
    if (here instanceof HTMLElement) {
      const [item, box] = [here.getBoundingClientRect(), list.getBoundingClientRect()];
      if (item.top < box.top || item.bottom > box.bottom) list.scrollTop += item.top - box.top - box.height / 3;
    }
    keys.settle();
  }

  list.addEventListener(
    "click",
    (event) => {
      const item = event.target instanceof Element ? event.target.closest('[role="treeitem"]') : null;
      remember();
      // With Enter (no click count) or a modifier it is a link like any other.
      if (!(item instanceof HTMLElement) || item.dataset.kind !== "tree" || !event.detail || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      void toggle(item);
    },
    { signal },
  );
  wide.addEventListener("change", () => void begin(), { signal });
  window.addEventListener("pagehide", () => begun && remember(), { signal });
  void begin();

  return {
    destroy() {
      leaving.abort();
      keys.destroy();
    },
  };
}

/**
 * @param {string} key
 * @returns {{open: string[], scroll: number}}
 */
function remembered(key) {
  try {
    const { open, scroll } = JSON.parse(sessionStorage.getItem(key) ?? "{}");
    // Folders before what is in them.
    return { open: Array.isArray(open) ? open.map(String).sort((one, other) => one.length - other.length) : [], scroll: Number(scroll) || 0 };
  } catch {
    return { open: [], scroll: 0 };
  }
}
