/** Commits per week: a column for each, or for several where there are many, and a smooth line through them. */

import { bucketsOf, nameOf, smooth, timeTicks, valueTicks } from "./buckets.js";
import { createChart, svg } from "./chart.js";
import { compact, decimal, number, plural } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */
/** @typedef {import("./types.js").Weeks} Weeks */
/** @typedef {import("./buckets.js").Bucket} Bucket */

export const LEFT = 40;
export const BELOW = 22;
const HEIGHT = 220;
const ABOVE = 8;
const PITCH = 4;
const LETTER = 6; // px, about
const GAP = 8;
const WIDEST = 28; // px of a column

/**
 * @param {HTMLElement} figure
 * @param {ReturnType<typeof import("./tooltip.js").createTooltip>} tooltip
 */
export function createVelocity(figure, tooltip) {
  /** @type {Weeks | undefined} */
  let weeks;
  const hint = figure.querySelector("figcaption p");

  const chart = createChart({
    figure,
    tooltip,
    draw(canvas, width) {
      if (!weeks) return { marks: [], label: "", height: HEIGHT };
      const across = width - LEFT;
      const high = HEIGHT - ABOVE - BELOW;
      const { buckets, size } = bucketsOf(weeks, across, PITCH);
      if (hint) hint.textContent = `Each column is ${size === 1 ? "a week" : `${size} weeks`}, the line is the trend.`;
      const values = buckets.map((bucket) => bucket.sums.commits / bucket.weeks);
      const ticks = valueTicks(Math.max(0, ...values));
      const top = ticks.at(-1) || 1;
      const pitch = across / (buckets.length || 1);
      const y = (/** @type {number} */ value) => ABOVE + high * (1 - value / top);
      drawAxes(canvas, weeks, width, ticks.map((tick) => ({ y: y(tick), label: compact(tick) })), HEIGHT);
      canvas.append(columns(values, pitch, y, ABOVE + high), line(values, pitch, y));
      const marks = buckets.map((bucket, at) => ({ x: LEFT + at * pitch, y: ABOVE, width: pitch, height: high, title: nameOf(bucket), lines: told(bucket) }));
      return { marks, height: HEIGHT, label: summary(weeks) };
    },
    table: () => ({ head: ["Weeks", "Commits", "Merges", "Lines added", "Lines removed"], rows: weeks ? rows(weeks) : [] }),
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

/**
 * Lines and labels of the values, and of the months or years below.
 * @param {SVGElement} canvas
 * @param {Weeks} weeks
 * @param {number} width
 * @param {{y: number, label: string}[]} ticks
 * @param {number} height
 */
export function drawAxes(canvas, weeks, width, ticks, height) {
  const axes = svg("g", { class: "chart-axes", "aria-hidden": "true" });
  for (const { y, label } of ticks) {
    axes.append(svg("path", { d: `M${LEFT} ${Math.round(y) + 0.5}H${width}` }));
    axes.append(svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, label));
  }
  let taken = LEFT - GAP;
  for (const { x, label } of timeTicks(weeks, width - LEFT)) {
    const wide = label.length * LETTER;
    const from = Math.max(LEFT, Math.min(width - wide, LEFT + x - wide / 2));
    if (from < taken + GAP) continue;
    axes.append(svg("text", { x: from + wide / 2, y: height - 5, "text-anchor": "middle" }, label));
    taken = from + wide;
  }
  canvas.append(axes);
}

/**
 * @param {number[]} values
 * @param {number} pitch px from one to the next
 * @param {(value: number) => number} y
 * @param {number} ground where they stand
 */
export function columns(values, pitch, y, ground) {
  const wide = Math.max(1, Math.min(WIDEST, pitch - Math.max(1, pitch / 5)));
  const group = svg("g", { class: "chart-columns" });
  values.forEach((value, at) => {
    if (value > 0) group.append(svg("rect", { x: LEFT + (at + 0.5) * pitch - wide / 2, y: y(value), width: wide, height: Math.max(1, ground - y(value)), rx: Math.min(2, wide / 4) }));
  });
  return group;
}

/**
 * Through the middles between the values, so that it bends softly and goes beyond none of them.
 * @param {number[]} values
 * @param {number} pitch
 * @param {(value: number) => number} y
 */
function line(values, pitch, y) {
  const trend = smooth(values, Math.max(1.2, Math.min(8, values.length / 30)));
  const points = trend.map((value, at) => ({ x: LEFT + (at + 0.5) * pitch, y: y(value) }));
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || points.length < 3) return svg("path", { class: "chart-line", d: "" });
  let way = `M${first.x.toFixed(1)} ${first.y.toFixed(1)}`;
  points.slice(0, -1).forEach((point, at) => {
    const next = points[at + 1] ?? point;
    way += `Q${point.x.toFixed(1)} ${point.y.toFixed(1)} ${((point.x + next.x) / 2).toFixed(1)} ${((point.y + next.y) / 2).toFixed(1)}`;
  });
  return svg("path", { class: "chart-line", d: `${way}L${last.x.toFixed(1)} ${last.y.toFixed(1)}` });
}

/** @param {Bucket} bucket @returns {[string, string][]} */
function told({ weeks, sums }) {
  /** @type {[string, string][]} */
  const lines = [["commits", number(sums.commits)]];
  if (weeks > 1) lines.push(["a week", decimal(sums.commits / weeks)]);
  return [...lines, ["merges", number(sums.merges)], ["lines added", number(sums.added)], ["lines removed", number(sums.deleted)]];
}

/** @param {Weeks} weeks */
function summary(weeks) {
  const sum = weeks.commits.reduce((sum, commits) => sum + commits, 0);
  return `${plural(sum, "commit")} in ${plural(weeks.commits.length, "week")}, at most ${number(Math.max(0, ...weeks.commits))} in one.`;
}

/** @param {Weeks} weeks at most sixty lines of them */
function rows(weeks) {
  const { buckets } = bucketsOf(weeks, 60, 1);
  return buckets.map((bucket) => [nameOf(bucket), ...[bucket.sums.commits, bucket.sums.merges, bucket.sums.added, bucket.sums.deleted].map(number)]);
}
