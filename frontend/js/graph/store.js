/** The part of the history that is at hand: blocks of rows, fetched when looked at, forgotten when far away. */

import { ApiError, getJson, isAbort } from "../api.js";
import { BLOCK, blockOf, blocksFrom } from "./blocks.js";
import { applyDelta } from "./deltas.js";
import { early, firstRows, windowQuery } from "./early.js";

const KEEP = 64; // blocks: some 8,000 commits, 3 MB
const AT_ONCE = 3; // requests
const RUN = 4; // blocks that one of them asks for
const PACE = 70; // ms between requests while rows fly by: what is passed is worth a glance, not the server's whole time
const RETRY = 150;
const LONGEST_RETRY = 5000;

/**
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").WireWindow} WireWindow
 * @typedef {"opening" | "building" | "ready" | "failed"} StoreState
 * @typedef {{progress?: number, commits?: number, doing?: string, rows?: object[], message?: string}} StoreNews
 *   how far a build is, with the first rows if they can be shown already, or what went wrong
 * @typedef {{low: number, high: number, control: AbortController}} Request of the blocks from `low` to `high`
 */

/**
 * @param {object} options
 * @param {string} options.url of the graph
 * @param {() => URLSearchParams} options.view which part of the history is followed
 * @param {() => void} options.onRows called when rows that were wanted have arrived
 * @param {(rows: number) => void} options.onFirst called when so many rows are here of a graph that the server is still laying out
 * @param {() => void} options.onStale called when the server's graph is not the one that we follow: open it again
 * @param {(state: StoreState, news?: StoreNews) => void} options.onState
 */
export function createStore({ url, view, onRows, onFirst, onStale, onState }) {
  /** @type {Map<number, Block>} in the order of their last use */
  const blocks = new Map();
  /** @type {Set<Request>} oldest first */
  const requests = new Set();
  /** @type {[number, number]} */
  let wanted = [0, -1];
  let reach = 0; // the lowest height of the rows that are looked at
  let askedAt = 0;
  let strange = 0;
  let failures = 0;
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | null} */
  let opening = null;

  const store = {
    total: 0,
    lanes: 0,
    /** @type {string | null} */
    head: null,
    /** @type {string | number} */
    generation: "",
    opened: false,

    /**
     * Load from `at` (a row, ref or oid) and make that graph the one we follow.
     * @param {string | number} at
     * @returns {Promise<number>} the row of `at`
     * @throws {ApiError} when there is nothing of that name
     */
    async open(at) {
      opening?.abort();
      const mine = (opening = new AbortController());
      onState("opening");
      const answer = await ask(at, firstRows(at), mine.signal);
      forget();
      Object.assign(store, { total: answer.total, lanes: answer.lanes, head: answer.head, generation: answer.generation, opened: true });
      for (const block of blocksFrom(answer, { cut: true })) blocks.set(block.index, block);
      strange = failures = 0;
      onState("ready");
      return answer.focus ?? answer.at;
    },

    /**
     * The row of a ref or oid. Keeps what came with it.
     * @param {string} at
     * @returns {Promise<number>}
     */
    async find(at) {
      const answer = await ask(at, firstRows(at));
      if (answer.generation !== store.generation) return store.open(at);
      for (const block of blocksFrom(answer)) keep(block);
      return answer.focus ?? answer.at;
    },

    /** Whether the server's graph is still this one. */
    async isCurrent() {
      const answer = await getJson(url + windowQuery(0, 1, view())).catch(() => null);
      return !answer || answer.building || answer.generation === store.generation;
    },

    /**
     * Follow the server: `added` commits are new on top. What is shown stays, and is asked for again when it is looked at.
     * @param {import("./deltas.js").Change & {head?: string | null}} change
     * @returns {"known" | "grown" | "rebuilt"} with "rebuilt", open it again
     */
    advance(change) {
      if (!store.opened || change.generation === store.generation) return "known";
      // Our graph was made anew without news.
      if (change.before && change.before !== store.generation) return "rebuilt";
      // What is told is about the whole history; a part of it has to be asked for.
      if (view().toString() || change.added < 0 || store.total + change.added !== change.total) return "rebuilt";
      applyDelta(blocks, change, store.generation);
      for (const { lane, edges } of change.rows ?? []) store.lanes = Math.max(store.lanes, lane + 1, ...edges.map((edge) => edge + 1));
      store.generation = change.generation;
      store.total = change.total;
      if (change.head !== undefined) store.head = change.head;
      letGo(0);
      return "grown";
    },

    /**
     * @param {number} row
     * @returns {Commit | undefined} undefined while it is on its way
     */
    commit(row) {
      return store.at(store.total - 1 - row);
    },

    /**
     * @param {number} height
     * @returns {Commit | undefined}
     */
    at(height) {
      const block = blocks.get(blockOf(height));
      const top = block?.commits[0];
      return block && top && height >= 0 ? block.commits[top.height - height] : undefined;
    },

    /**
     * The blocks at hand that touch these rows, from the top down.
     * @param {number} first
     * @param {number} last
     */
    *blocks(first, last) {
      const lowest = blockOf(Math.max(0, store.total - 1 - last));
      for (let index = blockOf(store.total - 1 - Math.max(0, first)); index >= lowest; index--) {
        const block = blocks.get(index);
        if (block) yield block;
      }
    },

    /**
     * These rows are looked at: fetch what is missing or out of date, leave alone what is not wanted any more.
     * @param {number} first
     * @param {number} last
     */
    want(first, last) {
      if (!store.opened || !store.total) return;
      /** @type {[number, number]} */
      const next = [
        blockOf(Math.max(0, store.total - 1 - last)),
        blockOf(Math.max(0, store.total - 1 - Math.max(0, first))),
      ];
      const jumped = next[1] < wanted[0] - 1 || next[0] > wanted[1] + 1;
      wanted = next;
      reach = Math.max(0, store.total - 1 - last);
      const pause = askedAt + PACE - performance.now();
      if (jumped && pause > 0) return later(pause);
      if (!timer) pump();
    },

    /**
     * Rows that are about to be looked at: resolves when they are here, or would be late.
     * @param {number} first
     * @param {number} last
     * @param {number} patience ms
     * @returns {Promise<boolean>} whether they had to be asked for
     */
    async bring(first, last, patience) {
      const low = blockOf(Math.max(0, store.total - 1 - last));
      const high = blockOf(Math.max(0, store.total - 1 - Math.max(0, first)));
      for (let index = high; index >= low; index--) {
        if (isCovered(index, Math.max(0, store.total - 1 - last))) continue;
        await Promise.race([load(Math.max(low, high - RUN + 1), high), new Promise((resolve) => setTimeout(resolve, patience))]);
        return true;
      }
      return false;
    },

    destroy() {
      clearTimeout(timer);
      opening?.abort();
      forget();
    },
  };

  function forget() {
    letGo(0);
    blocks.clear();
  }

  /**
   * End requests, the oldest first, until so many are left.
   * @param {number} most
   */
  function letGo(most) {
    for (const request of requests) {
      if (requests.size <= most) break;
      requests.delete(request);
      request.control.abort();
    }
  }

  /** @param {number} pause ms */
  function later(pause) {
    timer ??= setTimeout(() => {
      timer = undefined;
      pump();
    }, pause);
  }

  /**
   * Whether a block is here as it is, as far down as somebody looks, or on its way.
   * @param {number} index
   * @param {number} [lowest] height
   */
  function isCovered(index, lowest = reach) {
    const block = blocks.get(index);
    const bottom = index * BLOCK;
    const top = Math.min(bottom + BLOCK, store.total) - 1;
    const has = block?.generation === store.generation && block.commits[0]?.height === top ? block.commits.length : 0;
    if (has > top - Math.max(bottom, lowest)) return true;
    return [...requests].some((request) => index >= request.low && index <= request.high);
  }

  function pump() {
    for (let high = wanted[1]; high >= wanted[0]; high--) {
      const block = blocks.get(high);
      if (block) {
        blocks.delete(high);
        blocks.set(high, block);
      }
      if (isCovered(high)) continue;
      let low = high;
      while (low > wanted[0] && high - low < RUN - 1 && !isCovered(low - 1)) low--;
      letGo(AT_ONCE - 1);
      void load(low, high);
      high = low;
    }
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  async function load(low, high) {
    const request = { low, high, control: new AbortController() };
    requests.add(request);
    askedAt = performance.now();
    const above = Math.min(store.total, (high + 1) * BLOCK);
    try {
      const answer = await ask(store.total - above, above - low * BLOCK, request.control.signal);
      if (!requests.delete(request)) return;
      if (answer.generation !== store.generation) return stray();
      if (failures) onState("ready");
      strange = failures = 0;
      store.lanes = Math.max(store.lanes, answer.lanes);
      for (const block of blocksFrom(answer)) keep(block);
      onRows();
      pump();
    } catch (error) {
      if (!requests.delete(request) || isAbort(error)) return;
      failures += 1;
      onState("failed", { message: error instanceof ApiError ? error.message : String(error) });
      later(Math.min(LONGEST_RETRY, RETRY * 2 ** failures));
    }
  }

  /** An answer from a graph before or after ours: the news of it is probably on its way. */
  function stray() {
    strange += 1;
    if (strange < 4) return later(RETRY);
    strange = 0;
    onStale();
  }

  /** @param {Block} block */
  function keep(block) {
    blocks.delete(block.index);
    blocks.set(block.index, block);
    for (const index of blocks.keys()) {
      if (blocks.size <= KEEP) break;
      if (index < wanted[0] || index > wanted[1]) blocks.delete(index);
    }
  }

  /**
   * Ask for a window, as often as it takes while the server builds its index.
   * @param {string | number} at
   * @param {number} rows
   * @param {AbortSignal} [signal]
   * @returns {Promise<WireWindow>}
   */
  async function ask(at, rows, signal) {
    const query = windowQuery(at, rows, view());
    for (let pause = 200; ; pause = Math.min(2000, pause * 1.5)) {
      const taken = early.query === query ? early.answer : null;
      early.answer = null;
      const answer = await (taken ?? getJson(url + query, signal));
      signal?.throwIfAborted();
      if (!answer.building) return answer;
      if (answer.rows && !store.opened && !store.total) begin(answer);
      onState("building", answer);
      await new Promise((resolve) => setTimeout(resolve, pause));
      signal?.throwIfAborted();
    }
  }

  /**
   * Show the first rows until the graph is opened: the same will be its first. Whatever is further down counts as blocks of its own.
   * @param {WireWindow} answer
   */
  function begin(answer) {
    const deepest = Math.max(0, ...answer.rows.flatMap(({ parents }) => parents)) + 1;
    const below = Math.max(0, Math.ceil((deepest - answer.rows.length) / BLOCK)) * BLOCK;
    Object.assign(store, { total: answer.rows.length + below, lanes: answer.lanes, head: answer.head });
    for (const block of blocksFrom({ ...answer, total: store.total })) blocks.set(block.index, block);
    onFirst(answer.rows.length);
  }

  return store;
}
