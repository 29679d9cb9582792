/** The rows in sight, as a grid for eyes, keyboards and screen readers; elements go round, there are never more than fit. */

import { createRow } from "./row.js";

const SPARE = 2;
const IDLE = 250; // ms without a change, after which the order is told

/**
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./types.js").View} View
 * @typedef {ReturnType<typeof import("./store.js").createStore>} Store
 */

/**
 * @param {object} options
 * @param {HTMLElement} options.grid has the focus and the role
 * @param {HTMLElement} options.body where the rows lie
 * @param {Store} options.store
 * @param {import("./row.js").RowContext} options.context
 * @param {(row: number) => void} options.onPick a row was clicked
 */
export function createList({ grid, body, store, context, onPick }) {
  /** @type {Row[]} */
  let pool = [];
  /** @type {Row | undefined} */
  let current;
  /** @type {number | undefined} */
  let telling;
  const listeners = new AbortController();

  body.addEventListener(
    "click",
    (event) => {
      const target = /** @type {Element} */ (event.target);
      if (target.closest("a") || getSelection()?.type === "Range") return;
      const row = target.closest('[role="row"]');
      if (row) onPick(Number(row.ariaRowIndex) - 1);
    },
    { signal: listeners.signal },
  );
  const ageing = setInterval(() => pool.forEach((row) => row.age()), 30_000);

  /** Rows go round, so their order in the document is not the one on the screen. */
  function tellOrder() {
    const inSight = pool.filter((row) => !row.node.hidden);
    inSight.sort((a, b) => Number(a.node.ariaRowIndex) - Number(b.node.ariaRowIndex));
    body.setAttribute("aria-owns", inSight.map((row) => row.node.id).join(" "));
  }

  /** @param {number} size */
  function resize(size) {
    if (pool.length >= size && pool.length <= size * 2) return;
    pool = Array.from({ length: size }, (_, nth) => createRow(`graph-row-${nth}`));
    body.replaceChildren(...pool.map((row) => row.node));
  }

  return {
    /**
     * @param {View} view
     * @param {number} cursor the row where the keyboard is; -1 nowhere
     * @param {string} selected oid
     * @param {number} fresh as many rows from the top have just arrived
     */
    draw(view, cursor, selected, fresh) {
      const first = Math.max(0, Math.floor(view.top));
      const last = Math.min(store.total - 1, Math.ceil(view.top + view.count) - 1);
      resize(Math.ceil(view.count) + SPARE);
      const shift = Math.round(view.top * view.rowHeight);
      current = undefined;
      /** @type {Set<Row>} */
      const used = new Set();
      for (let at = first; at <= last; at++) {
        // By height: a row keeps its element when commits arrive above it.
        const row = /** @type {Row} */ (pool[(store.total - 1 - at) % pool.length]);
        used.add(row);
        const commit = store.commit(at);
        row.fill(commit, context);
        row.place(at, at * view.rowHeight - shift);
        row.mark(at === cursor, commit !== undefined && commit.oid === selected);
        row.node.toggleAttribute("data-fresh", at < fresh);
        row.node.hidden = false;
        if (at === cursor) current = row;
      }
      for (const row of pool) if (!used.has(row)) row.node.hidden = true;
      grid.ariaRowCount = String(store.total);
      if (current) grid.setAttribute("aria-activedescendant", current.node.id);
      else grid.removeAttribute("aria-activedescendant");
      clearTimeout(telling);
      telling = setTimeout(tellOrder, IDLE);
    },

    relabel() {
      for (const row of pool) row.relabel(context);
    },

    destroy() {
      clearInterval(ageing);
      clearTimeout(telling);
      listeners.abort();
      body.replaceChildren();
    },
  };
}
