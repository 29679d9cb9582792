/** A border that can be moved, by pointer and by keyboard, and stays where it was put. */

import { recall, remember } from "../memory.js";

const STEP = 16; // px per key press

/**
 * @param {object} options
 * @param {HTMLElement} options.handle with role=separator
 * @param {HTMLElement} options.root whose custom property holds the size
 * @param {string} options.property
 * @param {string} options.key under which the browser remembers it
 * @param {1 | -1} options.direction -1: it grows to the left, or upwards
 * @param {"x" | "y"} [options.axis] "y": the border lies across
 * @param {(extent: number) => [least: number, most: number]} options.limits px, where `root` is so wide, or high
 * @param {(extent: number) => number} options.size px to begin with
 * @param {() => void} options.onResize
 */
export function createSplitter({ handle, root, property, key, direction, axis = "x", limits, size, onResize }) {
  const listeners = new AbortController();
  const { signal } = listeners;
  const before = Number(recall(key));
  let wished = before;
  let now = before;
  let extent = axis === "x" ? root.clientWidth : 0; // px of `root`, then told by the browser: to ask for it costs a layout

  function apply() {
    if (!extent) return;
    const [least, most] = limits(extent);
    now = Math.round(Math.max(least, Math.min(most, wished || size(extent))));
    root.style.setProperty(property, `${now}px`);
    handle.ariaValueNow = String(now);
    handle.ariaValueMin = String(Math.round(least));
    handle.ariaValueMax = String(Math.round(Math.max(least, most)));
  }

  /** @param {number} pixels */
  function set(pixels) {
    const [least, most] = limits(extent);
    wished = Math.max(least, Math.min(most, pixels));
    remember(key, String(Math.round(wished)));
    apply();
    onResize();
  }

  handle.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      const at = (/** @type {PointerEvent} */ { clientX, clientY }) => (axis === "x" ? clientX : clientY);
      const [from, begun] = [at(event), now];
      const drag = new AbortController();
      handle.dataset.dragging = "";
      handle.addEventListener("pointermove", (move) => set(begun + (at(move) - from) * direction), { signal: drag.signal });
      const end = () => {
        drag.abort();
        delete handle.dataset.dragging;
      };
      handle.addEventListener("lostpointercapture", end, { signal: drag.signal });
      signal.addEventListener("abort", end, { signal: drag.signal });
    },
    { signal },
  );
  handle.addEventListener(
    "keydown",
    (event) => {
      const steps = /** @type {Record<string, number>} */ (axis === "x" ? { ArrowLeft: -STEP, ArrowRight: STEP } : { ArrowUp: -STEP, ArrowDown: STEP });
      const [least, most] = limits(extent);
      const step = steps[event.key];
      const to = step ? now + step * direction : /** @type {Record<string, number>} */ ({ Home: least, End: most })[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(to);
    },
    { signal },
  );
  const extents = new ResizeObserver(() => {
    const next = axis === "x" ? root.clientWidth : root.clientHeight;
    if (next === extent) return;
    extent = next;
    apply();
    onResize();
  });
  extents.observe(root);
  apply();

  return {
    get size() {
      return now;
    },

    /** Whether the limits let it grow. */
    get canGrow() {
      return now < Math.round(limits(extent)[1]);
    },

    set,

    /** What `size` depends on is another. */
    refresh: apply,

    destroy() {
      extents.disconnect();
      listeners.abort();
    },
  };
}
