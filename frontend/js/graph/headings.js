/** Which stretch of time the rows are of: said where one begins, and at the upper edge for the rows in sight. */

import { periodOf } from "./calendar.js";

const QUARTER = 900; // s; every time zone's midnight falls on one
const KEPT = 5000;

/** @typedef {import("./types.js").Commit} Commit */

/** @param {HTMLElement} heading made like a row; it stays at the upper edge and is pushed away by the next */
export function createHeadings(heading) {
  const label = heading.querySelector(".row-period") ?? heading;
  /** @type {Map<number, {key: number, name: string}>} */
  const known = new Map();
  let day = "";
  /** @type {{key: number, name: string} | undefined} of the row above */
  let above;
  /** @type {string | undefined} */
  let top;
  let pushing = Infinity;
  let shown = "";

  /** @param {Commit | undefined} commit */
  function of(commit) {
    if (!commit) return;
    const slot = Math.floor(commit.time / QUARTER);
    let period = known.get(slot);
    if (!period) {
      if (known.size > KEPT) known.clear();
      known.set(slot, (period = periodOf(commit.time)));
    }
    return period;
  }

  return {
    /** @param {Commit | undefined} commit that lies above the rows in sight */
    begin(commit) {
      const today = new Date().toDateString();
      if (today !== day) known.clear();
      day = today;
      above = of(commit);
      top = undefined;
      pushing = Infinity;
    },

    /**
     * @param {Commit | undefined} commit
     * @param {number} y px below the upper edge
     * @returns {string} the name of the stretch that begins with it, else ""
     */
    next(commit, y) {
      const period = of(commit);
      if (!period) {
        above = undefined;
        return "";
      }
      top ??= period.name;
      // Clocks run wrong: what is newer again begins nothing.
      const begins = above !== undefined && period.key < above.key;
      if (!above || begins) above = period;
      if (begins && y > 0) pushing = Math.min(pushing, y);
      return begins ? period.name : "";
    },

    /** @param {number} rowHeight px */
    end(rowHeight) {
      const y = Math.min(0, pushing - rowHeight);
      const next = `${top ?? ""}|${y}`;
      if (next === shown) return;
      shown = next;
      if (label.textContent !== (top ?? "")) label.textContent = top ?? "";
      heading.style.transform = `translateY(${y}px)`;
    },
  };
}
