/** Times for people: relative where that says more, absolute where not. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" });
const short = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

/**
 * @param {number} seconds Unix time
 * @param {number} [now] ms
 */
export function relativeTime(seconds, now = Date.now()) {
  const age = now / 1000 - seconds;
  if (age < -MINUTE) return month.format(seconds * 1000);
  if (age < MINUTE) return "just now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  if (age < 2 * DAY) return "yesterday";
  if (age < 60 * DAY) return `${Math.floor(age / DAY)} days ago`;
  if (age < 330 * DAY) return `${Math.round(age / (30.4 * DAY))} months ago`;
  return month.format(seconds * 1000);
}

/** @param {number} seconds Unix time */
export function absoluteTime(seconds) {
  return exact.format(seconds * 1000);
}

/** @param {number} seconds Unix time: `03 Mar 2024, 14:05` */
export function shortTime(seconds) {
  return short.format(seconds * 1000);
}
