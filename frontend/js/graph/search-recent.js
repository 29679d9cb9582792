/** The last searches of a repository, in the browser's memory alone. */

import { recall, remember } from "../memory.js";

const KEPT = 5;

/** @param {string} repository */
export function createRecent(repository) {
  const key = `gitperch.searches.${repository}`;

  return {
    /** @returns {string[]} the latest first */
    get all() {
      try {
        const kept = JSON.parse(recall(key) ?? "[]");
        return Array.isArray(kept) ? kept.filter((query) => typeof query === "string").slice(0, KEPT) : [];
      } catch {
        return []; // somebody else's
      }
    },

    /** @param {string} query */
    add(query) {
      remember(key, JSON.stringify([query, ...this.all.filter((other) => other !== query)].slice(0, KEPT)));
    },
  };
}
