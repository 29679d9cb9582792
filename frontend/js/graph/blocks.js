/** From the server's windows, which count rows from the top, to blocks by height, which stay what they are when commits arrive. */

/**
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").Passing} Passing
 * @typedef {import("./types.js").WireWindow} WireWindow
 */

export const BLOCK = 128;

/** @param {number} height */
export function blockOf(height) {
  return Math.floor(height / BLOCK);
}

/**
 * @param {import("./types.js").WireRow} row
 * @param {number} bottom the greatest height
 * @returns {Commit}
 */
export function commitOf({ row, parents, ...rest }, bottom) {
  return { ...rest, height: bottom - row, parents: parents.map((parent) => (parent < 0 ? -1 : bottom - parent)) };
}

/**
 * The blocks that lie wholly within `answer`.
 * @param {WireWindow} answer
 * @param {{cut?: boolean}} [how] `cut`: also the one that it has only the upper part of, which is better than nothing
 * @returns {Block[]}
 */
export function blocksFrom(answer, { cut = false } = {}) {
  const bottom = answer.total - 1;
  const commits = answer.rows.map((row) => commitOf(row, bottom));
  /** @type {Block[]} */
  const found = [];
  /** @type {Passing[]} */
  let alive = answer.passing.map(([lane, row, skipped]) => [lane, bottom - row, skipped]);
  for (let from = 0; from < commits.length; ) {
    const height = /** @type {Commit} */ (commits[from]).height;
    const index = blockOf(height);
    const count = height - index * BLOCK + 1;
    const inside = commits.slice(from, from + count);
    const topmost = height === Math.min(bottom, index * BLOCK + BLOCK - 1);
    if (topmost && (cut || inside.length === count)) {
      found.push({ index, generation: answer.generation, commits: inside, passing: alive });
    }
    alive = passingBelow(alive, inside);
    from += count;
  }
  return found;
}

/**
 * Which edges reach below `commits`.
 * @param {Passing[]} alive those that came in above them
 * @param {Commit[]} commits
 * @returns {Passing[]}
 */
function passingBelow(alive, commits) {
  const lowest = commits.at(-1)?.height ?? 0;
  const below = alive.filter(([, height]) => height < lowest);
  for (const commit of commits) {
    commit.parents.forEach((parent, nth) => {
      if (parent >= 0 && parent < lowest) below.push([commit.edges[nth] ?? commit.lane, parent, commit.skipped?.includes(nth) ? 1 : 0]);
    });
  }
  return below;
}
