/** The keyboard: every key of the graph page, what it does, and what the help says of it, in one table. */

import { recall, remember } from "../memory.js";

const SEQUENCE = 900; // ms between the two keys of `g g`
const OFF = "gitperch.keys.off";

/**
 * @typedef {"next" | "previous" | "pageDown" | "pageUp" | "first" | "last" | "head" | "parent" | "child" | "find" | "nextHit" |
 *   "previousHit" | "filter" | "branch" | "open" | "card" | "copyHash" | "copyLink" | "mark" | "compare" | "nextFile" | "previousFile" | "firstParent" | "zoomIn" | "zoomOut" |
 *   "settings" | "help" | "escape"} Action
 * @typedef {object} Key
 * @property {Action} does
 * @property {string[]} keys as KeyboardEvent.key has them; two with a blank between them are pressed one after the other
 * @property {string} says
 * @property {string[]} [also] the same on other keyboards; not told
 * @property {boolean} [rows] only where the rows have the focus: elsewhere it belongs to whatever has it
 */

/** @type {{group: string, keys: Key[]}[]} */
export const TABLE = [
  {
    group: "Move",
    keys: [
      { does: "next", keys: ["j"], says: "the next, older commit" },
      { does: "next", keys: ["ArrowDown"], says: "", rows: true },
      { does: "previous", keys: ["k"], says: "the one before, newer" },
      { does: "previous", keys: ["ArrowUp"], says: "", rows: true },
      { does: "pageDown", keys: ["PageDown"], says: "a screen further", rows: true },
      { does: "pageUp", keys: ["PageUp"], says: "a screen back", rows: true },
      { does: "first", keys: ["g g"], says: "the newest commit" },
      { does: "first", keys: ["Home"], says: "", rows: true },
      { does: "last", keys: ["G"], says: "the oldest commit" },
      { does: "last", keys: ["End"], says: "", rows: true },
      { does: "head", keys: ["g h"], says: "the default branch" },
      { does: "parent", keys: ["[", "p"], says: "along an edge to a parent" },
      { does: "child", keys: ["]", "P"], says: "along an edge to a child" },
    ],
  },
  {
    group: "Find",
    keys: [
      { does: "find", keys: ["/"], says: "a branch, a tag, commits" },
      { does: "nextHit", keys: ["n"], says: "the next hit, older" },
      { does: "previousHit", keys: ["N"], says: "the hit before, newer" },
    ],
  },
  {
    group: "Commit",
    keys: [
      { does: "open", keys: ["o"], says: "show its details" },
      { does: "open", keys: ["Enter"], says: "", rows: true },
      { does: "card", keys: ["i"], says: "what it is, in short; again: its refs" },
      { does: "copyHash", keys: ["c"], says: "copy its id" },
      { does: "copyLink", keys: ["y"], says: "copy a link to it" },
      { does: "mark", keys: ["m"], says: "mark it to compare" },
      { does: "compare", keys: ["d"], says: "compare it with the marked one" },
      { does: "nextFile", keys: ["J"], says: "the next file that it changed" },
      { does: "previousFile", keys: ["K"], says: "the file before" },
    ],
  },
  {
    group: "View",
    keys: [
      { does: "branch", keys: ["b"], says: "its branch by itself, or all again" },
      { does: "filter", keys: ["F"], says: "choose branches, paths, dates" },
      { does: "firstParent", keys: ["f"], says: "first parents only, or all" },
      { does: "zoomIn", keys: ["+"], also: ["="], says: "larger rows" },
      { does: "zoomOut", keys: ["-"], says: "smaller rows" },
      { does: "settings", keys: [","], says: "settings" },
      { does: "help", keys: ["?"], says: "this list" },
      { does: "escape", keys: ["Escape"], says: "a step out: of a menu, the details, the search" },
    ],
  },
];

const ALL = TABLE.flatMap(({ keys }) => keys);
const BY_KEY = new Map(ALL.flatMap((key) => [...key.keys, ...(key.also ?? [])].map((name) => /** @type {const} */ ([name, key]))));
const STARTS = new Set([...BY_KEY.keys()].filter((name) => name.length > 1 && name.includes(" ")).map((name) => name.split(" ")[0]));
const FIELDS = "input, textarea, select, [contenteditable], dialog, [role='menu'], [role='listbox'], [role='textbox']";

/**
 * @param {HTMLElement} grid
 * @param {Record<Action, () => void>} actions
 */
export function createKeys(grid, actions) {
  let begun = "";
  let begunAt = 0;
  let off = recall(OFF) === "yes";
  const listeners = new AbortController();

  /**
   * @param {KeyboardEvent} event
   * @returns {Key | undefined}
   */
  function meaning(event) {
    // AltGr is how some keyboards write a bracket; it comes with Ctrl and Alt.
    const written = event.getModifierState("AltGraph");
    if (event.defaultPrevented || event.isComposing || event.metaKey || (!written && (event.ctrlKey || event.altKey))) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest(FIELDS) && event.key !== "Escape") return;
    if (target.closest("dialog, input, textarea, select")) return;
    const inRows = grid.contains(target) || target === document.body;
    if (off && !inRows && event.key !== "Escape") return;
    const sequence = event.timeStamp - begunAt < SEQUENCE ? `${begun} ${event.key}` : "";
    const key = BY_KEY.get(sequence) ?? BY_KEY.get(event.key);
    const starts = !BY_KEY.has(sequence) && STARTS.has(event.key);
    begun = starts ? event.key : "";
    begunAt = event.timeStamp;
    return key?.rows && !inRows ? undefined : key;
  }

  document.addEventListener(
    "keydown",
    (event) => {
      const key = meaning(event);
      if (!key) return;
      event.preventDefault();
      actions[key.does]();
    },
    { signal: listeners.signal },
  );

  return {
    /** Whether letters mean something only while the rows have the focus (WCAG 2.1.4). */
    get onlyInRows() {
      return off;
    },

    set onlyInRows(value) {
      off = value;
      remember(OFF, value ? "yes" : "");
    },

    destroy: () => listeners.abort(),
  };
}
