/** From commit to commit: what the keyboard, a click and a link do to the row, the view, the details and the focus at once. */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {HTMLElement} options.grid of the rows
 * @param {HTMLElement} options.panel of the details
 * @param {ReturnType<typeof import("./cursor.js").createCursor>} options.cursor
 * @param {ReturnType<typeof import("./selection.js").createSelection>} options.selection
 * @param {ReturnType<typeof import("./focus.js").createFocus>} options.focus
 * @param {(at: number | string, error: unknown) => void} options.onLost there is no way to a row, ref or oid
 */
export function createMoves({ store, viewport, grid, panel, cursor, selection, focus, onLost }) {
  /** Whether they were open. */
  function closeDetails() {
    if (!selection.oid) return false;
    selection.set("");
    grid.focus({ preventScroll: true });
    return true;
  }

  return {
    /** @param {number} rows down; infinite to the end */
    step(rows) {
      cursor.move(rows);
      // Where the keyboard is has to be seen; somebody who reads the details goes on reading.
      if (!panel.contains(document.activeElement)) grid.focus({ preventScroll: true });
      const commit = store.commit(cursor.row);
      if (commit) selection.follow(commit.oid);
    },

    /** @param {number} row whose details are shown */
    pick(row) {
      const commit = store.commit(row);
      if (!commit) return;
      cursor.place(row);
      selection.set(commit.oid);
      if (getComputedStyle(panel).position === "fixed") panel.focus({ preventScroll: true });
      else grid.focus({ preventScroll: true });
    },

    /** A step out. Whether there was something to close: one branch looked at, or the details. */
    close: () => focus.clear() || closeDetails(),

    closeDetails,

    /** @param {number | string} at a row, ref or oid */
    async goTo(at) {
      try {
        const row = typeof at === "number" ? at : await store.find(at);
        viewport.setTotal(store.total);
        cursor.place(row);
        viewport.show(row);
        const commit = store.commit(row);
        if (commit) selection.follow(commit.oid);
        grid.focus({ preventScroll: true });
      } catch (error) {
        onLost(at, error);
      }
    },

    /** The keyboard begins at the commit that the address shows, of which it may have but the first digits.
     * @param {number} otherwise a row
     */
    async toSelected(otherwise) {
      cursor.place(await store.find(selection.oid).catch(() => otherwise));
      const { oid = "" } = store.commit(cursor.row) ?? {};
      if (oid.startsWith(selection.oid)) selection.set(oid, { replace: true });
    },
  };
}
