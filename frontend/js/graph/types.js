/**
 * What the graph's API answers, and what the modules here hand to each other.
 *
 * Rows count from the top, newest first, so they all change when commits arrive. A commit's *height* counts from the bottom:
 * it stays the same, and everything that is kept for longer than a moment is kept by it.
 *
 * @typedef {object} WireRow
 * @property {number} row
 * @property {string} oid
 * @property {number} lane
 * @property {number[]} parents their rows; -1 for one that is not in the repository
 * @property {number[]} edges the lane in which the edge to each parent runs
 * @property {number[]} [skipped] which edges, counted from 0, run over hidden commits
 * @property {string} author
 * @property {string} email
 * @property {number} time Unix seconds
 * @property {string} subject
 * @property {string[]} refs full names
 *
 * @typedef {object} WireWindow
 * @property {string | number} generation
 * @property {number} total
 * @property {number} at the first row
 * @property {string | null} head
 * @property {number} lanes how many there are in all
 * @property {WireRow[]} rows
 * @property {[lane: number, row: number, skipped?: number][]} passing edges that come in from above, and the row where they end
 * @property {number} [focus] the row of what was asked for
 *
 * @typedef {object} Commit
 * @property {number} height
 * @property {string} oid
 * @property {number} lane
 * @property {number[]} parents heights; -1 unknown
 * @property {number[]} edges
 * @property {number[]} [skipped]
 * @property {string} author
 * @property {string} email
 * @property {number} time
 * @property {string} subject
 * @property {string[]} refs
 *
 * @typedef {[lane: number, height: number, skipped?: number]} Passing an edge that comes in from above; 1: over hidden commits
 *
 * @typedef {object} Block
 * @property {number} index it holds the heights from index × BLOCK
 * @property {string | number} generation
 * @property {Commit[]} commits from the top down
 * @property {Passing[]} passing
 *
 * @typedef {{top: number, count: number, rowHeight: number, width: number, height: number}} View
 *   `top` is the row at the upper edge, with a fraction; `count` rows fit
 *
 * @typedef {{url: string, state: string | null}} BranchLink
 */

export {};
