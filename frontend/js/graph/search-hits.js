/**
 * What a search has found. Hits are kept by height, which stays as it is when commits arrive above them.
 *
 * @typedef {{oid: string, subject: string, author: string, time: number}} Told
 */

export function createHits() {
  /** @type {number[]} heights, the newest commit first */
  let heights = [];
  /** @type {Set<number>} */
  const all = new Set();
  /** @type {Map<number, Told>} */
  const told = new Map();

  return {
    get count() {
      return heights.length;
    },

    clear() {
      heights = [];
      all.clear();
      told.clear();
    },

    /**
     * @param {number} total of the generation that the rows are of
     * @param {({row: number} & Told)[]} hits
     */
    add(total, hits) {
      for (const { row, ...rest } of hits) told.set(total - 1 - row, rest);
      this.addRows(
        total,
        hits.map(({ row }) => row),
      );
    },

    /**
     * Hits of which only the rows are told.
     * @param {number} total
     * @param {number[]} rows
     */
    addRows(total, rows) {
      for (const row of rows) {
        heights.push(total - 1 - row);
        all.add(total - 1 - row);
      }
    },

    /** @param {number} nth */
    height: (nth) => heights[nth] ?? -1,

    /** @param {number} nth */
    told: (nth) => told.get(heights[nth] ?? -1),

    /** @param {number} height */
    has: (height) => all.has(height),

    /** @param {number} height */
    indexOf: (height) => heights.indexOf(height),

    /**
     * The rows for a graph of so many commits.
     * @param {number} total
     */
    rows: (total) => Uint32Array.from(heights, (height) => total - 1 - height),

    /**
     * The first hit below (older than) a height, or the last above it: -1 where there is none.
     * @param {number} height
     * @param {1 | -1} direction 1 is older
     */
    beyond(height, direction) {
      if (direction > 0) return heights.findIndex((other) => other < height);
      return heights.findLastIndex((other) => other > height);
    },
  };
}
