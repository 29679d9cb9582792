/** Text of somebody's, in which nothing hides: as the server's `characters.py` has it. */
import { element } from "./dom.js";

// Controls, what turns the direction of text, what is not seen. Joiners stay: Persian and emoji are written with them.
const ODD =
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  /[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const EACH = new RegExp(ODD.source, "gu");

/**
 * The text in pieces, each odd character as an element that names it.
 * @param {string} text
 * @returns {(string | HTMLElement)[]}
 */
export function shown(text) {
  if (!ODD.test(text)) return [text]; // nearly always
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let at = 0;
  for (const { 0: character, index } of text.trimEnd().matchAll(EACH)) {
    const name = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    parts.push(text.slice(at, index), element("i", { class: "odd", title: name }, name));
    at = index + character.length;
  }
  return [...parts, text.slice(at).trimEnd()];
}
