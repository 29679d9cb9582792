/** When the commits of a history were made, roughly: times at evenly spaced rows, enough to draw its density and to name any place. */

import { getJson } from "../api.js";

const POINTS = 600;
const STALE = 0.02; // a history that has grown by this part is looked at anew

/**
 * @param {object} options
 * @param {string} options.url of the graph
 * @param {() => URLSearchParams} options.view
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {() => void} options.onChange
 */
export function createOutline({ url, view, store, onChange }) {
  /** Unix times, newest first @type {number[]} */
  let times = [];
  let total = 0; // rows that they were taken from
  let asked = "";
  /** @type {AbortController | null} */
  let loading = null;

  async function load() {
    loading?.abort();
    const mine = (loading = new AbortController());
    const query = view().toString();
    try {
      const answer = await getJson(`${url}/outline?points=${POINTS}${query && `&${query}`}`, mine.signal);
      if (answer.building) return;
      times = answer.times;
      total = answer.total;
      onChange();
    } catch {
      if (mine === loading) asked = ""; // without it the map has no density; the next look asks again
    }
  }

  return {
    /** The graph is open, or has changed: look whether this still fits. */
    refresh() {
      const key = `${view()}|${Math.round(Math.log1p(store.total) / Math.log1p(STALE))}`;
      if (key === asked || !store.total) return;
      if (!asked.startsWith(`${view()}|`)) times = [];
      asked = key;
      void load();
    },

    get times() {
      return times;
    },

    /** The row of the first of the times: others have come above it since. */
    get offset() {
      return Math.max(0, store.total - total);
    },

    /** Rows that the times stand for. */
    get rows() {
      return total;
    },

    /**
     * About when the commit at `row` was made; 0 when that is not known.
     * @param {number} row
     */
    timeAt(row) {
      if (times.length < 2) return times[0] ?? 0;
      const at = (Math.max(0, row - (store.total - total)) / Math.max(1, total - 1)) * (times.length - 1);
      const below = Math.min(times.length - 2, Math.floor(at));
      const [a, b] = [times[below] ?? 0, times[below + 1] ?? 0];
      return a + (b - a) * Math.min(1, at - below);
    },

    /**
     * The row where the history is as old as `time`, by a search in the times.
     * @param {number} time
     */
    rowAt(time) {
      let [low, high] = [0, times.length - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((times[middle] ?? 0) > time) low = middle;
        else high = middle;
      }
      const [a, b] = [times[low] ?? 0, times[high] ?? 0];
      const part = a > b ? Math.min(1, Math.max(0, (a - time) / (a - b))) : 0;
      return Math.max(0, store.total - total) + ((low + part * (high - low)) / Math.max(1, times.length - 1)) * (total - 1);
    },

    destroy() {
      loading?.abort();
    },
  };
}
