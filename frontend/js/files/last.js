/** Fills in when each file was last changed, where the page was drawn before that was known. */
import { isAbort } from "../api.js";
import { element } from "../ui/dom.js";
import { hue, initials } from "../graph/people.js";
import { shown } from "../ui/odd.js";
import { relative } from "../ui/times.js";
import { streamed } from "./stream.js";

/**
 * @typedef {object} LastCommit
 * @property {number} n
 * @property {string} oid
 * @property {string} subject
 * @property {string} author
 * @property {number} time
 */

/** @param {import("./place.js").Place} place */
export function createLast(place) {
  const leaving = new AbortController();
  for (const target of place.element.querySelectorAll("[data-last]")) {
    if (target instanceof HTMLElement) void fill(target, place, leaving.signal);
  }
  return { destroy: () => leaving.abort() };
}

/**
 * @param {HTMLElement} target a table of files, or the head of one file
 * @param {import("./place.js").Place} place
 * @param {AbortSignal} signal
 */
async function fill(target, place, signal) {
  const rows = new Map([...target.querySelectorAll("tr[data-n]")].map((row) => [Number(row.getAttribute("data-n")), row]));
  target.ariaBusy = "true";
  try {
    for await (const said of streamed(target.dataset.last ?? "", signal)) {
      if (said.done) break;
      if (rows.size) inRow(rows.get(said.n), said, place);
      else inHead(target, said, place);
    }
  } catch (error) {
    if (!isAbort(error)) console.info("The last commits are missing:", error);
  } finally {
    target.ariaBusy = null;
  }
}

/**
 * @param {Element | undefined} row
 * @param {LastCommit} last
 * @param {import("./place.js").Place} place
 */
function inRow(row, last, place) {
  const message = row?.querySelector(".message");
  const when = row?.querySelector(".when");
  if (!message || !when || message.firstChild) return;
  message.append(element("a", { href: `${place.root}/commit/${last.oid}` }, ...shown(last.subject || "(no message)")));
  when.append(time(last.time));
}

/**
 * @param {HTMLElement} head
 * @param {LastCommit} last
 * @param {import("./place.js").Place} place
 */
function inHead(head, last, place) {
  if (head.firstElementChild) return;
  const href = `${place.root}/commit/${last.oid}`;
  const short = element("a", { class: "oid", href }, last.oid.slice(0, 8));
  head.append(
    element(
      "p",
      { class: "latest" },
      element("span", { class: "avatar", "data-hue": hue(last.author), "aria-hidden": "true" }, initials(last.author)),
      element("a", { class: "subject", href }, ...shown(last.subject || "(no message)")),
      element("span", { class: "by" }, ...shown(last.author), " · ", time(last.time), " · ", short),
    ),
  );
}

/** @param {number} seconds Unix time */
export function time(seconds) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return element("time", {}, String(seconds));
  return element("time", { datetime: at.toISOString() }, relative(seconds));
}
