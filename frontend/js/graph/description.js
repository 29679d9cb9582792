/** What the lanes in sight look like, in words: for those who hear the page rather than see its canvas. */

import { dateOf } from "./calendar.js";
import { counted } from "../ui/dom.js";

const IDLE = 400; // ms without a change

/**
 * @param {HTMLElement} place that the grid is described by
 * @param {ReturnType<typeof import("./store.js").createStore>} store
 */
export function createDescription(place, store) {
  /** @type {number | undefined} */
  let timer;

  /** @param {import("./types.js").View} view */
  function describe({ top, count }) {
    const first = Math.ceil(top);
    const last = Math.min(store.total, Math.floor(top + count)) - 1;
    const commits = [];
    for (let row = first; row <= last; row++) {
      const commit = store.commit(row);
      if (commit) commits.push(commit);
    }
    const [newest, oldest] = [commits[0], commits.at(-1)];
    if (!newest || !oldest) return;
    const lanes = new Set(commits.flatMap(({ lane, edges }) => [lane, ...edges])).size;
    const merges = commits.filter(({ parents }) => parents.length > 1).length;
    const told = [
      `Commits ${counted(first + 1)} to ${counted(last + 1)} of ${counted(store.total)}`,
      `from ${dateOf(newest.time)} back to ${dateOf(oldest.time)}`,
      lanes === 1 ? "in one line" : `in ${lanes} lanes`,
      merges === 1 ? "with one merge" : merges ? `with ${merges} merges` : "without merges",
    ];
    const text = `${told.join(", ")}.`;
    if (place.textContent !== text) place.textContent = text;
  }

  return {
    /** @param {import("./types.js").View} view what is drawn now */
    later(view) {
      clearTimeout(timer);
      timer = setTimeout(describe, IDLE, view);
    },

    destroy() {
      clearTimeout(timer);
    },
  };
}
