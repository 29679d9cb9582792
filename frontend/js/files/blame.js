/** Tells the commit of each line: of those in view first, then of all others, as git finds them. */
import { isAbort } from "../api.js";
import { createCard } from "./blame-card.js";
import { ageOf, beforeOf, fillCell } from "./blame-cell.js";
import { MOST } from "./chunks.js";
import { streamed } from "./stream.js";

const IN_VIEW = 80; // lines around where the page opens
const SETTLED = 300; // ms without scrolling after which what is in view is asked for by itself

/**
 * @param {HTMLElement} code
 * @param {import("./place.js").Place} place
 */
export function createBlame(code, place) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const total = Number(code.dataset.total);
  const now = Number(code.dataset.time);
  const status = place.element.querySelector(".blame-progress");
  const how = { root: place.root, before: code.dataset.before ?? "", query: code.dataset.query ?? "" };
  /** @type {Map<string, import("./blame-cell.js").BlameCommit>} */
  const commits = new Map();
  /** By line, each the group that it belongs to. @type {(import("./blame-cell.js").BlameGroup | undefined)[]} */
  const groups = new Array(total + 2);
  const card = createCard(code, (line) => {
    const group = groups[line];
    const commit = group && commits.get(group.oid);
    if (!group || !commit) return null;
    return { commit, address: `${how.root}/commit/${commit.oid}`, before: beforeOf(group, how) };
  });
  let known = 0;
  let done = false;
  /** @type {Set<number>} */
  const changed = new Set();
  let frame = 0;

  /** @param {number} line */
  function draw(line) {
    const cell = document.getElementById(`L${line}`)?.querySelector(".origin");
    const group = groups[line];
    const commit = group && commits.get(group.oid);
    if (!(cell instanceof HTMLElement) || !group || !commit) return;
    const above = groups[line - 1];
    fillCell(cell, group, commit, { ...how, first: !above || above.oid !== group.oid, age: ageOf(commit, now) });
    cell.parentElement?.classList.toggle("begins", cell.classList.contains("first"));
  }

  function drawChanged() {
    frame = 0;
    for (const line of changed) draw(line);
    changed.clear();
    if (status) status.textContent = done ? "" : ` · ${Math.floor((100 * known) / total)} % of the lines are known`;
  }

  /** @param {import("./blame-cell.js").BlameGroup} group */
  function take(group) {
    for (let line = group.line; line < group.line + group.count && line <= total; line++) {
      if (!groups[line]) known++;
      groups[line] = group;
      changed.add(line);
    }
    changed.add(group.line + group.count); // whether it is the first of its group may be another answer now
    frame ||= requestAnimationFrame(drawChanged);
  }

  /**
   * @param {[number, number][]} parts
   * @param {AbortSignal} until
   */
  async function ask(parts, until) {
    const lines = parts.map(([from, to]) => `lines=${from}-${to}`).join("&");
    for await (const said of streamed(`${code.dataset.blame}&${lines}`, until)) {
      if (said.commit) commits.set(said.commit.oid, said.commit);
      else if (said.line) take(said);
    }
  }

  async function begin() {
    const here = /** @type {HTMLTableSectionElement} */ (code.querySelector("tbody"));
    if (total > MOST) return finish([[Number(here.dataset.from), Number(here.dataset.from) + here.rows.length - 1]]);
    const from = Math.max(1, Math.min(total - IN_VIEW, (Number(/^#L(\d+)/.exec(location.hash)?.[1]) || 1) - IN_VIEW / 2));
    const to = Math.min(total, from + IN_VIEW);
    /** @type {[number, number][]} */
    const parts = [[from, to]];
    if (to < total) parts.push([to + 1, total]);
    if (from > 1) parts.push([1, from - 1]);
    return finish(parts);
  }

  /** @param {[number, number][]} parts */
  async function finish(parts) {
    try {
      await ask(parts, signal);
      done = true;
      drawChanged();
    } catch (error) {
      if (!isAbort(error) && status) status.textContent = " · not all lines could be told; reload the page to try again";
      done = true;
    }
  }

  let settled = 0;
  let sooner = new AbortController();
  /** Somebody looks where git has not come to yet. */
  function lookSooner() {
    if (done) return;
    const rows = [...code.querySelectorAll("tbody:not([data-absent])")]
      .filter(inView)
      .flatMap((body) => [...body.querySelectorAll("tr")])
      .filter(inView);
    const missing = rows.map((row) => Number(row.id.slice(1))).filter((line) => line && !groups[line]);
    const [from, to] = [missing[0], missing.at(-1)];
    if (!from || !to) return;
    sooner.abort();
    sooner = new AbortController();
    ask([[from, to]], AbortSignal.any([signal, sooner.signal])).catch(() => {});
  }
  window.addEventListener(
    "scroll",
    () => {
      clearTimeout(settled);
      if (!done) settled = window.setTimeout(lookSooner, SETTLED);
    },
    { signal, passive: true },
  );
  void begin();

  return {
    /** @param {HTMLTableSectionElement} body lines that have come */
    arrived(body) {
      for (const row of body.rows) draw(Number(row.id.slice(1)));
    },
    destroy() {
      leaving.abort();
      sooner.abort();
      card.destroy();
      cancelAnimationFrame(frame);
    },
  };
}

/** @param {Element} element */
function inView(element) {
  const at = element.getBoundingClientRect();
  return at.bottom > 0 && at.top < innerHeight;
}
