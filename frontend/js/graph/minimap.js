/** The whole history at the right edge: where one is, how dense it is, what was found. A scroll bar that says more. */

import { dateOf, ticks } from "./calendar.js";
import { counted, element } from "../ui/dom.js";
import { fitted } from "./palette.js";

const LEAST_THUMB = 12; // px,
const FINGER = 44; // and for a finger
const LEAST_TICKS = 5; // px between two ticks,
const LEAST_NAMES = 14; // and between two of their names
const STEP = 0.01; // of the history, by an arrow key
const REST = 300; // ms after which the place is told
const PATIENCE = 250; // ms that rows may take to come before their place is shown without them
const PACE = 70; // ms between two places on the way

/**
 * @param {object} options
 * @param {HTMLElement} options.map with role=scrollbar
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {ReturnType<typeof import("./outline.js").createOutline>} options.outline
 * @param {ReturnType<typeof import("./palette.js").createPalette>} options.palette
 */
export function createMinimap({ map, store, viewport, outline, palette }) {
  const picture = element("canvas", { class: "graph-map-picture", "aria-hidden": "true" });
  const found = element("canvas", { class: "graph-map-marks", "aria-hidden": "true" });
  const thumb = element("div", { class: "graph-map-thumb" });
  const bubble = element("div", { class: "graph-map-bubble", "aria-hidden": "true", hidden: true });
  map.append(picture, found, thumb, bubble);
  const coarse = matchMedia("(pointer: coarse)");
  let [width, height] = [0, 0];
  let drawn = "";
  let stale = true;
  /** @type {Uint32Array | null} */
  let marks = null;
  let currentMark = -1;
  let sought = -1; // the row that the pointer is at, while its rows are on their way
  let edge = 0; // px of the map's upper edge in the window
  let grip = 0; // px between the pointer and the middle of the thumb
  let placed = "";
  /** @type {number | undefined} */
  let telling;
  /** @type {number | undefined} */
  let drawing;
  const listeners = new AbortController();
  const { signal } = listeners;

  /** @param {number} row */
  const y = (row) => (row / Math.max(1, store.total)) * height;
  const middle = () => (sought >= 0 ? sought : viewport.view.top + viewport.view.count / 2);
  const thumbHeight = () => Math.min(height, Math.max(coarse.matches ? FINGER : LEAST_THUMB, y(viewport.view.count)));
  const thumbMiddle = () => Math.min(height - thumbHeight() / 2, Math.max(thumbHeight() / 2, y(middle())));

  /** @param {number} row that is to be in the middle */
  function seek(row) {
    viewport.jump(row - viewport.view.count / 2);
  }

  /**
   * Follow the pointer: the thumb at once, the rows as fast as they come. A pixel is many rows, so all that lie between are not missed.
   * @param {number} row
   */
  async function scrub(row) {
    const waiting = sought >= 0;
    sought = Math.max(0, Math.min(store.total, row));
    placeThumb();
    if (waiting) return;
    for (let at = -1; at !== sought; ) {
      at = sought;
      const half = viewport.view.count / 2;
      const far = await store.bring(Math.floor(at - half), Math.ceil(at + half), PATIENCE);
      seek(at);
      if (at === sought) break;
      await new Promise((resolve) => (far ? setTimeout(resolve, PACE) : requestAnimationFrame(resolve)));
    }
    sought = -1;
    placeThumb();
  }

  /** @param {number} at px */
  function tell(at) {
    const row = Math.min(store.total - 1, Math.max(0, Math.floor((at / height) * store.total)));
    const time = outline.timeAt(row);
    bubble.textContent = `${time ? `${dateOf(time)} · ` : ""}${counted(row + 1)}`;
    bubble.style.transform = `translateY(${Math.round(Math.min(height - 14, Math.max(14, at)))}px) translateY(-50%)`;
    bubble.hidden = !store.total;
  }

  /** @param {PointerEvent} event */
  function dragged(event) {
    const at = event.clientY - edge - grip;
    void scrub((at / height) * store.total);
    tell(at);
  }

  map.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      map.focus({ preventScroll: true });
      map.setPointerCapture(event.pointerId);
      edge = map.getBoundingClientRect().top;
      const at = event.clientY - edge;
      const onThumb = Math.abs(at - thumbMiddle()) <= thumbHeight() / 2 + 2;
      grip = onThumb ? at - thumbMiddle() : 0;
      map.dataset.dragging = "";
      dragged(event);
    },
    { signal },
  );
  map.addEventListener(
    "pointermove",
    (event) => {
      if (map.dataset.dragging !== undefined) dragged(event);
      else tell(event.clientY - map.getBoundingClientRect().top);
    },
    { signal },
  );
  const letGo = () => {
    delete map.dataset.dragging;
    bubble.hidden = true;
  };
  map.addEventListener("lostpointercapture", letGo, { signal });
  map.addEventListener("pointerleave", () => map.dataset.dragging === undefined && letGo(), { signal });
  map.addEventListener("wheel", (event) => viewport.jump(viewport.view.top + event.deltaY / viewport.view.rowHeight), { signal, passive: true });
  map.addEventListener("keydown", pressed, { signal });

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: STEP, ArrowUp: -STEP, Home: -1, End: 1 });
    const step = steps[event.key];
    if (step) seek(middle() + step * store.total);
    else if (event.key === "PageDown" || event.key === "PageUp") leap(event.key === "PageDown");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** To where the next year (or month, or day) begins.
   * @param {boolean} down
   */
  function leap(down) {
    const rows = scale().map(({ time }) => outline.rowAt(time));
    const here = middle();
    const next = down ? rows.find((row) => row > here + 1) : rows.findLast((row) => row < here - 1);
    seek(next ?? (down ? store.total : 0));
  }

  function scale() {
    const { times } = outline;
    return times.length > 1 ? ticks(/** @type {number} */ (times.at(-1)), /** @type {number} */ (times[0])) : [];
  }

  function drawPicture() {
    const context = fitted(picture, width, height);
    context.fillStyle = palette.colour("color-mix(in oklab, var(--ink) 13%, transparent)");
    fillDensity(context);
    context.font = `10px ${getComputedStyle(map).fontFamily}`;
    context.textBaseline = "middle";
    let [lastTick, lastName] = [-Infinity, -Infinity];
    for (const { time, name } of scale()) {
      const at = Math.round(y(outline.rowAt(time))) + 0.5;
      if (at - lastTick < LEAST_TICKS || at > height - 4) continue;
      lastTick = at;
      const named = at - lastName >= LEAST_NAMES && at > 10 && at < height - 10 && width > 30;
      context.fillStyle = palette.colour("var(--line-strong)");
      context.fillRect(0, at - 0.5, named ? 5 : 3, 1);
      if (!named) continue;
      lastName = at;
      context.fillStyle = palette.colour("var(--ink-3)");
      context.fillText(name, 8, at);
    }
  }

  /** Commits for each stretch of time, as the width of a silhouette on the right.
   * @param {CanvasRenderingContext2D} context
   */
  function fillDensity(context) {
    const { times, offset, rows } = outline;
    if (times.length < 3) return;
    /** @type {number[]} */
    const rates = [];
    for (let nth = 0; nth + 1 < times.length; nth++) {
      const [a, b] = [times[nth] ?? 0, times[nth + 1] ?? 0];
      rates.push(1 / Math.max(60, a - b));
    }
    const sorted = rates.toSorted((a, b) => a - b);
    const usual = sorted[sorted.length >> 1] || 1;
    const most = Math.log1p((sorted[Math.floor(sorted.length * 0.98)] || 1) / usual); // a day of a thousand commits leaves the others their shape
    context.beginPath();
    context.moveTo(width, y(offset));
    for (let nth = 0; nth < rates.length; nth++) {
      const near = ((rates[nth - 1] ?? rates[nth] ?? 0) + 2 * (rates[nth] ?? 0) + (rates[nth + 1] ?? rates[nth] ?? 0)) / 4;
      const row = offset + ((nth + 0.5) / rates.length) * rows;
      context.lineTo(width - 1 - Math.min(1, Math.log1p(near / usual) / most) ** 1.4 * (width - 14), y(row));
    }
    context.lineTo(width, height);
    context.fill();
  }

  function drawAll() {
    drawPicture();
    drawMarks();
  }

  function drawMarks() {
    const context = fitted(found, width, height);
    if (!marks) return;
    const counts = new Uint16Array(Math.ceil(height / 2) + 1);
    for (const row of marks) {
      const at = Math.floor(y(row + 0.5) / 2);
      counts[at] = Math.min(65_535, (counts[at] ?? 0) + 1);
    }
    const most = counts.reduce((a, b) => Math.max(a, b), 1);
    context.fillStyle = palette.colour("var(--accent)");
    counts.forEach((count, at) => {
      if (!count) return;
      context.globalAlpha = 0.3 + 0.7 * Math.sqrt(count / most); // a single one is seen, and where there are many stands out
      context.fillRect(width - 12, at * 2, 12, 2);
    });
    context.globalAlpha = 1;
    if (currentMark >= 0) {
      context.fillStyle = palette.colour("var(--ink)");
      context.fillRect(0, Math.round(y(currentMark + 0.5)) - 1, width, 2);
    }
  }

  function tellPlace() {
    const first = Math.min(store.total, Math.ceil(viewport.view.top) + 1);
    const time = outline.timeAt(first - 1);
    map.ariaValueMin = "1";
    map.ariaValueMax = String(Math.max(1, store.total));
    map.ariaValueNow = String(first);
    map.ariaValueText = `${time ? `${dateOf(time)}, ` : ""}row ${counted(first)} of ${counted(store.total)}`;
  }

  const sizes = new ResizeObserver(() => {
    width = map.clientWidth;
    height = map.clientHeight;
    stale = true;
    draw();
  });
  sizes.observe(map);

  /** Only the thumb moves with the rows; the rest is drawn when it has changed. */
  function draw() {
    map.toggleAttribute("data-idle", store.total <= viewport.view.count);
    if (!height) return;
    const key = `${store.total}|${width}|${height}`;
    if (stale || key !== drawn) {
      stale = false;
      drawn = key;
      clearTimeout(drawing);
      drawing = setTimeout(drawAll); // the rows come first
    }
    placeThumb();
  }

  function placeThumb() {
    const [tall, at] = [thumbHeight(), thumbMiddle()];
    const next = `${tall.toFixed(1)}|${at.toFixed(1)}`;
    if (next === placed) return;
    placed = next;
    thumb.style.height = `${tall}px`;
    thumb.style.transform = `translateY(${at - tall / 2}px)`;
    tellSoon();
  }

  function tellSoon() {
    clearTimeout(telling);
    telling = setTimeout(tellPlace, REST);
  }

  return {
    draw,

    /** The outline, the theme or the pixels have changed. */
    redraw() {
      stale = true;
      draw();
      tellSoon();
    },

    /**
     * Show where something was found.
     * @param {Uint32Array | null} rows
     * @param {number} current the row of the one that is shown; -1 none
     */
    setMarks(rows, current) {
      marks = rows;
      currentMark = current;
      if (height) drawMarks();
    },

    destroy() {
      clearTimeout(telling);
      clearTimeout(drawing);
      sizes.disconnect();
      listeners.abort();
      map.replaceChildren();
    },
  };
}
