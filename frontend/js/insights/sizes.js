/** How large changes are: a bar for each range of lines. */

import { createChart, svg } from "./chart.js";
import { number, percent } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */

const LINE = 20;
const LEFT = 84;
const RIGHT = 62;

/**
 * @param {HTMLElement} figure
 * @param {ReturnType<typeof import("./tooltip.js").createTooltip>} tooltip
 */
export function createSizes(figure, tooltip) {
  /** @type {Figures["sizes"]} */
  let sizes = { up_to: [], commits: [] };

  const names = () => sizes.up_to.map((bound, at) => nameOf(bound, sizes.up_to[at - 1] ?? -1));
  const all = () => sizes.commits.reduce((sum, commits) => sum + commits, 0);

  const chart = createChart({
    figure,
    tooltip,
    draw(canvas, width) {
      const most = Math.max(1, ...sizes.commits);
      const whole = all();
      const bars = svg("g", { class: "chart-columns" });
      const labels = svg("g", { class: "chart-axes", "aria-hidden": "true" });
      const marks = names().map((name, at) => {
        const commits = sizes.commits[at] ?? 0;
        const y = at * LINE;
        const long = ((width - LEFT - RIGHT) * commits) / most;
        if (commits) bars.append(svg("rect", { x: LEFT, y: y + 4, width: Math.max(2, long), height: LINE - 7, rx: 2 }));
        labels.append(svg("text", { x: LEFT - 10, y: y + 14, "text-anchor": "end" }, name));
        labels.append(svg("text", { x: LEFT + Math.max(2, long) + 6, y: y + 14, class: "chart-value" }, number(commits)));
        /** @type {[string, string][]} */
        const lines = [
          ["commits", number(commits)],
          ["of all", percent(commits, whole)],
        ];
        return { x: 0, y, width, height: LINE, title: `${name} ${name === "1" ? "line" : "lines"}`, lines };
      });
      canvas.append(bars, labels);
      const largest = sizes.commits.indexOf(Math.max(...sizes.commits));
      const label = whole ? `Most commits change ${names()[largest]} lines: ${percent(sizes.commits[largest] ?? 0, whole)}.` : "No commits.";
      return { marks, columns: 1, height: Math.max(1, marks.length) * LINE + 4, label };
    },
    table: () => ({ head: ["Lines", "Commits", "Share"], rows: names().map((name, at) => [name, number(sizes.commits[at] ?? 0), percent(sizes.commits[at] ?? 0, all())]) }),
  });

  return {
    /** @param {Figures} figures */
    show(figures) {
      sizes = figures.sizes;
      chart.refresh();
    },
    destroy: chart.destroy,
  };
}

/**
 * @param {number | null} bound the largest number of lines of it
 * @param {number} before that of the range before it
 */
function nameOf(bound, before) {
  if (bound === null) return `over ${number(before)}`;
  return bound === before + 1 ? number(bound) : `${number(before + 1)} – ${number(bound)}`;
}
