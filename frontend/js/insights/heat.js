/** The hours of the week: the more commits, the stronger the colour. */

import { createChart, svg } from "./chart.js";
import { number, percent, plural } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const LEFT = 36;
const BELOW = 24;
const NARROW = 18; // px of an hour; where there are less, lines are lower, too
const PALEST = 0.1;
const EVERY = [0, 6, 12, 18];

/**
 * @param {HTMLElement} figure
 * @param {ReturnType<typeof import("./tooltip.js").createTooltip>} tooltip
 */
export function createHeat(figure, tooltip) {
  /** @type {number[][]} */
  let hours = [];

  const all = () => hours.flat().reduce((sum, commits) => sum + commits, 0);

  const chart = createChart({
    figure,
    tooltip,
    draw(canvas, width) {
      const wide = (width - LEFT) / 24;
      const high = wide < NARROW ? 22 : 28;
      const most = Math.max(0, ...hours.flat());
      const whole = all();
      const labels = svg("g", { class: "chart-axes", "aria-hidden": "true" });
      DAYS.forEach((day, at) => labels.append(svg("text", { x: 0, y: at * high + high / 2 + 4 }, day.slice(0, 3))));
      for (const hour of EVERY) labels.append(svg("text", { x: LEFT + hour * wide + 1, y: 7 * high + 17 }, `${hour}:00`));
      const marks = hours.flatMap((row, day) =>
        row.map((commits, hour) => ({
          x: LEFT + hour * wide,
          y: day * high,
          width: wide,
          height: high,
          title: `${DAYS[day]}, ${hour}:00 to ${hour}:59`,
          lines: /** @type {[string, string][]} */ ([
            ["commits", number(commits)],
            ["of all", percent(commits, whole)],
          ]),
          share: most && commits / most,
        })),
      );
      const cells = svg("g", { class: "chart-heat" });
      for (const { x, y, share } of marks) {
        /** @type {Record<string, string>} */
        const strength = share ? { "fill-opacity": (PALEST + (1 - PALEST) * share ** 1.2).toFixed(3) } : { "data-none": "" };
        cells.append(svg("rect", { x: x + 1, y: y + 1, width: Math.max(1, wide - 2), height: high - 2, rx: 2, ...strength }));
      }
      canvas.append(labels, cells);
      return { marks, columns: 24, height: 7 * high + BELOW, label: summary(marks, whole) };
    },
    table: () => ({
      head: ["Hour", ...DAYS],
      rows: Array.from({ length: 24 }, (_, hour) => [`${hour}:00`, ...hours.map((row) => number(row[hour] ?? 0))]),
    }),
  });

  return {
    /** @param {Figures} figures */
    show(figures) {
      hours = figures.hours;
      chart.refresh();
    },
    destroy: chart.destroy,
  };
}

/**
 * @param {{title: string, lines: [string, string][], share: number}[]} marks
 * @param {number} whole
 */
function summary(marks, whole) {
  const busiest = marks.find((mark) => mark.share === 1);
  return whole && busiest ? `${plural(whole, "commit")} by hour and day. Busiest: ${busiest.title}, ${busiest.lines[0]?.[1]} commits.` : "No commits.";
}
