/** What is pointed at among the rows: a label, an author, or a commit by its node. */

import { STASHES } from "./chips.js";

/**
 * @typedef {import("./tooltip.js").Target} Target
 * @typedef {import("./types.js").Commit} Commit
 */

const NEAR = 9; // px around a node's centre

/**
 * @param {object} options
 * @param {HTMLElement} options.grid
 * @param {(row: number) => Commit | undefined} options.commit
 * @param {(commit: Commit) => number} options.nodeX px from the left of the grid
 */
export function createTargets({ grid, commit, nodeX }) {
  /**
   * @param {Element} row
   * @returns {Commit | undefined}
   */
  const commitOf = (row) => commit(Number(row.ariaRowIndex) - 1);

  /**
   * @param {Element} row
   * @param {Commit} of
   */
  function nodeRect(row, of) {
    const box = row.getBoundingClientRect();
    const x = grid.getBoundingClientRect().left + nodeX(of);
    const y = box.top + box.height / 2;
    return { left: x - NEAR, right: x + NEAR, top: y - NEAR, bottom: y + NEAR };
  }

  /**
   * @param {Element} label
   * @param {Commit} of
   * @returns {Target | null}
   */
  function chipTarget(label, of) {
    const rect = label.getBoundingClientRect();
    const name = label instanceof HTMLElement ? label.dataset.ref : undefined;
    if (name?.startsWith(STASHES)) return { subject: { kind: "commit", oid: of.oid }, rect };
    if (name) return { subject: { kind: "ref", name }, rect };
    return { subject: { kind: "refs", names: of.refs }, rect };
  }

  return {
    /**
     * @param {PointerEvent} event
     * @returns {Target | null}
     */
    at(event) {
      const at = event.target instanceof Element ? event.target : null;
      const row = at?.closest('[role="row"]');
      const of = row && commitOf(row);
      if (!at || !row || !of) return null;
      const label = at.closest(".chip");
      if (label) return chipTarget(label, of);
      const author = at.closest(".row-author");
      if (author && of.author) {
        const rect = (author.querySelector(".avatar") ?? author).getBoundingClientRect();
        return { subject: { kind: "author", name: of.author, email: of.email }, rect };
      }
      const rect = nodeRect(row, of);
      const near = event.clientX >= rect.left && event.clientX <= rect.right;
      // A finger is wider than a node: a long press anywhere else on the row means its commit.
      return near || event.pointerType === "touch" ? { subject: { kind: "commit", oid: of.oid }, rect } : null;
    },

    /**
     * All that there is to be said of a row, in turn.
     * @param {Element} row
     * @returns {Target[]}
     */
    of(row) {
      const of = commitOf(row);
      if (!of) return [];
      const chips = [...row.querySelectorAll(".chip")].map((label) => chipTarget(label, of));
      const author = row.querySelector(".row-author .avatar");
      const who = author && of.author ? [{ subject: { kind: /** @type {const} */ ("author"), name: of.author, email: of.email }, rect: author.getBoundingClientRect() }] : [];
      const found = [{ subject: { kind: /** @type {const} */ ("commit"), oid: of.oid }, rect: nodeRect(row, of) }, ...chips, ...who];
      return found.filter((target) => target !== null);
    },
  };
}
