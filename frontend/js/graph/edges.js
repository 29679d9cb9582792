/** The edges between commits, as curves: from a child into the edge's lane, down that, and into the parent. */

const MARGIN = 24; // px left of the first lane
export const WIDEST = 14; // px between two lanes
const NARROWEST = 8;
const FEW = 16; // lanes that get all the room they want
const MANY = 64;
export const HUES = 8;

/** @typedef {ReturnType<typeof import("./store.js").createStore>} Store */

/**
 * How far apart the lanes of a history are, in px: the more there are, the closer, but always the same for one history.
 * @param {number} lanes
 */
export function pitchOf(lanes) {
  const crowd = Math.min(1, Math.max(0, (lanes - FEW) / (MANY - FEW)));
  return Math.round(WIDEST - crowd * (WIDEST - NARROWEST));
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

/** @param {number} lane the default branch has a colour of its own, the others share eight */
export const hueOf = (lane) => (lane === 0 ? 0 : 1 + ((lane - 1) % HUES));

/**
 * The edges that cross the rows from `first` to `last`: a path for each hue of those that begin or end there,
 * another for each hue of those that only pass.
 * @param {Store} store
 * @param {number} first
 * @param {number} last
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 * @returns {{near: (Path2D | undefined)[], passing: (Path2D | undefined)[]}}
 */
export function edgePaths(store, first, last, y, x) {
  /** @type {(Path2D | undefined)[]} */
  const near = [];
  /** @type {(Path2D | undefined)[]} */
  const passing = [];
  const bottom = store.total - 1;
  /**
   * @param {number} lane
   * @param {number} row of the child
   * @param {number} end the parent's
   */
  const pathOf = (lane, row, end) => ((row < first - 1 && end > last + 1 ? passing : near)[hueOf(lane)] ??= new Path2D());
  let above = -2; // the block that was visited before
  for (const block of store.blocks(first, last)) {
    const top = block.commits[0];
    if (!top) continue;
    if (above !== block.index + 1) {
      for (const [lane, height] of block.passing) {
        const end = bottom - height;
        if (end >= first - 1) addDescent(pathOf(lane, -1, end), store, lane, Math.min(bottom - top.height, first) - 2, end, last, y, x);
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
        // A branch keeps its colour on the way home; a merge shows that of what came in.
        const leaving = pathOf(nth === 0 ? commit.lane : lane, row, end);
        if (height < 0) addStub(leaving, commit.lane, row, y, x);
        else if (end >= first - 1) addEdge(leaving, pathOf(lane, row, end), store, commit.lane, row, lane, end, first, last, y, x);
      }
    }
  }
  return { near, passing };
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
 * @param {number} first
 * @param {number} last
 * @param {(row: number) => number} y
 * @param {(lane: number) => number} x
 */
function addEdge(leaving, path, store, from, row, lane, end, first, last, y, x) {
  if (end === row + 1) {
    leaving.moveTo(x(from), y(row));
    bend(leaving, x(from), y(row), x(store.commit(end)?.lane ?? lane), y(end));
  } else if (row < first - 1 || from === lane) {
    addDescent(path, store, lane, Math.max(row, first - 2), end, last, y, x);
  } else {
    leaving.moveTo(x(from), y(row));
    bend(leaving, x(from), y(row), x(lane), y(row + 1));
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
  bend(path, at, y(end - 1), x(node), y(end));
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

/** A curve that leaves and arrives upright.
 * @param {Path2D} path
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
function bend(path, x0, y0, x1, y1) {
  const middle = (y0 + y1) / 2;
  if (x0 === x1) path.lineTo(x1, y1);
  else path.bezierCurveTo(x0, middle, x1, middle, x1, y1);
}
