/** The repository's branches and tags by name: the server is asked, since there may be a hundred thousand. */

import { getJson } from "../api.js";

const KEPT = 40;

/**
 * @typedef {{name: string, oid: string, row: number}} Ref
 * @typedef {{refs: Ref[], count: number, more: boolean}} Found `more`: there are at least `count`
 */

/** @param {string} url of the names */
export function createRefs(url) {
  /** @type {Map<string, Promise<Found>>} */
  let kept = new Map();

  return {
    /**
     * Those that have these words in their names, the likeliest first, and how many there are in all.
     * @param {string} text
     */
    matching(text) {
      let answer = kept.get(text);
      if (!answer) {
        const mine = kept;
        answer = getJson(`${url}?q=${encodeURIComponent(text.slice(0, 200))}`).then(({ refs = [], count = 0, more = false, building }) => {
          if (building) mine.delete(text);
          return { refs, count, more };
        });
        answer.catch(() => mine.delete(text));
        kept.set(text, answer);
        if (kept.size > KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
      }
      return answer;
    },

    /** Refs have moved. */
    expire() {
      kept = new Map();
    },
  };
}
