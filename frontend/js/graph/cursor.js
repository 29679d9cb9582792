/** Where the keyboard is: a commit, not a place, so it stays on it when others arrive. */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {HTMLElement} options.grid
 * @param {() => void} options.onChange
 */
export function createCursor({ store, viewport, grid, onChange }) {
  let row = -1;
  const listeners = new AbortController();

  /** @param {number} next */
  function place(next) {
    row = Math.max(0, Math.min(store.total - 1, next));
    onChange();
  }

  grid.addEventListener(
    "focus",
    () => {
      if (row < 0 && store.total && grid.matches(":focus-visible")) place(Math.ceil(viewport.view.top));
    },
    { signal: listeners.signal },
  );

  return {
    /** -1 until the keyboard or the pointer has been used */
    get row() {
      return row;
    },

    place,

    /** @param {number} rows down; infinite to the end */
    move(rows) {
      if (!store.total) return;
      const { top, count } = viewport.view;
      if (row < 0) row = rows > 0 ? Math.ceil(top) - 1 : Math.ceil(top) + 1;
      else if (Number.isFinite(rows) && (row < top - count || row > top + 2 * count)) row = Math.ceil(top); // scrolled away from it
      place(row + rows);
      viewport.show(row);
    },

    /** @param {number} rows have come above it */
    grown(rows) {
      if (row >= 0) row += rows;
    },

    /** The graph is another one. */
    refresh() {
      if (row >= 0) place(row);
    },

    destroy() {
      listeners.abort();
    },
  };
}
