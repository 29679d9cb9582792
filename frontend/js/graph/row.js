/** One row of the list: made once, filled again and again with whichever commit comes into sight. */

import { element } from "./dom.js";
import { chips } from "./chips.js";
import { hue, initial } from "./people.js";
import { absoluteTime, relativeTime } from "./time.js";

/**
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {{defaultBranch: string, links: import("./chips.js").Links}} RowContext
 * @typedef {ReturnType<typeof createRow>} Row
 */

/** @param {string} id */
export function createRow(id) {
  const refs = element("span", { class: "row-refs" });
  const subject = element("span", { class: "row-subject" });
  const avatar = element("span", { class: "avatar", "aria-hidden": "true" });
  const author = element("span", { class: "row-author-name" });
  const time = element("time");
  const node = element(
    "div",
    { role: "row", id, class: "row" },
    element("div", { role: "gridcell", class: "row-title" }, refs, subject),
    element("div", { role: "gridcell", class: "row-author" }, avatar, author),
    element("div", { role: "gridcell", class: "row-time" }, time),
  );
  /** @type {Commit | undefined} */
  let shown;
  let shownAt = -1;

  return {
    node,
    get commit() {
      return shown;
    },

    /**
     * @param {Commit | undefined} commit undefined while it is on its way
     * @param {RowContext} context
     */
    fill(commit, context) {
      if (commit === shown && (commit || node.dataset.waiting !== undefined)) return;
      shown = commit;
      if (!commit) {
        node.dataset.waiting = "";
        refs.replaceChildren();
        for (const cell of [subject, author, time, avatar]) cell.textContent = "";
        return;
      }
      delete node.dataset.waiting;
      refs.replaceChildren(...chips(commit.refs, commit.lane, context.defaultBranch, context.links));
      subject.textContent = commit.subject || "(no message)";
      subject.title = commit.subject;
      author.textContent = commit.author || "unknown";
      author.title = commit.email ? `${commit.author} <${commit.email}>` : commit.author;
      avatar.textContent = initial(commit.author);
      avatar.dataset.hue = String(hue(commit.author));
      time.dateTime = new Date(commit.time * 1000).toISOString();
      time.title = absoluteTime(commit.time);
      time.textContent = relativeTime(commit.time);
    },

    /** Its chips have other links now, or the default branch is another.
     * @param {RowContext} context
     */
    relabel(context) {
      if (shown) refs.replaceChildren(...chips(shown.refs, shown.lane, context.defaultBranch, context.links));
    },

    /** Time has passed. */
    age() {
      if (shown) time.textContent = relativeTime(shown.time);
    },

    /**
     * @param {number} row from the top
     * @param {number} offset px
     */
    place(row, offset) {
      if (shownAt === offset && node.ariaRowIndex === String(row + 1)) return;
      shownAt = offset;
      node.ariaRowIndex = String(row + 1);
      node.style.transform = `translateY(${offset}px)`;
    },

    /**
     * @param {boolean} current where the keyboard is
     * @param {boolean} selected whose details are shown
     */
    mark(current, selected) {
      node.toggleAttribute("data-current", current);
      node.ariaSelected = String(selected);
    },
  };
}
