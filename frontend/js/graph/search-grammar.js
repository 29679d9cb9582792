/**
 * The words of a search, as far as the page has to know them: to help somebody who types, and to show what was found.
 * What a search means, the server decides.
 *
 * @typedef {object} Token
 * @property {number} at where it begins
 * @property {number} end
 * @property {boolean} not
 * @property {string} key in lower case; "" for bare text
 * @property {string} value without quotes
 */

/** @type {[key: string, says: string][]} */
export const KEYS = [
  ["author", "who wrote it"],
  ["message", "words of the message"],
  ["hash", "the beginning of a commit’s id"],
  ["after", "since a date, or 7d, 2w, 3m, 1y"],
  ["before", "until a date, or 7d, 2w, 3m, 1y"],
  ["merge", "only or exclude"],
  ["branch", "reached from a branch"],
  ["tag", "reached from a tag"],
  ["file", "changed a file of this name"],
  ["path", "changed something below a folder"],
];
const KNOWN = new Set(KEYS.map(([key]) => key));
const TOKEN = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S*))/iy;

/**
 * @param {string} text
 * @returns {Token[]}
 */
export function tokens(text) {
  const found = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text.charAt(at))) {
      at++;
      continue;
    }
    TOKEN.lastIndex = at;
    const [whole = "", minus = "", key = "", quoted, plain = ""] = TOKEN.exec(text) ?? [];
    const known = KNOWN.has(key.toLowerCase());
    const end = at + Math.max(1, whole.length);
    const value = quoted ?? plain;
    found.push({ at, end, not: minus !== "", key: known ? key.toLowerCase() : "", value: known || !key ? value : `${key}:${value}` });
    at = end;
  }
  return found;
}

/**
 * Whether this is more than plain words: then it cannot be the name of a ref.
 * @param {string} text
 */
export function isGrammar(text) {
  return /["\s]/.test(text.trim()) || tokens(text).some(({ key, not }) => key || not);
}

/**
 * A value as it has to be written after a key.
 * @param {string} value
 */
export const quoted = (value) => (/\s/.test(value) ? `"${value.replaceAll('"', "")}"` : value);

/**
 * What to show of a hit: its subject for words of the message, its author for those of the author; bare words may be in both.
 * @param {{key: string, value: string, negated: boolean}[]} terms as the server understood them
 * @returns {{text: RegExp | null, author: RegExp | null}}
 */
export function needles(terms) {
  const wanted = terms.filter(({ negated, value }) => !negated && value);
  /** @param {string[]} keys */
  const of = (keys) => pattern(wanted.filter(({ key }) => keys.includes(key)).map(({ value }) => value));
  return { text: of(["text", "message"]), author: of(["text", "author"]) };
}

/** @param {string[]} words */
function pattern(words) {
  if (!words.length) return null;
  const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+"));
  return new RegExp(escaped.join("|"), "giu");
}

/**
 * `text` with what `needle` matches in `<mark>`.
 * @param {string} text
 * @param {RegExp | null} needle
 * @returns {(Node | string)[]}
 */
export function marked(text, needle) {
  if (!needle) return [text];
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(needle)) {
    if (!match[0]) continue;
    parts.push(text.slice(from, match.index));
    const mark = document.createElement("mark");
    mark.textContent = match[0];
    parts.push(mark);
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}
