/** The first window, asked for while the rest of the page's modules are still on their way. */

import { getJson } from "../api.js";
import { viewOf } from "./view.js";

const AROUND = 256; // rows: a whole block lies around the one in their middle
const FROM_TOP = 192; // as many as a screen needs, whichever block begins in them

/**
 * Rows of the first window.
 * @param {string | number} at
 */
export const firstRows = (at) => (String(at) === "0" ? FROM_TOP : AROUND);

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
const [place] = placesInAddress();
const query = windowQuery(place, firstRows(place), viewOf(new URL(location.href).searchParams));

/** @type {{query: string, answer: Promise<any> | null}} taken once, by whoever opens the graph with the same query */
export const early = { query, answer: getJson(`/api/repos/${owner}/${name}/graph${query}`) };
early.answer?.catch(() => {}); // whoever takes it hears of it
