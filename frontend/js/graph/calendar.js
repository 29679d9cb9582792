/** Days, weeks, months and years, in the visitor's own time zone. */

const HOUR = 3600;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

// The page speaks English; a formatter of the browser's takes longer to make than all of these names.
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** @param {Date} date `March` */
const monthOf = (date) => /** @type {string} */ (MONTHS[date.getMonth()]);
/** @param {Date} date `Mar` */
export const shortMonthOf = (date) => monthOf(date).slice(0, 3);

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/**
 * The stretch of time that a commit belongs to, as people would say it.
 * @param {number} seconds Unix time
 * @param {number} [now] ms
 * @returns {{key: number, name: string}} `key` is when it begins, in ms
 */
export function periodOf(seconds, now = Date.now()) {
  const date = new Date(seconds * 1000);
  const today = midnight(new Date(now));
  const begin = midnight(date);
  const days = Math.round((today.getTime() - begin.getTime()) / (DAY * 1000));
  if (days === 0) return { key: today.getTime(), name: "Today" };
  if (days === 1) return { key: begin.getTime(), name: "Yesterday" };
  const sinceMonday = (today.getDay() + 6) % 7;
  if (days > 0 && days <= sinceMonday) return { key: begin.getTime(), name: /** @type {string} */ (WEEKDAYS[date.getDay()]) };
  if (days > 0 && days <= sinceMonday + 7) return { key: today.getTime() - (sinceMonday + 7) * DAY * 1000, name: "Last week" };
  const first = new Date(date.getFullYear(), date.getMonth(), 1);
  const name = days > 0 && first.getMonth() === today.getMonth() && first.getFullYear() === today.getFullYear() ? "Earlier this month" : `${monthOf(date)} ${date.getFullYear()}`;
  return { key: first.getTime(), name };
}

/** @param {number} seconds Unix time: `3 March 2024` */
export function dateOf(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.getDate()} ${monthOf(date)} ${date.getFullYear()}`;
}

/**
 * Where years, months, days or hours begin, for a scale from `oldest` to `newest`.
 * @param {number} oldest Unix time
 * @param {number} newest
 * @returns {{time: number, name: string}[]} newest first
 */
export function ticks(oldest, newest) {
  const span = newest - oldest;
  const [from, to] = [new Date(oldest * 1000), new Date(newest * 1000)];
  /** @type {{time: number, name: string}[]} */
  const found = [];
  /**
   * @param {Date} date
   * @param {string} name
   */
  const add = (date, name) => {
    const time = date.getTime() / 1000;
    if (time > oldest && time < newest) found.push({ time, name });
  };
  if (span > 2 * YEAR) {
    for (let year = to.getFullYear(); year > from.getFullYear() && found.length < 200; year--) add(new Date(year, 0, 1), String(year));
  } else if (span > 60 * DAY) {
    for (let at = new Date(to.getFullYear(), to.getMonth(), 1); at > from; at = new Date(at.getFullYear(), at.getMonth() - 1, 1)) {
      add(at, at.getMonth() ? shortMonthOf(at) : String(at.getFullYear()));
    }
  } else if (span > 2 * DAY) {
    for (let at = midnight(to); at > from; at = new Date(at.getFullYear(), at.getMonth(), at.getDate() - 1)) add(at, `${at.getDate()} ${shortMonthOf(at)}`);
  } else {
    for (let at = new Date(newest * 1000).setMinutes(0, 0, 0); at > oldest * 1000; at -= HOUR * 1000) {
      add(new Date(at), `${String(new Date(at).getHours()).padStart(2, "0")}:00`);
    }
  }
  return found;
}
