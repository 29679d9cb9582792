/** What the server tells: each kind of message, and what of the page has to follow. */

import { getJson, isAbort } from "../api.js";

const CATCH_UP = 400; // ms that missed events have to arrive after the connection is back

/** @typedef {import("../live.js").LiveMessage} LiveMessage */

/**
 * @param {object} options
 * @param {string} options.url of the graph
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./viewport.js").createViewport>} options.viewport
 * @param {ReturnType<typeof import("./arrivals.js").createArrivals>} options.arrivals
 * @param {ReturnType<typeof import("./cursor.js").createCursor>} options.cursor
 * @param {ReturnType<typeof import("./refs.js").createRefs>} options.refs
 * @param {ReturnType<typeof import("./list.js").createList>} options.list
 * @param {import("./chips.js").Links} options.links
 * @param {() => void} options.onChange
 */
export function createNews({ url, store, viewport, arrivals, cursor, refs, list, links, onChange }) {
  let greeted = false;
  /** @type {number | undefined} */
  let catchingUp;

  /** Load again what the server has, and stay where we are: at the commit at the upper edge, unless that is the top. */
  async function reopen() {
    const { top } = viewport.view;
    const anchor = store.opened && top >= 1 ? store.commit(Math.floor(top)) : undefined;
    try {
      const row = await store.open(anchor?.oid ?? 0).catch((error) => {
        if (isAbort(error) || !anchor) throw error;
        return store.open(Math.floor(top)); // the commit is gone; its place is not
      });
      viewport.setTotal(store.total);
      viewport.jump(anchor ? row + (top % 1) : 0);
      cursor.refresh();
      onChange();
    } catch (error) {
      if (!isAbort(error)) catchUp();
    }
  }

  /** When no news explains it soon: is the server's graph still the one that we show? */
  function catchUp() {
    clearTimeout(catchingUp);
    catchingUp = setTimeout(async () => {
      const answer = await getJson(`${url}?at=0&rows=1`).catch(() => null);
      if (answer && answer.generation !== store.generation) await reopen();
    }, CATCH_UP);
  }

  /** @param {import("../live.js").LiveMessage} message */
  function hear(message) {
    if (message.type === "graph.changed") return grow(message);
    if (message.type === "preview.changed") {
      if (message.url) links.set(message.branch, { url: message.url, state: message.state });
      else links.delete(message.branch);
      list.relabel();
    } else if (message.type === "resync") {
      refs.expire();
      void reopen();
    } else if (message.type === "repository.changed" || (message.type === "hello" && (greeted || store.opened))) {
      catchUp();
    }
    greeted ||= message.type === "hello";
  }

  /** @param {import("../live.js").LiveMessage} message */
  function grow(message) {
    const outcome = store.advance(/** @type {any} */ (message));
    if (outcome === "known") return;
    refs.expire();
    arrivals.tell(message.added, message.refs ?? []);
    if (outcome === "rebuilt") return void reopen();
    arrivals.grown(message.added);
    cursor.grown(message.added);
    onChange();
  }

  return {
    hear,
    reopen,

    /** The page is drawn: what happened between its first answer and the server's greeting is looked for. */
    opened() {
      if (greeted) catchUp();
    },

    destroy() {
      clearTimeout(catchingUp);
    },
  };
}
