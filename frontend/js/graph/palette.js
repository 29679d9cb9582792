/** The theme's colours for whoever draws on a canvas, which knows colours but no custom properties. */

/**
 * @param {HTMLElement} place where the properties hold
 * @param {() => void} onChange called when the theme or the screen's pixels have changed: draw anew
 */
export function createPalette(place, onChange) {
  /** @type {Map<string, string>} */
  const colours = new Map();
  const style = getComputedStyle(place);
  const listeners = new AbortController();
  const { signal } = listeners;
  const forget = () => {
    colours.clear();
    onChange();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget, { signal });
  matchMedia("(prefers-contrast: more)").addEventListener("change", forget, { signal });
  const theme = new MutationObserver(forget);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  watchScale();

  /** The page may be moved to a screen with other pixels, or zoomed. */
  function watchScale() {
    const again = () => {
      onChange();
      watchScale();
    };
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", again, { once: true, signal });
  }

  return {
    /** @param {string} value a CSS colour, such as `var(--ink)` */
    colour(value) {
      let found = colours.get(value);
      if (found === undefined) {
        found = value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
        colours.set(value, found);
      }
      return found;
    },

    destroy() {
      listeners.abort();
      theme.disconnect();
    },
  };
}

/**
 * Give a canvas the screen's own pixels and clear it; one unit stays a CSS pixel.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width CSS pixels
 * @param {number} height
 * @returns {CanvasRenderingContext2D}
 */
export function fitted(canvas, width, height) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scale = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    // In whole pixels of the screen, or it would be stretched by part of one.
    canvas.style.width = `${w / scale}px`;
    canvas.style.height = `${h / scale}px`;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
