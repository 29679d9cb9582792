/** A share over time, as of merges among commits: columns from nothing to all, and the share of the whole range as a line. */

import { bucketsOf, nameOf } from "./buckets.js";
import { createChart, svg } from "./chart.js";
import { BELOW, LEFT, columns, drawAxes } from "./velocity.js";
import { number, percent } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */
/** @typedef {import("./types.js").Sum} Sum */

const HEIGHT = 170;
const ABOVE = 8;
const PITCH = 7;
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25];

/**
 * @param {HTMLElement} figure
 * @param {ReturnType<typeof import("./tooltip.js").createTooltip>} tooltip
 * @param {{part: Sum, whole: Sum, parts: string, wholes: string}} what which sums, and what their units are called
 */
export function createShare(figure, tooltip, { part, whole, parts, wholes }) {
  /** @type {import("./types.js").Weeks | undefined} */
  let weeks;

  /** @param {Sum} name */
  const total = (name) => (weeks ? weeks[name].reduce((sum, value) => sum + value, 0) : 0);
  const sentence = () => `${number(total(part))} ${parts} of ${number(total(whole))} ${wholes}, ${percent(total(part), total(whole))}.`;

  const chart = createChart({
    figure,
    tooltip,
    draw(canvas, width) {
      if (!weeks) return { marks: [], label: "", height: HEIGHT };
      if (!total(whole)) {
        canvas.append(svg("text", { x: 0, y: 14, class: "chart-nothing" }, `No ${wholes} in these days.`));
        return { marks: [], label: sentence(), height: HEIGHT };
      }
      const high = HEIGHT - ABOVE - BELOW;
      const { buckets } = bucketsOf(weeks, width - LEFT, PITCH);
      const pitch = (width - LEFT) / (buckets.length || 1);
      const shares = buckets.map(({ sums }) => (sums[whole] ? sums[part] / sums[whole] : 0));
      const most = Math.max(0, ...shares);
      const step = STEPS.find((step) => most <= 4 * step) ?? 0.25;
      const top = Math.max(2, Math.ceil(most / step)) * step;
      const y = (/** @type {number} */ share) => ABOVE + high * (1 - share / top);
      const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => ({ y: y(at * step), label: `${Math.round(at * step * 100)} %` }));
      drawAxes(canvas, weeks, width, ticks, HEIGHT);
      const mean = total(whole) ? Math.round(y(total(part) / total(whole))) + 0.5 : 0;
      canvas.append(columns(shares, pitch, y, ABOVE + high));
      if (mean) canvas.append(svg("path", { class: "chart-mean", d: `M${LEFT} ${mean}H${width}` }));
      const marks = buckets.map((bucket, at) => ({
        x: LEFT + at * pitch,
        y: ABOVE,
        width: pitch,
        height: high,
        title: nameOf(bucket),
        lines: /** @type {[string, string][]} */ ([
          ["share", percent(bucket.sums[part], bucket.sums[whole])],
          [parts, number(bucket.sums[part])],
          [wholes, number(bucket.sums[whole])],
        ]),
      }));
      return { marks, height: HEIGHT, label: sentence() };
    },
    table() {
      const buckets = weeks ? bucketsOf(weeks, 60, 1).buckets : [];
      return {
        head: ["Weeks", "Share", capital(parts), capital(wholes)],
        rows: buckets.map((bucket) => [nameOf(bucket), percent(bucket.sums[part], bucket.sums[whole]), number(bucket.sums[part]), number(bucket.sums[whole])]),
      };
    },
  });

  return {
    /** @param {Figures} figures */
    show(figures) {
      weeks = figures.weeks;
      chart.refresh();
    },
    destroy: chart.destroy,
  };
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
