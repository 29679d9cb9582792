/** The first window, asked for while the rest of the page's modules are still on their way. */

import { getJson } from "../api.js";
import { viewOf } from "./view.js";

/** Rows of the first window: two blocks, which are more than a screen at any zoom. */
export const FIRST_ROWS = 256;

/** Where an address begins, as far as that is there: at a place, a commit that it shows, the top. */
export function placesInAddress() {
  const { searchParams } = new URL(location.href);
  return /** @type {[string, ...string[]]} */ ([searchParams.get("at"), searchParams.get("commit"), "0"].filter(Boolean));
}

/**
 * @param {string | number} at
 * @param {number} rows
 * @param {URLSearchParams} view
 */
export function windowQuery(at, rows, view) {
  return `?at=${encodeURIComponent(at)}&rows=${rows}${view.toString() && `&${view}`}`;
}

const [, owner, name] = location.pathname.split("/");
const query = windowQuery(placesInAddress()[0], FIRST_ROWS, viewOf(new URL(location.href).searchParams));

/** @type {{query: string, answer: Promise<any> | null}} taken once, by whoever opens the graph with the same query */
export const early = { query, answer: getJson(`/api/repos/${owner}/${name}/graph${query}`) };
early.answer?.catch(() => {}); // whoever takes it hears of it
