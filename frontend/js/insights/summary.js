/** The figures at the top, and in words which days they are about. */

import { day, number, percent, plural } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */

/** @param {HTMLElement} root */
export function createSummary(root) {
  /**
   * @param {string} key
   * @param {string} text
   * @param {string} [note]
   */
  function put(key, text, note) {
    const [figure, small] = [root.querySelector(`[data-figure="${key}"]`), root.querySelector(`[data-note="${key}"]`)];
    if (figure && figure.textContent !== text) figure.textContent = text;
    if (small && note !== undefined) small.textContent = note;
  }

  return {
    /** @param {Figures} figures */
    show(figures) {
      put("commits", number(figures.commits));
      put("people", number(figures.people));
      put("added", number(figures.added));
      put("deleted", number(figures.deleted));
      put("merges", percent(figures.merges, figures.commits), number(figures.merges));
      put("rework", percent(figures.rework.reworked, figures.rework.lines));
      const words = root.querySelector("[data-words]");
      if (words) words.textContent = sentence(figures);
    },
  };
}

/** @param {Figures} figures */
function sentence({ tip, first, last, head, active_days, unread, weeks, current }) {
  if (!tip) return "The default branch has no commits yet. The settings say which branch that is.";
  if (!first || !last) return "Nobody committed anything in these days.";
  const parts = [`${day(first)} to ${day(last)} on ${head.replace(/^refs\/heads\//, "")}, with commits on ${plural(active_days, "day")}.`];
  if (weeks.outside) parts.push(`${plural(weeks.outside, "commit")} with dates far off ${weeks.outside === 1 ? "is" : "are"} not in the charts.`);
  if (unread) parts.push(`What ${plural(unread, "commit")} changed is not known here.`);
  if (!current) parts.push("What was pushed last is being counted.");
  return parts.join(" ");
}
