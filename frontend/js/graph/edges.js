/**
 * The edges between commits: from a child into the edge's lane, down that, and into the parent, with round corners.
 *
 * A row has one commit only, so what runs level with it crosses other lanes at right angles and meets no other commit.
 */

const MARGIN = 24; // px left of the first lane
export const WIDEST = 14; // px between two lanes
const NARROWEST = 7;
const FEW = 12; // lanes that get all the room they want
const MANY = 64;
const ROUND = 12; // px
const CLOSE = 22; // px of a row, below which lanes come closer, too
export const HUES = 8;

/** @typedef {ReturnType<typeof import("./store.js").createStore>} Store */

/**
 * How far apart the lanes of a history are, in px: the more there are, and the lower the rows, the closer; but always the same for one history.
 * @param {number} lanes
 * @param {number} rowHeight
 */
export function pitchOf(lanes, rowHeight) {
  const crowd = Math.min(1, Math.max(0, (lanes - FEW) / (MANY - FEW)));
  const pitch = WIDEST - crowd * (WIDEST - NARROWEST);
  return Math.round(rowHeight < CLOSE ? pitch * (0.55 + (0.45 * rowHeight) / CLOSE) : pitch);
}

/**
 * The width of a column that shows so many lanes whole.
 * @param {number} lanes
 * @param {number} pitch
 */
export const widthOf = (lanes, pitch) => laneX(Math.max(0, lanes - 1), pitch) + WIDEST;

/**
 * @param {number} lane its centre in px
 * @param {number} pitch
 */
export const laneX = (lane, pitch) => MARGIN + lane * pitch;

/**
 * The lane whose line is at `x`; -1 where there is none.
 * @param {number} x px
 * @param {number} pitch
 */
export function laneAt(x, pitch) {
  const lane = Math.round((x - MARGIN) / pitch);
  return Math.abs(laneX(lane, pitch) - x) <= Math.min(6, pitch / 2) ? lane : -1;
}

/** @param {number} lane the default branch has a colour of its own, the others share eight */
export const hueOf = (lane) => (lane === 0 ? 0 : 1 + ((lane - 1) % HUES));

/**
 * How many lanes the rows from `first` to `last` reach into, as far as they are at hand.
 * @param {Store} store
 * @param {number} first
 * @param {number} last
 */
export function lanesInSight(store, first, last) {
  let most = 0;
  const bottom = store.total - 1;
  for (const block of store.blocks(first, last)) {
    for (const [lane, height] of block.passing) if (bottom - height >= first) most = Math.max(most, lane);
    for (const commit of block.commits) {
      const row = bottom - commit.height;
      if (row > last) break;
      commit.parents.forEach((parent, nth) => {
        if (row >= first || bottom - parent >= first) most = Math.max(most, commit.edges[nth] ?? 0);
      });
      if (row >= first) most = Math.max(most, commit.lane);
    }
  }
  return most + 1;
}

/** How an edge is drawn: those that begin or end in sight, those that only pass, and those of no interest now. */
export const LEVELS = /** @type {const} */ ({ near: 0, passing: 1, dim: 2 });
export const DOTTED = 3; // is added to the level of an edge over hidden commits

/**
 * The edges that cross the rows from `first` to `last`, as paths to stroke: `paths[level][hue]`, with DOTTED from the fourth level on.
 * @param {Store} store
 * @param {number} first
 * @param {number} last
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 * @param {(lane: number, parent: number, child?: import("./types.js").Commit) => boolean} isDim
 * @returns {(Path2D | undefined)[][]}
 */
export function edgePaths(store, first, last, y, x, isDim) {
  /** @type {(Path2D | undefined)[][]} */
  const paths = [[], [], [], [], [], []];
  const bottom = store.total - 1;
  /**
   * @param {number} lane
   * @param {number} row of the child
   * @param {number} end the parent's
   * @param {boolean} dim
   * @param {boolean} dotted
   */
  const pathOf = (lane, row, end, dim, dotted) => {
    const level = dim ? LEVELS.dim : row < first - 1 && end > last + 1 ? LEVELS.passing : LEVELS.near;
    return (/** @type {(Path2D | undefined)[]} */ (paths[dotted ? level + DOTTED : level])[hueOf(lane)] ??= new Path2D());
  };
  let above = -2; // the block that was visited before
  for (const block of store.blocks(first, last)) {
    const top = block.commits[0];
    if (!top) continue;
    if (above !== block.index + 1) {
      for (const [lane, height, skipped] of block.passing) {
        const end = bottom - height;
        if (end < first - 1) continue;
        addDescent(pathOf(lane, -1, end, isDim(lane, height), !!skipped), store, lane, Math.min(bottom - top.height, first) - 2, end, last, y, x);
      }
    }
    above = block.index;
    for (const commit of block.commits) {
      const row = bottom - commit.height;
      if (row > last) break;
      for (let nth = 0; nth < commit.parents.length; nth++) {
        const lane = commit.edges[nth] ?? commit.lane;
        const height = /** @type {number} */ (commit.parents[nth]);
        const end = bottom - height;
        if (height >= 0 && end < first - 1) continue;
        const dim = isDim(lane, height, commit);
        const dotted = !!commit.skipped?.includes(nth);
        // A branch keeps its colour on the way home; a merge shows that of what came in.
        const leaving = pathOf(nth === 0 ? commit.lane : lane, row, end, dim, dotted);
        if (height < 0) addStub(leaving, commit.lane, row, y, x);
        else addEdge(leaving, pathOf(lane, row, end, dim, dotted), store, commit.lane, row, lane, end, nth > 0, first, last, y, x);
      }
    }
  }
  return paths;
}

/**
 * From a commit into its edge's lane, down it, and into its parent.
 * @param {Path2D} leaving in the colour of the way out of the commit's lane
 * @param {Path2D} path in the colour of the edge's lane
 * @param {Store} store
 * @param {number} from the child's lane
 * @param {number} row the child's
 * @param {number} lane the edge's
 * @param {number} end the parent's row
 * @param {boolean} merged whether it is a merge's edge to what came in
 * @param {number} first
 * @param {number} last
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 */
function addEdge(leaving, path, store, from, row, lane, end, merged, first, last, y, x) {
  if (end === row + 1) {
    leaving.moveTo(x(from), y(row));
    bend(leaving, x(from), y(row), x(store.commit(end)?.lane ?? lane), y(end), merged);
  } else if (row < first - 1 || from === lane) {
    addDescent(path, store, lane, Math.max(row, first - 2), end, last, y, x);
  } else {
    leaving.moveTo(x(from), y(row));
    bend(leaving, x(from), y(row), x(lane), y(row + 1), true);
    addDescent(path, store, lane, row + 1, end, last, y, x);
  }
}

/**
 * Down `lane` from `row` to the node at `end`, no further than what is in sight.
 * @param {Path2D} path
 * @param {Store} store
 * @param {number} lane
 * @param {number} row
 * @param {number} end
 * @param {number} last
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 */
function addDescent(path, store, lane, row, end, last, y, x) {
  const at = x(lane);
  path.moveTo(at, y(row));
  if (end > last + 1) {
    path.lineTo(at, y(last + 1));
    return;
  }
  const node = store.commit(end)?.lane ?? lane;
  if (node === lane) {
    path.lineTo(at, y(end));
    return;
  }
  path.lineTo(at, y(end - 1));
  bend(path, at, y(end - 1), x(node), y(end), false);
}

/** A parent that is not here (a shallow history): the edge ends in the open.
 * @param {Path2D} path
 * @param {number} lane
 * @param {number} row
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 */
function addStub(path, lane, row, y, x) {
  const at = x(lane);
  const [from, to] = [y(row), y(row + 1)];
  for (const part of [0.35, 0.55]) {
    path.moveTo(at, from + (to - from) * part);
    path.lineTo(at, from + (to - from) * (part + 0.08));
  }
}

/**
 * From one lane into another, round a corner: at the child's height, or at the parent's.
 * @param {Path2D} path
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 * @param {boolean} leaving level with the upper end, else with the lower
 */
function bend(path, x0, y0, x1, y1, leaving) {
  if (x0 === x1) {
    path.lineTo(x1, y1);
    return;
  }
  const radius = Math.min(ROUND, Math.abs(x1 - x0), (y1 - y0) * 0.8);
  if (leaving) path.arcTo(x1, y0, x1, y1, radius);
  else path.arcTo(x0, y1, x1, y1, radius);
  path.lineTo(x1, y1);
}
