/** A short word on what a key has done: read out politely, and seen for a moment. */

import { element } from "./dom.js";

const SEEN = 2600; // ms

/** @param {HTMLElement} place what it is shown over */
export function createSaid(place) {
  const said = element("p", { class: "graph-said", role: "status" });
  place.append(said);
  /** @type {number | undefined} */
  let timer;

  return {
    /**
     * @param {string} text
     * @param {number} [seen] ms
     */
    say(text, seen = SEEN) {
      clearTimeout(timer);
      said.textContent = text;
      said.dataset.seen = "";
      timer = setTimeout(() => {
        delete said.dataset.seen;
        said.textContent = "";
      }, seen);
    },

    destroy() {
      clearTimeout(timer);
      said.remove();
    },
  };
}
