/** The lanes of the rows in sight, on a canvas. The list beside it says the same in words. */

import { HUES, WIDEST, edgePaths, hueOf, laneX, pitchOf } from "./edges.js";
import { fitted } from "./palette.js";

const LINE = 2;
const FAINT = 0.3;
const EDGE = 7; // px that a node needs on its right
const FADE = 22; // px over which lanes end that do not fit

/**
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").View} View
 * @typedef {ReturnType<typeof import("./store.js").createStore>} Store
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Store} store
 * @param {ReturnType<typeof import("./palette.js").createPalette>} palette
 */
export function createLanes(canvas, store, palette) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @param {number} hue */
  const colourOf = (hue) => palette.colour(`var(--lane-${hue})`);

  /**
   * @param {View} view
   * @param {number} width of the lanes' column
   * @param {(commit: Commit) => boolean} isHead who gets the double ring
   * @returns {{count: number, width: number}} how many nodes in sight the column cannot show, and the width that shows them
   */
  function draw(view, width, isHead) {
    fitted(canvas, width, view.height);
    const first = Math.floor(view.top);
    const last = Math.min(store.total - 1, Math.ceil(view.top + view.count));
    const shift = Math.round(view.top * view.rowHeight);
    /** @param {number} row */
    const y = (row) => row * view.rowHeight + view.rowHeight / 2 - shift;
    const pitch = pitchOf(store.lanes);
    /** @param {number} lane */
    const x = (lane) => laneX(lane, pitch);
    const { near, passing } = edgePaths(store, first, last, y, x);
    // Where many lanes only pass, those that something happens in have to stand out.
    context.globalAlpha = pitch < WIDEST ? FAINT : 1;
    drawEdges(passing);
    context.globalAlpha = 1;
    drawEdges(near);
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

  /** @param {(Path2D | undefined)[]} paths by hue */
  function drawEdges(paths) {
    context.lineWidth = LINE;
    context.lineCap = "round";
    context.lineJoin = "round";
    for (let hue = HUES; hue >= 0; hue--) {
      const path = paths[hue];
      if (!path) continue;
      context.strokeStyle = colourOf(hue);
      context.stroke(path);
    }
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
   * @param {Commit} commit
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {boolean} isHead
   */
  function drawNode(commit, x, y, width, isHead) {
    const colour = colourOf(hueOf(commit.lane));
    context.strokeStyle = colour;
    context.fillStyle = colour;
    if (x > width - EDGE) {
      drawBeyond(width - EDGE, y);
      return;
    }
    const merge = commit.parents.length > 1;
    punch(x, y, isHead ? 8.5 : 6);
    if (isHead) ring(x, y, 6.75, 1.5);
    if (merge) ring(x, y, isHead ? 3.25 : 4, 2);
    else disc(x, y, isHead ? 3.5 : 4.25);
  }

  /** A node in a lane that does not fit: the column is drawn wider to see it.
   * @param {number} x
   * @param {number} y
   */
  function drawBeyond(x, y) {
    context.lineWidth = LINE;
    context.beginPath();
    for (const at of [x - 3.5, x + 0.5]) {
      context.moveTo(at, y - 3);
      context.lineTo(at + 3, y);
      context.lineTo(at, y + 3);
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

  return { draw };
}
