/** Labels of refs: branches are pills, tags are flags, stashes and other refs are boxes, the default branch is filled; a branch with a preview carries its dot. */

import { element } from "../ui/dom.js";
import { hueOf } from "./edges.js";

const SHOWN = 3;
const WORDS = /** @type {Record<string, string>} */ ({ heads: "branch", tags: "tag", pull: "pull request", notes: "notes" });
/** Where stashes are pushed to: git lets nobody push `refs/stash` itself. */
export const STASHES = "refs/stashes/";

/** @typedef {Map<string, import("./types.js").BranchLink>} Links */

/**
 * @typedef {object} RefName
 * @property {string} ref the full name
 * @property {"heads" | "tags" | "pull" | "stash" | "other"} kind
 * @property {string} short as people say it
 * @property {string} word what it is
 */

/**
 * @param {string} ref a full name
 * @returns {RefName}
 */
export function nameOf(ref) {
  if (ref.startsWith(STASHES)) return { ref, kind: "stash", short: ref.slice(STASHES.length), word: "stash" };
  const [, kind = "", short = ""] = /^refs\/([^/]+)\/(.+)$/s.exec(ref) ?? [];
  if (kind === "heads" || kind === "tags") return { ref, kind, short, word: WORDS[kind] ?? "" };
  if (kind === "pull") return { ref, kind, short: `#${short.replace(/\/(head|merge)$/, "")}`, word: WORDS[kind] ?? "" };
  return { ref, kind: "other", short: ref.replace(/^refs\//, ""), word: "ref" };
}

/**
 * @param {string[]} refs full names
 * @param {number} lane of the commit that they name; -1 for no colour
 * @param {string} defaultBranch
 * @param {Links} links
 * @returns {HTMLElement[]}
 */
export function chips(refs, lane, defaultBranch, links) {
  const named = refs.map(nameOf).sort((a, b) => rank(a, defaultBranch) - rank(b, defaultBranch) || a.short.localeCompare(b.short));
  const shown = named.length > SHOWN + 1 ? named.slice(0, SHOWN) : named;
  const made = shown.map((name) => chip(name, lane, name.kind === "heads" && name.short === defaultBranch, links));
  const more = named.slice(shown.length);
  if (more.length) {
    made.push(element("span", { class: "chip chip-more" }, `+${more.length}`, heard(" more")));
  }
  return made.flatMap((label) => [label, heard(", ")]); // before the next one, or the subject
}

/**
 * @param {RefName} name
 * @param {string} defaultBranch
 */
function rank({ kind, short }, defaultBranch) {
  if (kind === "heads") return short === defaultBranch ? 0 : 1;
  return kind === "tags" ? 2 : 3;
}

/**
 * @param {RefName} name
 * @param {number} lane
 * @param {boolean} isDefault
 * @param {Links} links
 */
function chip({ ref, kind, short, word }, lane, isDefault, links) {
  const hue = lane < 0 ? null : hueOf(lane);
  const made = element(
    "span",
    { class: `chip chip-${kind}`, "data-hue": hue, "data-ref": ref, "data-default": isDefault },
    heard(word ? `${word} ` : ""),
    element("span", { class: "chip-name" }, short),
  );
  const link = kind === "heads" ? links.get(short) : undefined;
  if (link?.state) made.append(previewDot(short, link.url, link.state));
  return made;
}

/** @param {string} words for those who do not see the label's form */
const heard = (words) => element("span", { class: "visually-hidden" }, words);

/**
 * @param {string} branch
 * @param {string} url
 * @param {string} state
 */
function previewDot(branch, url, state) {
  const says = `Preview of ${branch}: ${state}`;
  return element(
    "a",
    { class: "chip-preview", href: url, title: says, "aria-label": says, tabindex: -1 },
    element("span", { class: "dot", "data-state": state, "aria-hidden": "true" }),
  );
}
