/** Opens the graph and opens it again: at the start, for another view, after news that change everything. */

import { ApiError, isAbort } from "../api.js";

const PAUSE = 400;
const LONGEST_PAUSE = 8000;

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {ReturnType<typeof import("./notices.js").createNotices>} options.notices
 * @param {() => void} options.onOpened
 * @param {(place: string) => void} options.onMissing where the page was to begin is not in this graph
 * @param {(message: string) => void} options.onRefused the server will not draw this view, and says why
 */
export function createOpener({ store, viewport, notices, onOpened, onRefused, onMissing }) {
  let turn = 0;
  /** @type {number | undefined} */
  let timer;

  /**
   * The first of these places that there is. Anything but a clear no is asked again until there is an answer.
   * @param {(string | number)[]} places
   * @returns {Promise<{row: number, nth: number} | null>} null when somebody else's turn came or the answer was no
   */
  async function open(places) {
    const mine = ++turn;
    clearTimeout(timer);
    let pause = PAUSE;
    for (let nth = 0; nth < places.length; ) {
      try {
        const row = await store.open(/** @type {string | number} */ (places[nth]));
        if (mine !== turn) return null;
        viewport.setTotal(store.total);
        return { row, nth };
      } catch (error) {
        if (mine !== turn || isAbort(error)) return null;
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 404 && nth + 1 < places.length) {
          nth++; // the commit is not in this view
        } else if (status >= 400 && status < 500 && status !== 429) {
          onRefused(error instanceof Error ? error.message : String(error));
          return null;
        } else {
          notices.show("failed", { message: error instanceof Error ? error.message : String(error) });
          await new Promise((resolve) => (timer = setTimeout(resolve, pause)));
          if (mine !== turn) return null;
          pause = Math.min(LONGEST_PAUSE, pause * 2);
        }
      }
    }
    return null;
  }

  return {
    /**
     * @param {string[]} places rows, refs or oids; the first that is there
     * @returns {Promise<number>} its row, -1 where nothing could be opened
     */
    async begin(places) {
      const opened = await open(places);
      if (!opened) return -1;
      onOpened();
      if (opened.nth) onMissing(/** @type {string} */ (places[0]));
      return opened.row;
    },

    /**
     * Load again what the server has, and stay where we are: at the commit at the upper edge, unless that is the top.
     * @param {string} [preferred] an oid to stay at rather
     * @returns {Promise<number>} by how many rows the commit at the upper edge is further down now
     */
    async again(preferred) {
      const { top, count } = viewport.view;
      const edge = store.opened && top >= 1 ? store.commit(Math.floor(top)) : undefined;
      // Where the commit is gone its place is not.
      const places = [...(preferred ? [preferred] : []), ...(edge ? [edge.oid] : []), ...(edge ? [Math.floor(top)] : []), 0];
      const opened = await open(places);
      if (!opened) return 0;
      const { row, nth } = opened;
      if (preferred && nth === 0) viewport.jump(row - count / 2);
      else viewport.jump(places[nth] === 0 ? 0 : row + (top % 1));
      onOpened();
      return edge && !preferred && nth === 0 ? row - Math.floor(top) : 0;
    },

    destroy() {
      turn++;
      clearTimeout(timer);
    },
  };
}
