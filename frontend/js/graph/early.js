/** The first window: it came with the page, or is asked for while the page's parts are put together. */

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

/** A screen of rows that came with the page. Back may have taken the page from the browser's cache: the news tell what is old. */
function sent() {
  const text = location.search ? "" : document.querySelector("script[data-first]")?.textContent;
  return text ? Promise.resolve(JSON.parse(text)) : null;
}

/** @type {{query: string, answer: Promise<any> | null}} taken once, by whoever opens the graph with the same query */
export const early = { query, answer: sent() ?? getJson(`/api/repos/${owner}/${name}/graph${query}`) };
early.answer?.catch(() => {}); // whoever takes it hears of it
