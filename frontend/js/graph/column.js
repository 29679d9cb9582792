/** The column of the lanes: how wide it is, by the history, the rows, the room, and what somebody has made of it. */

import { createBeyond } from "./beyond.js";
import { find } from "../ui/dom.js";
import { lanesInSight, pitchOf, widthOf } from "./edges.js";
import { createSplitter } from "./splitter.js";
import { LEGIBLE } from "./zoom.js";

const AT_FIRST = 120; // px, or this part of the width, unless somebody wants more
const PART = 0.3;
const LEAST = 48;
const LEAST_WORDS = 320; // px that the lanes leave beside them,
const LABELS = 240; // and where there is nothing else to read
const NARROW = 5; // lanes on a telephone,
const NARROW_PITCH = 10; // px between them
const ROW = 28; // px, of usual rows
const STEP = 4; // lanes at a time: what grows often is never still

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {HTMLElement} options.grid
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {() => void} options.onResize
 */
export function createColumn({ root, grid, store, viewport, onResize }) {
  let lanes = 0; // that have been in sight at the same time
  const narrow = matchMedia("(max-width: 40rem)");
  const splitter = createSplitter({
    handle: find(root, ".graph-lanes-handle", HTMLElement),
    root: grid,
    property: "--lanes-wide",
    key: "gitperch.lanes",
    direction: 1,
    limits: (width) => [LEAST, Math.max(2 * LEAST, Math.min(width * 0.6, width - LEAST_WORDS))],
    size: (width) => Math.min(widthOf(lanes, pitchOf(lanes, ROW)), Math.max(AT_FIRST, width * PART)),
    onResize,
  });
  const beyond = createBeyond(find(root, ".graph-beyond", HTMLButtonElement), splitter);
  let shown = 0;

  const column = {
    /**
     * These rows are about to be drawn. Once there is room for many lanes it stays, so that nothing moves when one scrolls back.
     * @param {number} first
     * @param {number} last
     */
    see(first, last) {
      const found = Math.min(store.lanes, Math.ceil(lanesInSight(store, first, last) / STEP) * STEP);
      if (found <= lanes) return;
      lanes = found;
      splitter.refresh();
    },

    /** px between two lanes */
    get pitch() {
      const pitch = pitchOf(lanes, viewport.view.rowHeight);
      return narrow.matches ? Math.min(pitch, NARROW_PITCH) : pitch;
    },

    /** px now: where there are no words, as wide as the lanes need. */
    get width() {
      const { rowHeight, width } = viewport.view;
      const { pitch } = column;
      if (rowHeight < LEGIBLE) return Math.max(LEAST, Math.min(widthOf(lanes, pitch), width - Math.min(LABELS, width / 3)));
      return narrow.matches ? widthOf(Math.min(lanes, NARROW), pitch) : splitter.size;
    },

    /**
     * The lanes are drawn: the words begin beside them.
     * @param {number} width px
     * @param {{count: number, width: number}} nodes that do not fit
     */
    drawn(width, nodes) {
      beyond.show(nodes);
      if (width !== shown) root.style.setProperty("--lanes-width", `${(shown = width)}px`);
    },

    /** Another history, or part of it, is here. */
    reset() {
      lanes = 0;
    },

    destroy() {
      beyond.destroy();
      splitter.destroy();
    },
  };
  return column;
}
