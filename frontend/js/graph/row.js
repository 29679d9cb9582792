/** One row of the list: made once, filled again and again with whichever commit comes into sight. */

import { element } from "../ui/dom.js";
import { chips } from "./chips.js";
import { shown as named } from "../ui/odd.js";
import { hue, initials } from "./people.js";
import { absoluteTime, relativeTime, shortTime } from "./time.js";

/**
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {{defaultBranch: string, links: import("./chips.js").Links, settings: Readonly<import("./settings.js").Settings>}} RowContext
 * @typedef {ReturnType<typeof createRow>} Row
 */

/** @param {string} id */
export function createRow(id) {
  const refs = element("span", { class: "row-refs" });
  const kind = element("span", { class: "visually-hidden" });
  const subject = element("span", { class: "row-subject" });
  const period = element("span", { class: "row-period", "aria-hidden": "true" });
  const hash = element("span", { class: "oid" });
  const avatar = element("span", { class: "avatar", "aria-hidden": "true" });
  const author = element("span", { class: "row-author-name" });
  const time = element("time");
  const node = element(
    "div",
    { role: "row", id, class: "row" },
    element("div", { role: "gridcell", class: "row-title" }, refs, kind, subject, period),
    element("div", { role: "gridcell", class: "row-hash" }, hash),
    element("div", { role: "gridcell", class: "row-author" }, avatar, author),
    element("div", { role: "gridcell", class: "row-time" }, time),
  );
  /** @type {Commit | undefined} */
  let shown;
  let shownAt = NaN;
  let shownRow = -1;
  let marks = "";
  let explained = false;

  /** @param {RowContext} context */
  function tellTime({ settings }) {
    if (shown) time.textContent = settings.times === "absolute" ? shortTime(shown.time) : relativeTime(shown.time);
  }

  /** @param {RowContext} context */
  function label({ defaultBranch, links, settings }) {
    if (!shown) return refs.replaceChildren();
    const named = settings.tags ? shown.refs : shown.refs.filter((ref) => !ref.startsWith("refs/tags/"));
    if (named.length || refs.firstChild) refs.replaceChildren(...chips(named, settings.color === "lane" ? shown.lane : -1, defaultBranch, links));
  }

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
      label(context);
      if (!commit) {
        node.dataset.waiting = "";
        for (const cell of [subject, author, time, avatar, hash, kind, period]) cell.textContent = "";
        return;
      }
      delete node.dataset.waiting;
      const parents = commit.parents.length;
      kind.textContent = parents > 1 ? `merge of ${parents}, ` : parents ? "" : "first commit, ";
      subject.replaceChildren(...named(commit.subject || "(no message)"));
      hash.textContent = commit.oid.slice(0, 8);
      author.replaceChildren(...named(commit.author || "unknown"));
      avatar.textContent = initials(commit.author);
      avatar.dataset.hue = String(hue(commit.author));
      if (explained) subject.title = time.title = "";
      explained = false;
      tellTime(context);
    },

    /** Its chips have other links now, the default branch is another, or the settings are.
     * @param {RowContext} context
     */
    relabel(context) {
      label(context);
      tellTime(context);
    },

    /** The pointer is over it: what takes long to word, and is rarely read. */
    explain() {
      if (!shown || explained) return;
      explained = true;
      subject.title = shown.subject;
      time.title = absoluteTime(shown.time);
      time.dateTime = new Date(shown.time * 1000).toISOString();
    },

    /**
     * @param {number} row from the top
     * @param {number} offset px
     */
    place(row, offset) {
      if (row !== shownRow) node.ariaRowIndex = String(row + 1);
      if (offset !== shownAt) node.style.transform = `translateY(${offset}px)`;
      shownRow = row;
      shownAt = offset;
    },

    /**
     * @param {object} is
     * @param {boolean} is.current where the keyboard is
     * @param {boolean} is.selected whose details are shown
     * @param {boolean} is.fresh just arrived
     * @param {boolean} is.dim not of what is looked at
     * @param {boolean} is.hit found by a search
     * @param {number} is.label px from the left where its labels are put where rows have no words; -1 for no room
     * @param {string} is.period the stretch of time that begins with it
     */
    mark(is) {
      const next = `${is.current}${is.selected}${is.fresh}${is.dim}${is.hit}${is.label}${is.period}`;
      if (next === marks) return;
      marks = next;
      node.toggleAttribute("data-current", is.current);
      node.ariaSelected = is.selected ? "true" : null; // of each of the others it would be said that it is not selected
      node.toggleAttribute("data-fresh", is.fresh);
      node.toggleAttribute("data-dim", is.dim);
      node.toggleAttribute("data-hit", is.hit);
      node.toggleAttribute("data-crowded", is.label < 0);
      refs.style.left = is.label > 0 ? `${is.label}px` : "";
      node.toggleAttribute("data-period", is.period !== "");
      period.textContent = is.period;
    },
  };
}
