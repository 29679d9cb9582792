/** How figures and days are written. Days are UTC: that is how commits are told apart by day. */

const exact = new Intl.NumberFormat("en-GB");
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

/** @param {number} value */
export const number = (value) => exact.format(value);

/** @param {number} value such as 1.2M */
export const compact = (value) => (value < 10_000 ? exact.format(value) : short.format(value));

/** @param {number} value with one digit behind the point */
export const decimal = (value) => tenths.format(value);

/**
 * @param {number} part
 * @param {number} whole
 */
export const percent = (part, whole) => `${whole ? ((100 * part) / whole).toFixed(1) : 0} %`;

/** @param {number | string} day in ms, or as 2026-01-31 */
export const day = (day) => date.format(new Date(day));

/** @param {number | string} day */
export const monthOf = (day) => month.format(new Date(day));

/**
 * @param {number} count
 * @param {string} noun
 */
export const plural = (count, noun) => `${exact.format(count)} ${noun}${count === 1 ? "" : "s"}`;
