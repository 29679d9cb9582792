/** Weeks put together into as many columns as there is room for, and the months and years below them. */

import { day, monthOf } from "./words.js";

/** @typedef {import("./types.js").Weeks} Weeks */
/** @typedef {import("./types.js").Sum} Sum */

const WEEK = 7 * 86_400_000;
const SIZES = [1, 2, 4, 13, 26, 52, 104];
const SUMS = /** @type {const} */ (["commits", "merges", "added", "deleted", "tracked", "reworked"]);
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240];
const LABEL = 64; // px from one label to the next

/**
 * @typedef {object} Bucket
 * @property {number} start ms of its Monday, UTC
 * @property {number} weeks how many it holds
 * @property {Record<Sum, number>} sums
 */

/**
 * @param {Weeks} weeks
 * @param {number} width px there are
 * @param {number} pitch px of a column at least
 */
export function bucketsOf(weeks, width, pitch) {
  const count = weeks.commits.length;
  const size = SIZES.find((size) => width / Math.ceil(count / size) >= pitch) ?? Math.ceil((count * pitch) / width);
  const first = Date.parse(weeks.first ?? "1970-01-05");
  /** @type {Bucket[]} */
  const buckets = [];
  for (let at = 0; at < count; at += size) {
    const end = Math.min(count, at + size);
    const sums = /** @type {Record<Sum, number>} */ ({});
    for (const name of SUMS) {
      sums[name] = 0;
      for (let week = at; week < end; week += 1) sums[name] += weeks[name][week] ?? 0;
    }
    buckets.push({ start: first + at * WEEK, weeks: end - at, sums });
  }
  return { buckets, size };
}

/**
 * @param {Bucket} bucket
 * @returns {string} such as "Week of 3 Mar 2025"
 */
export function nameOf({ start, weeks }) {
  return weeks === 1 ? `Week of ${day(start)}` : `${day(start)} to ${day(start + weeks * WEEK - 86_400_000)}`;
}

/**
 * Where months or years begin.
 * @param {Weeks} weeks
 * @param {number} width
 * @returns {{x: number, label: string}[]}
 */
export function timeTicks(weeks, width) {
  const count = weeks.commits.length;
  if (!count || !weeks.first) return [];
  const first = Date.parse(weeks.first);
  const span = count * WEEK;
  const months = span / (30.44 * 86_400_000);
  const step = MONTHS.find((step) => (width / months) * step >= LABEL) ?? 480;
  const begin = new Date(first);
  const ticks = [];
  for (let at = Math.ceil((12 * begin.getUTCFullYear() + begin.getUTCMonth()) / step) * step; ; at += step) {
    const when = Date.UTC(Math.floor(at / 12), at % 12, 1);
    if (when >= first + span) return ticks;
    const label = step % 12 === 0 ? String(Math.floor(at / 12)) : monthOf(when);
    if (when >= first) ticks.push({ x: ((when - first) / span) * width, label });
  }
}

/**
 * Round numbers from 0 up to `most` or a little more.
 * @param {number} most
 * @returns {number[]}
 */
export function valueTicks(most) {
  const rough = Math.max(most, 1) / 3;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude);
  const ticks = [0];
  while ((ticks.at(-1) ?? 0) < most) ticks.push((ticks.at(-1) ?? 0) + step);
  return ticks;
}

/**
 * A trend: every value and its neighbours, weighed by a bell curve.
 * @param {number[]} values
 * @param {number} sigma how far the curve reaches, in values
 */
export function smooth(values, sigma) {
  const reach = Math.ceil(sigma * 3);
  const bell = Array.from({ length: reach + 1 }, (_, distance) => Math.exp(-0.5 * (distance / sigma) ** 2));
  return values.map((_, at) => {
    let sum = 0;
    let weight = 0;
    for (let other = Math.max(0, at - reach); other <= Math.min(values.length - 1, at + reach); other += 1) {
      const share = bell[Math.abs(other - at)] ?? 0;
      sum += share * (values[other] ?? 0);
      weight += share;
    }
    return sum / weight;
  });
}
