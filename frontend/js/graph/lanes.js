/** The lanes of the rows in sight, on a canvas. The list beside it says the same in words. */

import { STASHES } from "./chips.js";
import { DOTTED, HUES, LEVELS, WIDEST, edgePaths, hueOf, laneX } from "./edges.js";
import { fitted } from "./palette.js";
import { hue as personHue } from "./people.js";

const FAINT = 0.32; // of edges that only pass, where there are many
const DIM = 0.13;
const DIM_NODE = 0.3;
const EDGE = 7; // px that a node needs on its right
const DOT = 5; // px from one dot to the next
const FADE = 22; // px over which lanes end that do not fit
const WHOLE = 20; // px of a row from which nodes have their whole size

/**
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").View} View
 * @typedef {ReturnType<typeof import("./store.js").createStore>} Store
 */

/**
 * @param {object} options
 * @param {HTMLCanvasElement} options.canvas
 * @param {Store} options.store
 * @param {ReturnType<typeof import("./palette.js").createPalette>} options.palette
 * @param {ReturnType<typeof import("./focus.js").createFocus>} options.focus
 * @param {Readonly<import("./settings.js").Settings>} options.settings
 */
export function createLanes({ canvas, store, palette, focus, settings }) {
  let context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let size = 1; // of nodes and lines, 1 where rows are high enough
  let line = 2; // px

  /** @param {number} hue */
  const edgeColour = (hue) => palette.colour(settings.color === "author" ? "color-mix(in oklab, var(--ink) 34%, var(--paper))" : `var(--lane-${hue})`);
  /** @param {Commit} commit */
  const nodeColour = (commit) => palette.colour(settings.color === "author" ? personColour(commit.author) : `var(--lane-${hueOf(commit.lane)})`);

  /**
   * @param {View} view
   * @param {number} width of the lanes' column
   * @param {number} pitch px between two lanes
   * @param {(commit: Commit) => boolean} isHead who gets the double ring
   * @returns {{count: number, width: number}} how many nodes in sight the column cannot show, and the width that shows them
   */
  function draw(view, width, pitch, isHead) {
    context = fitted(canvas, width, view.height);
    size = Math.min(1, 0.3 + (0.7 * view.rowHeight) / WHOLE);
    const first = Math.floor(view.top);
    const last = Math.min(store.total - 1, Math.ceil(view.top + view.count));
    const scale = devicePixelRatio || 1;
    // Lines lie on the screen's own pixels: one that is an odd number of them wide has its middle in the middle of one.
    const thick = Math.max(1, Math.round(2 * size * scale));
    line = thick / scale;
    /** @param {number} at */
    const crisp = (at) => (Math.round(at * scale) + (thick % 2 ? 0.5 : 0)) / scale;
    const shift = Math.round(view.top * view.rowHeight * scale) / scale;
    /** @param {number} row */
    const y = (row) => crisp(row * view.rowHeight + view.rowHeight / 2 - shift);
    /** @param {number} lane */
    const x = (lane) => crisp(laneX(lane, pitch));
    const paths = edgePaths(store, first, last, y, x, focus.isDimEdge);
    // So many dots to a row that they stand still while rows move.
    const dots = view.rowHeight / Math.max(1, Math.round(view.rowHeight / DOT));
    for (const { kind, gap } of [{ kind: DOTTED, gap: [0, dots] }, { kind: 0, gap: [] }]) {
      context.setLineDash(gap);
      drawEdges(paths[kind + LEVELS.dim], DIM);
      // Where many lanes only pass, those that something happens in have to stand out.
      drawEdges(paths[kind + LEVELS.passing], pitch < WIDEST && !focus.name ? FAINT : 1);
      drawEdges(paths[kind + LEVELS.near], 1);
    }
    if (x(store.lanes) > width) fadeOut(width, view.height);
    const beyond = { count: 0, width: 0 };
    for (let row = first; row <= last; row++) {
      const commit = store.commit(row);
      if (!commit) continue;
      const at = x(commit.lane);
      drawNode(commit, at, y(row), width, isHead(commit));
      if (at <= width - EDGE) continue;
      beyond.count++;
      beyond.width = Math.max(beyond.width, at + 2 * EDGE);
    }
    return beyond;
  }

  /**
   * @param {(Path2D | undefined)[] | undefined} paths by hue
   * @param {number} alpha
   */
  function drawEdges(paths, alpha) {
    context.globalAlpha = alpha;
    context.lineWidth = line;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (let hue = HUES; hue >= 0; hue--) {
      const path = paths?.[hue];
      if (!path) continue;
      context.strokeStyle = edgeColour(hue);
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  function fadeOut(width, height) {
    const fade = context.createLinearGradient(width - FADE, 0, width, 0);
    fade.addColorStop(0, "rgb(0 0 0 / 0)");
    fade.addColorStop(1, "rgb(0 0 0 / 1)");
    context.globalCompositeOperation = "destination-out";
    context.fillStyle = fade;
    context.fillRect(width - FADE, 0, FADE, height);
    context.globalCompositeOperation = "source-over";
  }

  /**
   * Merges are rings, commits discs, stashes squares; the default branch's tip has a ring around it.
   * @param {Commit} commit
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {boolean} isHead
   */
  function drawNode(commit, x, y, width, isHead) {
    context.strokeStyle = context.fillStyle = nodeColour(commit);
    if (x > width - EDGE) {
      drawBeyond(width - EDGE, y);
      return;
    }
    const merge = commit.parents.length > 1;
    const stash = commit.refs.some((ref) => ref.startsWith(STASHES));
    if (isHead || merge || stash) punch(x, y, (isHead ? 8.5 : 4.5) * size);
    if (focus.isDim(commit)) context.globalAlpha = DIM_NODE;
    if (isHead) ring(x, y, 6.75 * size, 1.5 * size);
    if (stash) square(x, y, 7 * size);
    else if (merge) ring(x, y, (isHead ? 3.25 : 4) * size, 2 * size);
    else disc(x, y, (isHead ? 3.5 : 4.5) * size);
    context.globalAlpha = 1;
  }

  /** A node in a lane that does not fit: the column is drawn wider to see it.
   * @param {number} x
   * @param {number} y
   */
  function drawBeyond(x, y) {
    context.lineWidth = 2 * size;
    context.beginPath();
    for (const at of [x - 3.5 * size, x + 0.5 * size]) {
      context.moveTo(at, y - 3 * size);
      context.lineTo(at + 3 * size, y);
      context.lineTo(at, y + 3 * size);
    }
    context.stroke();
  }

  /** Room around a node, whatever lies below the canvas.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   */
  function punch(x, y, radius) {
    context.globalCompositeOperation = "destination-out";
    disc(x, y, radius);
    context.globalCompositeOperation = "source-over";
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   */
  function disc(x, y, radius) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   * @param {number} line
   */
  function ring(x, y, radius, line) {
    context.lineWidth = line;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} side
   */
  function square(x, y, side) {
    context.lineWidth = 1.75 * size;
    context.setLineDash([2 * size, 1.5 * size]);
    context.strokeRect(x - side / 2, y - side / 2, side, side);
    context.setLineDash([]);
  }

  return { draw };
}

/**
 * Between a person's disc and its letters: as strong as a lane, in either theme.
 * @param {string} name
 */
function personColour(name) {
  const hue = PERSON_HUES[personHue(name) - 1];
  return `color-mix(in oklch, oklch(var(--avatar-ink) ${hue}) 52%, oklch(var(--avatar) ${hue}))`;
}

/** Those of css/badges.css. */
const PERSON_HUES = [25, 58, 90, 123, 156, 189, 220, 254, 287, 320, 350];
