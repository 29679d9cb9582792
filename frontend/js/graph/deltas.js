/** What a push has changed, done to the blocks at hand, so that nothing has to be asked for: a thousand pages hear of it in the same moment. */

import { BLOCK, blockOf, commitOf } from "./blocks.js";

/**
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").WireRow} WireRow
 * @typedef {[ref: string, old: string | null, next: string | null]} Move
 * @typedef {{generation: string | number, before?: string, total: number, added: number, refs?: Move[], more?: number, rows?: WireRow[]}} Change
 */

/**
 * Make those blocks that are of the graph before what the server would answer now.
 * @param {Map<number, Block>} blocks
 * @param {Change} change
 * @param {string | number} before the generation until now
 * @returns {boolean} false when the message does not tell everything; then nothing was done, and they have to be fetched anew
 */
export function applyDelta(blocks, { generation, total, added, refs, more, rows }, before) {
  if (!refs || !rows || more || rows.length !== added) return false;
  const named = new Set(rows.flatMap((row) => row.refs));
  // What an annotated tag names is not told by its own oid.
  if (!refs.every(([name, , next]) => !next || named.has(name) || name.startsWith("refs/heads/"))) return false;
  const current = [...blocks.values()].filter((block) => block.generation === before);
  const commits = rows.map((row) => commitOf(row, total - 1)).reverse();
  moveRefs(current, refs, named);
  for (const commit of commits) {
    const block = current.find(({ index }) => index === blockOf(commit.height));
    if (block?.commits[0]?.height === commit.height - 1) {
      block.commits.unshift(commit);
    } else if (commit.height % BLOCK === 0) {
      const begun = { index: blockOf(commit.height), generation, commits: [commit], passing: [] };
      blocks.set(begun.index, begun);
      current.push(begun);
    }
  }
  for (const block of current) {
    letPass(block, commits);
    block.generation = generation;
  }
  return true;
}

/**
 * @param {Block[]} blocks
 * @param {Move[]} moves
 * @param {Set<string>} named refs that are on the new rows already
 */
function moveRefs(blocks, moves, named) {
  const gone = new Set(moves.map(([name]) => name));
  /** @type {Map<string, string[]>} by oid */
  const came = new Map();
  for (const [name, , next] of moves) {
    if (next && !named.has(name)) came.set(next, [...(came.get(next) ?? []), name]);
  }
  for (const block of blocks) {
    block.commits.forEach((commit, nth) => {
      const arrived = came.get(commit.oid);
      if (!arrived && !commit.refs.some((name) => gone.has(name))) return;
      const refs = [...commit.refs.filter((name) => !gone.has(name)), ...(arrived ?? [])].sort();
      block.commits[nth] = { ...commit, refs };
    });
  }
}

/**
 * Edges of new commits above a block come into it.
 * @param {Block} block
 * @param {Commit[]} commits the new ones
 */
function letPass(block, commits) {
  const top = block.commits[0]?.height ?? -1;
  for (const commit of commits) {
    if (commit.height <= top) continue;
    commit.parents.forEach((parent, nth) => {
      const lane = commit.edges[nth] ?? commit.lane;
      if (parent < 0 || parent > top || block.passing.some(([at, end]) => at === lane && end === parent)) return;
      block.passing.push([lane, parent]);
    });
  }
}
