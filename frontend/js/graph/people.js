/** A colour and initials for everybody, the same ones that the server's pages show. */

const HUES = 11;
/** @type {Map<string, number>} */
const known = new Map();

/** @param {string} name */
export function hue(name) {
  let value = known.get(name);
  if (value === undefined) {
    value = (crc32(new TextEncoder().encode(name.toLowerCase())) % HUES) + 1;
    if (known.size > 2000) known.clear();
    known.set(name, value);
  }
  return value;
}

/**
 * The first letters of the first and the last word of a name; one letter where there is one word.
 * @param {string} name
 */
export function initials(name) {
  // Most names need no knowledge of all scripts, and the pattern that has it takes a while to make.
  const plain = /^[ -~]*$/.test(name);
  const words = name.replace(/[([{<].*/s, "");
  const letters = words.match(plain ? /(?<![A-Za-z0-9'])[A-Za-z0-9]/g : /(?<![\p{L}\p{N}\p{M}'’])[\p{L}\p{N}]\p{M}*/gu);
  const first = letters?.[0] ?? /[\p{L}\p{N}]/u.exec(name)?.[0] ?? "?";
  return first + (letters && letters.length > 1 ? letters.at(-1) : "");
}

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
