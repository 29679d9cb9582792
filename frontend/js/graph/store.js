/** The part of the history that is at hand: blocks of rows, fetched when looked at, forgotten when far away. */

import { ApiError, getJson, isAbort } from "../api.js";
import { BLOCK, blockOf, blocksFrom } from "./blocks.js";

const KEEP = 64; // blocks: some 8,000 commits, 3 MB
const AT_ONCE = 3;
const SETTLE = 60; // ms a fast scroll has to rest before its rows are fetched,
const RESTLESS = 200; // or that it may go on before they are fetched all the same
const RETRY = 150;
const LONGEST_RETRY = 5000;
export const FIRST_ROWS = 2 * BLOCK;

/**
 * @typedef {import("./types.js").Block} Block
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {import("./types.js").WireWindow} WireWindow
 * @typedef {"building" | "ready" | "failed"} StoreState
 */

/**
 * @param {object} options
 * @param {string} options.url of the graph
 * @param {() => void} options.onRows called when rows that were wanted have arrived
 * @param {() => void} options.onStale called when the server's graph is not the one that we follow: open it again
 * @param {(state: StoreState, message?: string) => void} options.onState
 */
export function createStore({ url, onRows, onStale, onState }) {
  /** @type {Map<number, Block>} in the order of their last use */
  const blocks = new Map();
  /** @type {Map<number, AbortController>} */
  const fetching = new Map();
  /** @type {[number, number]} */
  let wanted = [0, -1];
  let movedAt = 0;
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
      const answer = await ask(at, FIRST_ROWS, mine.signal);
      forget();
      Object.assign(store, { total: answer.total, lanes: answer.lanes, head: answer.head, generation: answer.generation, opened: true });
      for (const block of blocksFrom(answer)) blocks.set(block.index, block);
      strange = 0;
      onState("ready");
      return answer.focus ?? answer.at;
    },

    /**
     * The row of a ref or oid. Keeps what came with it.
     * @param {string} at
     * @returns {Promise<number>}
     */
    async find(at) {
      const answer = await ask(at, FIRST_ROWS);
      if (answer.generation !== store.generation) return store.open(at);
      for (const block of blocksFrom(answer)) keep(block);
      return answer.focus ?? answer.at;
    },

    /**
     * Follow the server: `added` commits are new on top. What is shown stays, and is asked for again when it is looked at.
     * @param {{generation: string | number, total: number, added: number, head?: string | null}} change
     * @returns {"known" | "grown" | "rebuilt"} with "rebuilt", open it again
     */
    advance(change) {
      if (!store.opened || change.generation === store.generation) return "known";
      if (change.added < 0 || store.total + change.added !== change.total) return "rebuilt";
      store.generation = change.generation;
      store.total = change.total;
      if (change.head !== undefined) store.head = change.head;
      for (const request of fetching.values()) request.abort();
      fetching.clear();
      return "grown";
    },

    /**
     * @param {number} row
     * @returns {Commit | undefined} undefined while it is on its way
     */
    commit(row) {
      const height = store.total - 1 - row;
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
      for (const [index, request] of fetching) {
        if (index < wanted[0] - 1 || index > wanted[1] + 1) {
          request.abort();
          fetching.delete(index);
        }
      }
      const now = performance.now();
      if (!jumped) return pump();
      if (!timer || now - movedAt > RESTLESS) movedAt = now;
      later(Math.min(SETTLE, Math.max(0, RESTLESS - (now - movedAt))));
    },

    destroy() {
      clearTimeout(timer);
      opening?.abort();
      forget();
    },
  };

  function forget() {
    for (const request of fetching.values()) request.abort();
    fetching.clear();
    blocks.clear();
  }

  /** @param {number} pause ms */
  function later(pause) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      pump();
    }, pause);
  }

  function pump() {
    for (let index = wanted[1]; index >= wanted[0]; index--) {
      const block = blocks.get(index);
      if (block) {
        blocks.delete(index);
        blocks.set(index, block);
      }
      const full = block && block.commits.length === Math.min(BLOCK, store.total - index * BLOCK);
      if (full && block.generation === store.generation) continue;
      if (!fetching.has(index) && fetching.size < AT_ONCE) void load(index);
    }
  }

  /** @param {number} index */
  async function load(index) {
    const request = new AbortController();
    fetching.set(index, request);
    const above = Math.min(store.total, (index + 1) * BLOCK);
    try {
      const answer = await ask(store.total - above, above - index * BLOCK, request.signal);
      if (fetching.get(index) !== request) return;
      fetching.delete(index);
      failures = 0;
      if (answer.generation !== store.generation) return stray();
      strange = 0;
      store.lanes = Math.max(store.lanes, answer.lanes);
      for (const block of blocksFrom(answer)) keep(block);
      onRows();
      pump();
    } catch (error) {
      if (fetching.get(index) === request) fetching.delete(index);
      if (isAbort(error)) return;
      failures += 1;
      onState("failed", error instanceof ApiError ? error.message : String(error));
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
    for (let pause = 200; ; pause = Math.min(2000, pause * 1.5)) {
      const answer = await getJson(`${url}?at=${encodeURIComponent(at)}&rows=${rows}`, signal);
      signal?.throwIfAborted();
      if (!answer.building) return answer;
      onState("building");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  return store;
}
