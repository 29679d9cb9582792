/** Searching the history: the server finds, streamed; the page lists it, marks it in the graph and leads from one to the next. */

import { ApiError, getLines, isAbort } from "../api.js";
import { needles } from "./search-grammar.js";
import { createHits } from "./search-hits.js";
import { createPanel } from "./search-panel.js";

const TOLD = 200; // hits that are listed; of more than these only the rows are known
const AGAIN = 400; // ms after news until the search is made again
const AGAIN_AT_LEAST = 3000; // ms between two of these
const BUILDING = 600; // ms until an index that is being built is asked again

/**
 * @typedef {import("./main.js").Graph} Graph
 * @typedef {"idle" | "running" | "done" | "cancelled" | "failed"} State
 */

/**
 * @param {object} options
 * @param {Graph} options.graph
 * @param {string} options.url of the search
 * @param {HTMLElement} options.beside the rows
 * @param {HTMLElement} options.status for the screen reader
 * @param {(query: string, how?: {replace?: boolean}) => void} options.onQuery "" when the search is closed
 */
export function createSearch({ graph, url, beside, status, onQuery }) {
  const hits = createHits();
  const panel = createPanel({ after: beside, hits, onPick: (nth, open) => void pick(nth, { open }), onStep: step, onCancel: cancel, onClose: () => search.close() });
  let query = "";
  /** @type {State} */
  let state = "idle";
  let current = -1;
  let found = 0; // as the server counts; more than there are rows for, perhaps
  let atLeast = false;
  let took = 0;
  let building = -1; // the part of the texts that is written, while the server has to read the history first
  let problem = "";
  /** @type {string[]} */
  let hints = [];
  /** @type {AbortController | null} */
  let running = null;
  let wantsFirst = false;
  let words = needles([]);
  let total = 0; // rows of the graph that the answer is of
  let seen = ""; // generation and view that the hits are of
  let lastRun = 0;
  /** @type {number | undefined} */
  let timer;
  let frame = 0;
  let rows = new Uint32Array();
  let marked = ""; // what `rows` are of

  const now = () => `${graph.store.generation} ${graph.view}`;

  /** Search, and show what is found as it comes. */
  async function run() {
    const mine = begin();
    state = "running";
    reset();
    draw();
    try {
      for await (const line of patiently(mine.signal)) {
        mine.signal.throwIfAborted();
        take(line);
        if (wantsFirst && hits.count) void first();
        draw();
      }
      if (running === mine) state = "done";
    } catch (error) {
      if (isAbort(error) || running !== mine) return;
      reset();
      state = "failed";
      problem = error instanceof ApiError ? error.message : "The search was cut off. Search again.";
    }
    wantsFirst = false;
    draw();
    tell();
  }

  /** Search once more, after news: what was found stays as it is until all is there, and the place in the list besides. */
  async function again() {
    if (state === "running" || state === "failed") return run();
    if (state !== "done") return;
    const mine = begin();
    const lines = [];
    try {
      for await (const line of patiently(mine.signal)) lines.push(line);
    } catch {
      return; // what was found before still stands, and the next news try again
    }
    if (running !== mine) return;
    const [kept, place] = [hits.height(current), panel.place];
    reset();
    for (const line of lines) take(line);
    current = hits.indexOf(kept);
    panel.place = place;
    draw();
  }

  function begin() {
    running?.abort();
    clearTimeout(timer);
    running = new AbortController();
    seen = now();
    lastRun = performance.now();
    return running;
  }

  function reset() {
    marked = "";
    hits.clear();
    panel.clear();
    current = -1;
    found = 0;
    building = -1;
    hints = [];
  }

  /** @param {any} line of the answer */
  function take(line) {
    building = line.building ?? -1;
    if (line.total !== undefined) total = line.total;
    if (line.query) words = needles(line.query.terms);
    if (line.hints) hints = line.hints.map((/** @type {{text: string}} */ hint) => hint.text);
    if (line.hits) hits.add(total, line.hits);
    if (line.rows) hits.addRows(total, line.rows);
    if (line.hits) panel.more(words);
    found = hits.count;
    if (!line.done) return;
    found = line.count;
    atLeast = Boolean(line.more);
    took = line.ms;
    if (line.failed) throw new ApiError(0, line.failed);
  }

  /** The lines of the answer, asked for again while the graph itself is being built.
   * @param {AbortSignal} signal
   */
  async function* patiently(signal) {
    const address = `${url}?${new URLSearchParams([["q", query], ["limit", String(TOLD)], ...graph.view])}`;
    for (;;) {
      let unready = false;
      for await (const line of getLines(address, signal)) {
        unready = line.building === true;
        if (!unready) yield line;
      }
      if (!unready) return;
      await new Promise((resolve) => setTimeout(resolve, BUILDING));
      signal.throwIfAborted();
    }
  }

  function first() {
    wantsFirst = false;
    return pick(0, { quiet: true }); // all of it is told at the end
  }

  function advice() {
    if (state !== "done" || found) return "";
    if (graph.view.size) return "Only what the filters show was searched.";
    return "All words have to be there, in the message, the author or the id: fewer of them find more.";
  }

  function sentence() {
    if (state === "failed") return problem;
    const commits = `${found.toLocaleString("en")}${atLeast ? "+" : ""} ${found === 1 ? "commit" : "commits"}`;
    if (state === "running" && building >= 0) return `Reading the history, ${Math.floor(building * 100)} %`;
    if (state === "running") return found ? `${found.toLocaleString("en")} so far…` : "Searching…";
    if (state === "cancelled") return found ? `${commits}, then cancelled` : "Cancelled";
    return found ? `${commits} found` : "No commit found";
  }

  /** At the next frame: an answer may come in hundreds of lines. */
  function draw() {
    frame ||= requestAnimationFrame(drawNow);
  }

  function drawNow() {
    frame = 0;
    if (!query) return;
    const [says = "", ...rest] = sentence().split(", ");
    const aside = state === "done" ? [duration(took)] : rest;
    panel.show({ running: state === "running", says, aside, nth: current, hints, failed: state === "failed", advice: advice() });
    mark();
  }

  function mark() {
    const all = graph.store.total;
    const key = `${hits.count} ${all} ${seen}`;
    if (key !== marked) [marked, rows] = [key, hits.rows(all)];
    graph.setMarks(rows, current < 0 ? -1 : all - 1 - hits.height(current));
  }

  /** Read out how many there are, and which one this is; once, when all is there. */
  function tell() {
    if (state === "running") return;
    const place = current < 0 ? "" : `, ${(current + 1).toLocaleString("en")} of ${hits.count.toLocaleString("en")}`;
    status.textContent = query && `${sentence()}${place}`;
  }

  /**
   * @param {number} nth
   * @param {{open?: boolean, quiet?: boolean}} how
   */
  async function pick(nth, { open = false, quiet = false }) {
    const height = hits.height(nth);
    if (height < 0) return;
    current = nth;
    draw();
    panel.reveal(nth);
    const focused = document.activeElement;
    await graph.goTo(graph.store.total - 1 - height);
    const told = hits.told(nth);
    if (open && told) graph.select(told.oid);
    // Walking the list is walking the list: the focus goes to the rows only for those who came from the box.
    else if (focused instanceof HTMLElement && panel.panel.contains(focused)) focused.focus({ preventScroll: true });
    if (!quiet) tell();
  }

  /** @param {1 | -1} direction 1 is older */
  function step(direction) {
    if (!hits.count) {
      if (query) tell();
      return;
    }
    const at = graph.store.total - 1 - graph.row;
    const from = current >= 0 && hits.height(current) === at ? current : -1;
    let nth = from >= 0 ? from + direction : hits.beyond(at, direction);
    if (nth < 0 || nth >= hits.count) nth = direction > 0 ? 0 : hits.count - 1; // round the end
    void pick(nth, {});
  }

  function cancel() {
    if (state !== "running") return;
    running?.abort();
    state = "cancelled";
    wantsFirst = false;
    draw();
    tell();
  }

  const forget = graph.onChange((reason) => {
    if (reason === "selection" || !query || seen === now()) return;
    const sameView = seen.endsWith(` ${graph.view}`);
    seen = now();
    if (!sameView) return void run();
    mark();
    clearTimeout(timer);
    timer = setTimeout(() => void again(), Math.max(AGAIN, lastRun + AGAIN_AT_LEAST - performance.now()));
  });

  const search = {
    /** "" while there is none */
    get query() {
      return query;
    },

    /**
     * @param {string} text
     * @param {{goToFirst?: boolean, replace?: boolean, quiet?: boolean}} [how] `quiet`: the address has it already
     */
    run(text, { goToFirst = true, replace = false, quiet = false } = {}) {
      const next = text.trim();
      if (!next) return search.close({ quiet });
      if (next === query && state === "done" && goToFirst) return void pick(0, {});
      query = next;
      wantsFirst = goToFirst;
      if (!quiet) onQuery(query, { replace });
      void run();
    },

    /** @param {number} row */
    isHit: (row) => hits.count > 0 && hits.has(graph.store.total - 1 - row),

    next: () => step(1),
    previous: () => step(-1),

    /**
     * The graph stays where it is.
     * @param {{quiet?: boolean}} [how]
     */
    close({ quiet = false } = {}) {
      if (!query) return;
      running?.abort();
      clearTimeout(timer);
      query = "";
      state = "idle";
      const had = panel.panel.contains(document.activeElement);
      reset();
      panel.hide();
      graph.setMarks(null, -1);
      tell();
      if (!quiet) onQuery("");
      if (had) graph.grid.focus({ preventScroll: true });
    },

    destroy() {
      running?.abort();
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      forget();
      panel.destroy();
    },
  };
  return search;
}

/** @param {number} ms */
const duration = (ms) => (ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);
