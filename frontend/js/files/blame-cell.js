/** What stands before the lines of a commit: the age's bar, who, what, when, and the way to before the change. */
import { element } from "../ui/dom.js";
import { shown } from "../ui/odd.js";
import { time } from "./last.js";

const DAY = 86_400;
/** Days from which on a line is of the next age; the bar gets paler with each. */
const AGES = [14, 60, 180, 365, 2 * 365, 4 * 365, 8 * 365];

/**
 * @typedef {object} BlameCommit
 * @property {string} oid
 * @property {string} author
 * @property {string} email
 * @property {number} hue
 * @property {string} initials
 * @property {number} time
 * @property {string} subject
 * @property {boolean} boundary
 */
/**
 * @typedef {object} BlameGroup
 * @property {number} line
 * @property {number} count
 * @property {number} source
 * @property {string} oid
 * @property {string} path
 * @property {string | null} previous
 */

/**
 * @param {BlameCommit} commit
 * @param {number} now when what is shown was committed, Unix seconds
 */
export function ageOf(commit, now) {
  const days = (now - commit.time) / DAY;
  const age = AGES.findIndex((limit) => days < limit);
  return age < 0 ? AGES.length : age;
}

/**
 * The address of blame before the change that brought these lines; "" where the file began.
 * @param {BlameGroup} group
 * @param {{before: string, query: string}} how
 */
export function beforeOf(group, how) {
  return group.previous ? `${how.before}${group.previous}${how.query.replace("&", "?")}#L${group.source}` : "";
}

/**
 * The first line of a group says it all, the others only carry the bar on.
 * @param {HTMLElement} cell
 * @param {BlameGroup} group
 * @param {BlameCommit} commit
 * @param {{first: boolean, age: number, root: string, before: string, query: string}} how
 */
export function fillCell(cell, group, commit, how) {
  cell.dataset.age = String(how.age);
  cell.dataset.oid = commit.oid;
  cell.classList.toggle("first", how.first);
  if (!how.first) {
    cell.replaceChildren();
    return;
  }
  const who = commit.author || commit.email;
  const href = beforeOf(group, how);
  const before = href
    ? element("a", {
        class: "before", href,
        "aria-label": `Blame before this change, ${commit.oid.slice(0, 8)}`, title: "Blame before this change",
      })
    : null;
  cell.replaceChildren(
    element(
      "span",
      { class: "origin-row" },
      element("span", { class: "avatar", "data-hue": commit.hue, "aria-hidden": "true" }, commit.initials),
      element("a", { class: "subject", href: `${how.root}/commit/${commit.oid}`, "aria-description": who }, ...shown(commit.subject || "(no message)")),
      time(commit.time),
      ...(before ? [before] : []),
    ),
  );
}
