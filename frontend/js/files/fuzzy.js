/**
 * Finds paths by a few of their letters. A hundred thousand paths take a few milliseconds a key: most are ruled out by one
 * comparison of the letters that they have at all.
 */

const SEPARATOR = /[/._\- ]/;

/**
 * @typedef {object} Found
 * @property {string} path
 * @property {number[]} letters positions in the path that matched, ascending
 */

/** @param {string[]} paths */
export function createIndex(paths) {
  const lower = paths.map((path) => path.toLowerCase());
  const masks = Uint32Array.from(lower, maskOf);
  let before = { query: "", among: /** @type {Uint32Array | null} */ (null) };

  /**
   * The best matches of `query`, best first, and how many there are in all.
   * @param {string} query
   * @param {number} limit
   * @returns {{found: Found[], count: number}}
   */
  function search(query, limit) {
    const wanted = query.toLowerCase().replaceAll(" ", "");
    if (!wanted) return { found: paths.slice(0, limit).map((path) => ({ path, letters: [] })), count: paths.length };
    const among = before.among && before.query && wanted.startsWith(before.query) ? before.among : null;
    const total = among ? among.length : paths.length;
    const mask = maskOf(wanted);
    const hits = new Uint32Array(total);
    /** @type {{score: number, n: number}[]} */
    const best = [];
    let count = 0;
    for (let at = 0; at < total; at++) {
      const n = among ? /** @type {number} */ (among[at]) : at;
      if ((/** @type {number} */ (masks[n]) & mask) !== mask) continue;
      const score = scoreOf(/** @type {string} */ (lower[n]), wanted);
      if (score < 0) continue;
      hits[count++] = n;
      if (best.length === limit && score <= /** @type {{score: number}} */ (best.at(-1)).score) continue;
      let place = best.length;
      while (place > 0 && /** @type {{score: number}} */ (best[place - 1]).score < score) place--;
      best.splice(place, 0, { score, n });
      if (best.length > limit) best.pop();
    }
    before = { query: wanted, among: hits.subarray(0, count) };
    const found = best.map(({ n }) => ({ path: paths[n] ?? "", letters: lettersOf(lower[n] ?? "", wanted) }));
    return { found, count };
  }

  return { search, size: paths.length };
}

/** @param {string} text one bit for each letter and digit that it has */
function maskOf(text) {
  let mask = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 97 && code <= 122) mask |= 1 << (code - 97);
    else if (code >= 48 && code <= 57) mask |= 1 << 26;
    else if (code > 127) mask |= 1 << 27;
  }
  return mask >>> 0;
}

/**
 * Higher is better, -1 for none: the name before the folders, whole words before pieces, pieces before scattered letters.
 * @param {string} path
 * @param {string} wanted
 */
function scoreOf(path, wanted) {
  const base = path.lastIndexOf("/") + 1;
  const inName = path.indexOf(wanted, base);
  if (inName >= 0) return 4000 + (inName === base ? 600 : begins(path, inName) ? 300 : 0) + (path.length - base === wanted.length ? 800 : 0) - path.length;
  const inPath = path.lastIndexOf(wanted);
  if (inPath >= 0) return 3000 + (begins(path, inPath) ? 300 : 0) - path.length;
  const letters = lettersOf(path, wanted);
  const first = letters[0];
  const last = letters.at(-1);
  if (first === undefined || last === undefined) return -1;
  let bonus = first >= base ? 400 : 0;
  for (let at = 0; at < letters.length; at++) {
    const letter = /** @type {number} */ (letters[at]);
    if (letters[at - 1] === letter - 1) bonus += 20;
    else if (begins(path, letter)) bonus += 30;
  }
  return Math.max(0, 1500 + bonus - 2 * (last - first) - path.length);
}

/**
 * Where the letters of `wanted` are, one after the other; as one piece if there is one, else as late as possible. Empty for none.
 * @param {string} path
 * @param {string} wanted
 */
function lettersOf(path, wanted) {
  const inName = path.indexOf(wanted, path.lastIndexOf("/") + 1);
  const whole = inName >= 0 ? inName : path.lastIndexOf(wanted);
  if (whole >= 0) return Array.from(wanted, (_, n) => whole + n);
  const letters = new Array(wanted.length);
  let at = path.length;
  for (let n = wanted.length - 1; n >= 0; n--) {
    at = at > 0 ? path.lastIndexOf(/** @type {string} */ (wanted[n]), at - 1) : -1;
    if (at < 0) return [];
    letters[n] = at;
  }
  return letters;
}

/**
 * @param {string} path
 * @param {number} at
 */
function begins(path, at) {
  return at === 0 || SEPARATOR.test(path[at - 1] ?? "");
}
