/**
 * Which rows are in sight: a scroll position in rows, kept in step with a scrollbar of the browser's.
 *
 * Browsers end an element at some 17 to 33 million pixels. A longer history gets a shorter scrollbar: dragging it moves in
 * proportion, the wheel and the finger still move by pixels, and the scrollbar is put right when the scrolling ends.
 */

const LONGEST = 15_000_000;
const UNFOLD = 200; // ms
const REST = 120; // ms without a jump after which the scrollbar is put where the view is: to do so costs a layout

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement} track inside it, as high as the history is long
 * @param {() => void} onMove called when the view has changed, by scrolling or by size
 * @param {() => number} kept a row that stays in sight when there is less room for it; -1 for none
 */
export function createViewport(scroller, track, onMove, kept) {
  let total = 0;
  let rowHeight = 28;
  let height = 0;
  let width = 0;
  let top = 0; // in rows
  let lastY = 0;
  let animation = 0;
  /** @type {number | undefined} */
  let settling;
  const listeners = new AbortController();

  const contentHeight = () => total * rowHeight;
  const trackHeight = () => Math.min(contentHeight(), LONGEST);
  const lastTop = () => Math.max(0, total - height / rowHeight);
  /** Pixels of history per pixel of scrollbar; 1 except for the very long. */
  function ratio() {
    const reach = trackHeight() - height;
    return reach > 0 ? (contentHeight() - height) / reach : 1;
  }

  function scrolled() {
    const y = scroller.scrollTop;
    if (y === lastY) return;
    if (animation) stopAnimation();
    const scale = ratio();
    const nudge = settling !== undefined || (scale > 1 && Math.abs(y - lastY) < height);
    top = nudge ? top + (y - lastY) / rowHeight : (y * scale) / rowHeight;
    top = Math.min(lastTop(), Math.max(0, top));
    lastY = y;
    // At an end of the scrollbar there would be no way on.
    if (nudge && (settling !== undefined || y <= 0 || y >= trackHeight() - height)) settle();
    onMove();
  }

  /** Put the scrollbar where `top` is. */
  function settle() {
    clearTimeout(settling);
    settling = undefined;
    scroller.scrollTop = (top * rowHeight) / ratio();
    lastY = scroller.scrollTop;
  }

  /** @param {number} row */
  function jump(row) {
    top = Math.min(lastTop(), Math.max(0, row));
    clearTimeout(settling);
    settling = setTimeout(settle, REST);
    onMove();
  }

  function stopAnimation() {
    cancelAnimationFrame(animation);
    animation = 0;
  }

  function measure() {
    const row = kept();
    const seen = row >= top && row + 1 <= top + height / rowHeight;
    height = scroller.clientHeight;
    width = scroller.clientWidth;
    scroller.style.setProperty("--view-height", `${height}px`);
    track.style.height = `${trackHeight()}px`;
    jump(seen ? Math.max(top, row + 1 - height / rowHeight) : top);
    settle();
  }

  scroller.addEventListener("scroll", scrolled, { passive: true, signal: listeners.signal });
  scroller.addEventListener("scrollend", () => ratio() > 1 && settle(), { signal: listeners.signal });
  const sizes = new ResizeObserver(() => (scroller.clientHeight !== height || scroller.clientWidth !== width) && measure());
  sizes.observe(scroller);

  return {
    /** @returns {import("./types.js").View} */
    get view() {
      return { top, count: height / rowHeight, rowHeight, width, height };
    },

    /** @param {number} rows */
    setTotal(rows) {
      total = rows;
      measure();
    },

    /**
     * `rows` more are on top: what is in sight stays where it is.
     * @param {number} rows
     */
    grow(rows) {
      total += rows;
      top += rows;
      measure();
    },

    /**
     * Scroll so that `row` is in sight, no further than needed; in the middle when it was far away.
     * @param {number} row
     */
    show(row) {
      stopAnimation();
      const count = height / rowHeight;
      if (row >= top && row + 1 <= top + count) return;
      if (row < top && row > top - count / 2) jump(row);
      else if (row >= top && row < top + count * 1.5) jump(row + 1 - count);
      else jump(row - count / 2 + 0.5);
    },

    jump,

    /**
     * Everything has moved down: undo it.
     * @param {number} pixels
     * @param {number} row that stays in sight, however far it has moved
     */
    shift(pixels, row) {
      jump(Math.min(top + pixels / rowHeight, Math.max(top, row)));
    },

    /**
     * Zoom: rows of another height, around what is `y` pixels below the upper edge.
     * @param {number} pixels
     * @param {number} [y]
     */
    setRowHeight(pixels, y = height / 2) {
      if (pixels === rowHeight) return;
      stopAnimation();
      const held = top < 0.5 ? 0 : top + y / rowHeight - y / pixels;
      rowHeight = pixels;
      scroller.style.setProperty("--row-height", `${pixels}px`);
      track.style.height = `${trackHeight()}px`;
      jump(held);
      // What is above the end of a shorter history is for the browser to say; it would be taken for somebody's scrolling.
      if (lastY > trackHeight() - height) settle();
    },

    /** Let what is above the view unfold into it. */
    unfold() {
      stopAnimation();
      const from = top;
      const begun = performance.now();
      /** @param {number} now */
      const step = (now) => {
        const part = Math.min(1, Math.max(0, (now - begun) / UNFOLD));
        jump(from * (1 - part) ** 3);
        animation = part < 1 ? requestAnimationFrame(step) : 0;
      };
      animation = requestAnimationFrame(step);
    },

    destroy() {
      stopAnimation();
      clearTimeout(settling);
      listeners.abort();
      sizes.disconnect();
    },
  };
}
