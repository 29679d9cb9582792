/** What arrives by itself: told, shown where there is room, and never in anybody's way. */

import { nameOf } from "./chips.js";
import { counted } from "../ui/dom.js";

const UNFOLD_AT_MOST = 12; // rows; more than a glance can follow
const WAIT_FOR_ROWS = 600; // ms
const FRESH = 2400; // ms that new rows are marked

/**
 * @typedef {[ref: string, old: string | null, next: string | null]} Move
 * @typedef {ReturnType<typeof import("./viewport.js").createViewport>} Viewport
 * @typedef {ReturnType<typeof import("./store.js").createStore>} Store
 */

/** @param {number} count */
const commits = (count) => `${counted(count)} new ${count === 1 ? "commit" : "commits"}`;

/**
 * @param {object} options
 * @param {Store} options.store
 * @param {Viewport} options.viewport
 * @param {HTMLButtonElement} options.button says how many commits are new above
 * @param {HTMLElement} options.status for the screen reader
 * @param {() => void} options.onChange
 */
export function createArrivals({ store, viewport, button, status, onChange }) {
  let unseen = 0;
  let fresh = 0;
  let unfolding = 0;
  /** @type {number | undefined} */
  let waiting;
  /** @type {number | undefined} */
  let fading;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const listeners = new AbortController();

  /** @param {string} text */
  function say(text) {
    status.textContent = text;
  }

  function drawButton() {
    button.hidden = unseen === 0;
    if (unseen) button.textContent = `↑ ${commits(unseen)}`;
  }

  /** @param {number} rows */
  function mark(rows) {
    fresh = rows;
    clearTimeout(fading);
    fading = setTimeout(() => {
      fresh = 0;
      onChange();
    }, FRESH);
  }

  function unfold() {
    clearTimeout(waiting);
    const rows = unfolding;
    unfolding = 0;
    if (!rows) return;
    mark(rows);
    if (calm.matches || rows > UNFOLD_AT_MOST) viewport.jump(0);
    else viewport.unfold();
  }

  button.addEventListener(
    "click",
    () => {
      mark(unseen);
      unseen = 0;
      drawButton();
      viewport.jump(0);
    },
    { signal: listeners.signal },
  );

  return {
    /** How many rows from the top are new. */
    get fresh() {
      return fresh;
    },

    /** Whether the top rows are needed, although they are not in sight yet. */
    get unfolding() {
      return unfolding > 0;
    },

    /**
     * The store has grown by `added` rows.
     * @param {number} added
     */
    grown(added) {
      if (!added) return;
      const atTop = unfolding > 0 || viewport.view.top < 0.5;
      viewport.grow(added);
      if (!atTop) {
        unseen += added;
        drawButton();
        return;
      }
      unfolding += added;
      fresh += fresh ? added : 0;
      clearTimeout(waiting);
      waiting = setTimeout(unfold, WAIT_FOR_ROWS);
    },

    /**
     * All is new, and what is in sight lies so many rows further down, or up.
     * @param {number} rows
     */
    shifted(rows) {
      unseen = viewport.view.top < 1 ? 0 : Math.max(0, unseen + rows);
      drawButton();
    },

    /** Rows have come from the server. */
    rowsArrived() {
      if (unfolding && store.commit(0)) unfold();
    },

    /** The view has moved. */
    moved() {
      if (!unseen || viewport.view.top >= 1) return;
      unseen = 0;
      drawButton();
    },

    /**
     * Say politely what a push has done.
     * @param {number} added
     * @param {Move[]} moves
     */
    tell(added, moves) {
      const told = moves.slice(0, 3).map(([ref, old, next]) => {
        const { short, word } = nameOf(ref);
        if (!old) return `New ${word} ${short}`;
        return next ? `${word} ${short} moved` : `${word} ${short} deleted`;
      });
      if (moves.length > 3) told.push(`${moves.length - 3} more refs`);
      if (added > 0) told.unshift(commits(added));
      if (told.length) say(`${told.join(", ")}.`);
    },

    say,

    destroy() {
      clearTimeout(waiting);
      clearTimeout(fading);
      listeners.abort();
    },
  };
}
