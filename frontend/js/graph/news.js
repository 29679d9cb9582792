/** What the server tells: each kind of message, and what of the page has to follow. */

const CATCH_UP = 400; // ms that missed events have to arrive after the connection is back

/** @typedef {import("../live.js").LiveMessage} LiveMessage */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {ReturnType<typeof import("./arrivals.js").createArrivals>} options.arrivals
 * @param {{expire: () => void}} options.refs whoever keeps something of refs
 * @param {ReturnType<typeof import("./list.js").createList>} options.list
 * @param {import("./chips.js").Links} options.links
 * @param {() => Promise<number>} options.reopen load again what the server has, and stay where we are; as many rows are new above
 * @param {() => void} options.onChange
 */
export function createNews({ store, arrivals, refs, list, links, reopen, onChange }) {
  let greeted = false;
  /** @type {number | undefined} */
  let catchingUp;

  /** When no news explains it soon: is the server's graph still the one that we show? */
  function catchUp() {
    clearTimeout(catchingUp);
    catchingUp = setTimeout(async () => {
      if (!(await store.isCurrent())) await anew();
    }, CATCH_UP);
  }

  async function anew() {
    arrivals.shifted(await reopen());
  }

  /** @param {import("../live.js").LiveMessage} message */
  function hear(message) {
    if (message.type === "graph.changed") return grow(message);
    if (message.type === "preview.changed") {
      if (message.url) links.set(message.branch, { url: message.url, state: message.state });
      else links.delete(message.branch);
      refs.expire(); // cards say it, too
      list.relabel();
    } else if (message.type === "resync") {
      refs.expire();
      void anew();
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
    if (outcome === "rebuilt") return void anew();
    arrivals.grown(message.added);
    arrivals.rowsArrived();
    onChange();
  }

  return {
    hear,

    /** The page is drawn: what happened between its first answer and the server's greeting is looked for. */
    opened() {
      if (greeted) catchUp();
    },

    destroy() {
      clearTimeout(catchingUp);
    },
  };
}
