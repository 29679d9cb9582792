/** Says that commits lie right of what the lanes' column shows, and makes room for them. */

/**
 * @param {HTMLButtonElement} button
 * @param {ReturnType<typeof import("./splitter.js").createSplitter>} splitter of the lanes
 */
export function createBeyond(button, splitter) {
  const listeners = new AbortController();
  let wanted = 0;
  let shown = 0;
  button.addEventListener("click", () => splitter.set(wanted), { signal: listeners.signal });

  return {
    /** @param {{count: number, width: number}} nodes that do not fit */
    show({ count, width }) {
      wanted = width;
      button.hidden = !count || !splitter.canGrow;
      if (count === shown) return;
      shown = count;
      button.textContent = `${count} ${count === 1 ? "commit" : "commits"} further right »`;
      button.title = "Widen the lanes to see them";
    },

    destroy() {
      listeners.abort();
    },
  };
}
