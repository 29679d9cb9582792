/** The keyboard in a tree, as ARIA's practices have it: arrows, Home, End, and letters that a name begins with. */

/**
 * @param {HTMLElement} list the element with role "tree"
 * @param {{toggle: (item: HTMLElement, open: boolean) => Promise<void>}} actions
 */
export function createTreeKeys(list, { toggle }) {
  const leaving = new AbortController();

  /** @returns {HTMLElement[]} what is not in a closed folder */
  const items = () =>
    /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="treeitem"]')]).filter((item) => !item.closest("[hidden]"));

  /** @param {HTMLElement | null | undefined} item */
  function focus(item) {
    if (!item) return;
    list.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    item.tabIndex = 0;
    item.focus();
  }

  list.addEventListener(
    "keydown",
    (event) => {
      const item = event.target instanceof HTMLElement && event.target.role === "treeitem" ? event.target : null;
      if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
      const all = items();
      const at = all.indexOf(item);
      const open = item.ariaExpanded;
      if (event.key === "ArrowDown") focus(all[at + 1]);
      else if (event.key === "ArrowUp") focus(all[at - 1]);
      else if (event.key === "Home") focus(all[0]);
      else if (event.key === "End") focus(all.at(-1));
      else if (event.key === "ArrowRight" && open === "false") void toggle(item, true);
      else if (event.key === "ArrowRight" && open === "true") focus(all[at + 1]);
      else if (event.key === "ArrowLeft" && open === "true") void toggle(item, false);
      else if (event.key === "ArrowLeft") focus(parentOf(item));
      else return;
      event.preventDefault();
    },
    { signal: leaving.signal },
  );

  return {
    /** One item is reached by Tab: the current one, else the first. */
    settle() {
      const first = list.querySelector("[aria-current]") ?? list.querySelector('[role="treeitem"]');
      if (first instanceof HTMLElement) first.tabIndex = 0;
    },
    destroy: () => leaving.abort(),
  };
}

/** @param {HTMLElement} item */
function parentOf(item) {
  const before = item.closest('[role="group"]')?.previousElementSibling;
  return before instanceof HTMLElement ? before : null;
}
