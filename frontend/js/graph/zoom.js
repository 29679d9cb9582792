/** How high the rows are: by mode, and by whatever people zoom with. */

import { MODES } from "./settings.js";

/** @typedef {import("./settings.js").Mode} Mode */

/** px of a row where letters are as usual, by pointer: a mouse, a finger, a finger on a telephone where a row has two lines */
const HEIGHTS = {
  fine: { overview: 6, compact: 22, normal: 28, roomy: 44 },
  coarse: { overview: 6, compact: 36, normal: 44, roomy: 56 },
  narrow: { overview: 6, compact: 44, normal: 52, roomy: 60 },
};
/** Below this there is no room for words. */
export const LEGIBLE = 18;
const USUAL = 16; // px of a letter that nobody has changed
const GLIDE = 160; // ms
const NOTCH = 80; // px of a wheel's way that count as a step

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {HTMLElement} options.grid
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {ReturnType<typeof import("./settings.js").createSettings>} options.settings
 * @param {HTMLButtonElement} options.closer
 * @param {HTMLButtonElement} options.wider
 */
export function createZoom({ root, grid, viewport, settings, closer, wider }) {
  const narrow = matchMedia("(max-width: 40rem)");
  const coarse = matchMedia("(pointer: coarse)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let height = 0;
  let animation = 0;
  let wheeled = 0;
  /** px below the grid's upper edge, of what the next step is to keep in place @type {number | undefined} */
  let around;
  /** @type {{distance: number, height: number} | null} */
  let pinch = null;
  const listeners = new AbortController();
  const { signal } = listeners;

  // Rows grow with the letters of whoever has larger ones.
  const letters = Math.max(1, Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL || 1);

  /** px of each mode's rows */
  function heights() {
    const { overview, compact, normal, roomy } = HEIGHTS[narrow.matches ? "narrow" : coarse.matches ? "coarse" : "fine"];
    return { overview, compact: compact * letters, normal: normal * letters, roomy: roomy * letters };
  }

  /**
   * @param {number} pixels
   * @param {number} [y] px below the grid's upper edge, of what stays where it is
   */
  function set(pixels, y) {
    height = Math.round(pixels * devicePixelRatio) / devicePixelRatio;
    root.toggleAttribute("data-overview", height < LEGIBLE);
    viewport.setRowHeight(height, y);
  }

  /**
   * To the mode's height, gliding there.
   * @param {number} [y]
   */
  function apply(y) {
    cancelAnimationFrame(animation);
    closer.disabled = settings.now.mode === MODES.at(-1);
    wider.disabled = settings.now.mode === MODES[0];
    const [from, to] = [height, heights()[settings.now.mode]];
    if (!from || calm.matches) return set(to, y);
    const begun = performance.now();
    /** @param {number} now */
    const glide = (now) => {
      const part = Math.min(1, Math.max(0, (now - begun) / GLIDE));
      set(part < 1 ? from + (to - from) * (1 - (1 - part) ** 3) : to, y);
      if (part < 1) animation = requestAnimationFrame(glide);
    };
    animation = requestAnimationFrame(glide);
  }

  /**
   * @param {number} steps closer; negative: further away
   * @param {number} [y]
   */
  function step(steps, y) {
    const at = MODES.indexOf(settings.now.mode) + Math.sign(steps);
    const next = MODES[Math.max(0, Math.min(MODES.length - 1, at))];
    if (!next || next === settings.now.mode) return;
    around = y;
    settings.set("mode", next);
  }
  /** @param {number} clientY */
  const within = (clientY) => clientY - grid.getBoundingClientRect().top;

  grid.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      wheeled = Math.sign(wheeled) === -Math.sign(event.deltaY) ? 0 : wheeled;
      // A pinch on a touchpad comes as many small turns of a wheel with Ctrl.
      wheeled += event.deltaY * (Math.abs(event.deltaY) < 20 ? 4 : 1);
      if (Math.abs(wheeled) < NOTCH) return;
      step(-wheeled, within(event.clientY));
      wheeled = 0;
    },
    { signal, passive: false },
  );

  /** @param {TouchList} touches */
  function spread(touches) {
    const [a, b] = [touches[0], touches[1]];
    return a && b ? { distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), y: within((a.clientY + b.clientY) / 2) } : null;
  }
  grid.addEventListener(
    "touchstart",
    (event) => {
      const fingers = event.touches.length === 2 && spread(event.touches);
      if (!fingers) return;
      cancelAnimationFrame(animation);
      pinch = { distance: Math.max(1, fingers.distance), height };
    },
    { signal, passive: true },
  );
  grid.addEventListener(
    "touchmove",
    (event) => {
      const fingers = pinch && spread(event.touches);
      if (!pinch || !fingers) return;
      event.preventDefault();
      const { overview, roomy } = heights();
      set(Math.min(roomy, Math.max(overview, (pinch.height * fingers.distance) / pinch.distance)), fingers.y);
    },
    { signal, passive: false },
  );
  /** The fingers have gone: to the mode that is nearest. */
  const release = () => {
    if (!pinch) return;
    pinch = null;
    const near = MODES.toSorted((a, b) => Math.abs(heights()[a] - height) - Math.abs(heights()[b] - height))[0] ?? "normal";
    if (near === settings.now.mode) apply();
    else settings.set("mode", near);
  };
  grid.addEventListener("touchend", release, { signal });
  grid.addEventListener("touchcancel", release, { signal });

  closer.addEventListener("click", () => step(1), { signal });
  wider.addEventListener("click", () => step(-1), { signal });
  for (const query of [narrow, coarse]) query.addEventListener("change", () => apply(), { signal });
  apply();

  return {
    step,

    /** The mode is another one. */
    apply() {
      const y = around;
      around = undefined;
      apply(y);
    },

    destroy() {
      cancelAnimationFrame(animation);
      listeners.abort();
    },
  };
}
