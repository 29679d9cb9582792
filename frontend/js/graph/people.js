/** A colour and a letter for everybody, the same ones that the server's pages show. */

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

/** @param {string} name */
export function initial(name) {
  return /[\p{L}\p{N}]/u.exec(name)?.[0] ?? "?";
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
