/** Times for people: relative where that says more, absolute where not. */

import { shortMonthOf } from "./calendar.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @type {Intl.DateTimeFormat | undefined} */
let exact;

/** @param {number} seconds */
function month(seconds) {
  const date = new Date(seconds * 1000);
  return `${shortMonthOf(date)} ${date.getFullYear()}`;
}

/**
 * @param {number} seconds Unix time
 * @param {number} [now] ms
 */
export function relativeTime(seconds, now = Date.now()) {
  const age = now / 1000 - seconds;
  if (age < -MINUTE) return month(seconds);
  if (age < MINUTE) return "just now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  if (age < 2 * DAY) return "yesterday";
  if (age < 60 * DAY) return `${Math.floor(age / DAY)} days ago`;
  if (age < 330 * DAY) return `${Math.round(age / (30.4 * DAY))} months ago`;
  return month(seconds);
}

/** @param {number} seconds Unix time */
export function absoluteTime(seconds) {
  exact ??= new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });
  return exact.format(seconds * 1000);
}

/** @param {number} seconds Unix time: `03 Mar 2024, 14:05` */
export function shortTime(seconds) {
  const date = new Date(seconds * 1000);
  const [day, hour, minute] = [date.getDate(), date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, "0"));
  return `${day} ${month(seconds)}, ${hour}:${minute}`;
}
