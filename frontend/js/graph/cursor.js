/** Where the keyboard is: a commit, not a place, so it stays on it when others arrive. */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {HTMLElement} options.grid
 * @param {() => void} options.onChange
 */
export function createCursor({ store, viewport, grid, onChange }) {
  let height = -1; // stays as it is when commits arrive above it
  let oid = ""; // "" until its row is here
  const listeners = new AbortController();

  function row() {
    if (height < 0) return -1;
    oid ||= store.at(height)?.oid ?? "";
    return Math.max(-1, store.total - 1 - height);
  }

  /** @param {number} next */
  function place(next) {
    height = store.total - 1 - Math.max(0, Math.min(store.total - 1, next));
    oid = "";
    onChange();
  }

  grid.addEventListener(
    "focus",
    () => {
      if (row() < 0 && store.total && grid.matches(":focus-visible")) place(Math.ceil(viewport.view.top));
    },
    { signal: listeners.signal },
  );

  return {
    /** -1 until the keyboard or the pointer has been used */
    get row() {
      return row();
    },

    place,

    /** @param {number} rows down; infinite to the end */
    move(rows) {
      if (!store.total) return;
      const { top, count } = viewport.view;
      let from = row();
      if (from < 0) from = rows > 0 ? Math.ceil(top) - 1 : Math.ceil(top) + 1;
      else if (Number.isFinite(rows) && (from < top - count || from > top + 2 * count)) from = Math.ceil(top); // scrolled away from it
      place(from + rows);
      viewport.show(row());
    },

    /** The graph is another one: the same commit, or where it was when it is not in this one. */
    async refresh() {
      if (height < 0 || (oid && store.at(height)?.oid === oid)) return;
      const [was, at] = [height, store.total - 1 - height];
      const next = oid ? await store.find(oid).catch(() => at) : at;
      if (height === was) place(next);
    },

    destroy() {
      listeners.abort();
    },
  };
}
