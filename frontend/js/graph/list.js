/** The rows in sight, as a grid for eyes, keyboards and screen readers; elements go round, there are never more than fit. */

import { createHeadings } from "./headings.js";
import { createRow } from "./row.js";

const SPARE = 2;
const IDLE = 250; // ms without a change, after which the order is told
const GAP = 8; // px between the lanes and what is written
const LABEL = 21; // px
const BESIDE = 9; // px from a commit to its labels
const FINGER = 22; // px from the middle of a label
const FAR = 1_000_000; // px from where the rows are counted; browsers draw imprecisely beyond

/**
 * @typedef {import("./row.js").Row} Row
 * @typedef {import("./types.js").View} View
 * @typedef {import("./types.js").Commit} Commit
 * @typedef {ReturnType<typeof import("./store.js").createStore>} Store
 */

/**
 * @param {object} options
 * @param {HTMLElement} options.grid has the focus and the role
 * @param {HTMLElement} options.body where the rows lie
 * @param {HTMLElement} options.heading that stays at the upper edge
 * @param {Store} options.store
 * @param {import("./row.js").RowContext} options.context
 * @param {(row: number) => void} options.onPick a row was clicked,
 * @param {(row: number, ref: string) => void} options.onRef or a label in it,
 * @param {(row: number, x: number) => boolean} options.onLane or beside its words: whether there is a line
 */
export function createList({ grid, body, heading, store, context, onPick, onRef, onLane }) {
  /** @type {Row[]} */
  const pool = [];
  /** @type {Row | undefined} */
  let current;
  /** @type {number | undefined} */
  let telling;
  let origin = 0; // px
  let turn = 0; // rows that the elements are further round
  /** What screen readers were last told of: the element of the row where the keyboard is, and its commit. */
  let told = { id: "", oid: "" };
  let shiftShown = "";
  let ownsShown = "";
  const headings = createHeadings(heading);
  const listeners = new AbortController();

  body.addEventListener(
    "click",
    (event) => {
      const target = /** @type {Element} */ (event.target);
      if (target.closest("a") || getSelection()?.type === "Range") return;
      const node = target.closest('[role="row"]');
      if (!(node instanceof HTMLElement)) return;
      const row = Number(node.ariaRowIndex) - 1;
      const chip = target.closest("[data-ref]") ?? (/** @type {PointerEvent} */ (event).pointerType === "touch" && labelBy(node, event));
      if (chip instanceof HTMLElement) return onRef(row, chip.dataset.ref ?? "");
      const x = event.clientX - node.getBoundingClientRect().left;
      const isBeside = x < Number.parseFloat(getComputedStyle(node).paddingLeft) - GAP;
      if (!isBeside || !onLane(row, x)) onPick(row);
    },
    { signal: listeners.signal },
  );
  body.addEventListener(
    "pointerover",
    (event) => {
      const node = /** @type {Element} */ (event.target).closest('[role="row"]');
      if (node) pool.find((row) => row.node === node)?.explain();
    },
    { signal: listeners.signal, passive: true },
  );
  const ageing = setInterval(() => pool.forEach((row) => row.relabel(context)), 30_000);

  /**
   * A finger is wider than a label is high.
   * @param {HTMLElement} node of a row
   * @param {MouseEvent} event
   */
  function labelBy(node, { clientX, clientY }) {
    return [...node.querySelectorAll("[data-ref]")].find((label) => {
      const { left, right, top, bottom } = label.getBoundingClientRect();
      return clientX >= left && clientX <= right && Math.abs(clientY - (top + bottom) / 2) <= FINGER;
    });
  }

  /** Rows go round, so their order in the document is not the one on the screen. */
  function tellOrder() {
    const inSight = pool.filter((row) => !row.node.hidden);
    inSight.sort((a, b) => Number(a.node.ariaRowIndex) - Number(b.node.ariaRowIndex));
    const owns = inSight.map((row) => row.node.id).join(" ");
    if (owns !== ownsShown) body.setAttribute("aria-owns", (ownsShown = owns));
  }

  /** More elements when more rows fit. None is taken away: a finger that zooms holds the one that it began on.
   * @param {number} size
   */
  function grow(size) {
    while (pool.length < size) {
      const row = createRow(`graph-row-${pool.length}`);
      pool.push(row);
      body.append(row.node);
    }
  }

  /** By height: a row keeps its element when commits arrive above it.
   * @param {number} at
   */
  const rowAt = (at) => /** @type {Row} */ (pool[(store.total - 1 - at + turn) % pool.length]);

  /**
   * Screen readers read a row when the keyboard comes to another element. Where it is the same one for another commit,
   * or for one that has come only now, all elements go on by one.
   * @param {number} at where the keyboard is, in sight
   */
  function turnFor(at) {
    const { oid = "" } = store.commit(at) ?? {};
    if (oid && oid !== told.oid && rowAt(at).node.id === told.id) turn += 1;
    told = { id: rowAt(at).node.id, oid };
  }

  return {
    /**
     * @param {View} view
     * @param {object} how
     * @param {number} how.cursor the row where the keyboard is; -1 nowhere
     * @param {string} how.selected oid
     * @param {number} how.fresh as many rows from the top have just arrived
     * @param {(commit: Commit) => boolean} how.isDim
     * @param {(row: number) => boolean} how.isHit whether a search has found it
     * @param {(commit: Commit) => number} how.nodeX px from the left where a commit is drawn
     */
    draw(view, { cursor, selected, fresh, isDim, isHit, nodeX }) {
      const first = Math.max(0, Math.floor(view.top));
      const last = Math.min(store.total - 1, Math.ceil(view.top + view.count) - 1);
      grow(Math.ceil(view.count) + SPARE);
      const shift = Math.round(view.top * view.rowHeight * devicePixelRatio) / devicePixelRatio;
      if (Math.abs(shift - origin) > FAR) origin = shift;
      current = undefined;
      /** @type {Set<Row>} */
      const used = new Set();
      let labelled = -Infinity; // where there is no room for words, labels keep their distance
      if (cursor >= first && cursor <= last) turnFor(cursor);
      else told = { id: "", oid: "" };
      headings.begin(store.commit(first - 1));
      for (let at = first; at <= last; at++) {
        const row = rowAt(at);
        used.add(row);
        const commit = store.commit(at);
        row.fill(commit, context);
        row.place(at, at * view.rowHeight - origin);
        row.mark({
          current: at === cursor,
          selected: commit !== undefined && commit.oid === selected,
          fresh: at < fresh,
          label: commit?.refs.length && (at - labelled) * view.rowHeight >= LABEL ? nodeX(commit) + BESIDE : -1,
          dim: commit !== undefined && isDim(commit),
          hit: isHit(at),
          period: headings.next(commit, at * view.rowHeight - shift),
        });
        if (commit?.refs.length && (at - labelled) * view.rowHeight >= LABEL) labelled = at;
        if (row.node.hidden) row.node.hidden = false;
        if (at === cursor) current = row;
      }
      headings.end(view.rowHeight);
      for (const row of pool) if (!used.has(row) && !row.node.hidden) row.node.hidden = true;
      const moved = `translateY(${origin - shift}px)`;
      if (moved !== shiftShown) body.style.transform = shiftShown = moved;
      if (grid.ariaRowCount !== String(store.total)) grid.ariaRowCount = String(store.total);
      const active = current?.node.id ?? null;
      if (active !== grid.getAttribute("aria-activedescendant")) {
        if (active) grid.setAttribute("aria-activedescendant", active);
        else grid.removeAttribute("aria-activedescendant");
      }
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
