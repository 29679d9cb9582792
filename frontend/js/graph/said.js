/** A short word on what a key has done: read out politely, and seen for a moment. */

import { element } from "../ui/dom.js";

const SEEN = 2600; // ms

/** @param {HTMLElement} place what it is shown over */
export function createSaid(place) {
  const said = element("p", { class: "graph-said", role: "status" });
  place.append(said);
  /** @type {number | undefined} */
  let timer;

  function hide() {
    clearTimeout(timer);
    delete said.dataset.seen;
    said.replaceChildren();
  }

  /** Not from under a pointer or the focus. */
  function fade() {
    if (said.matches(":hover, :focus-within")) timer = setTimeout(fade, SEEN);
    else hide();
  }

  return {
    /**
     * @param {string} text
     * @param {{seen?: number, way?: {label: string, act: () => void}}} [how] `seen` in ms; `way` is a button that goes on
     */
    say(text, { seen = SEEN, way } = {}) {
      clearTimeout(timer);
      said.replaceChildren(text);
      if (way) {
        const button = element("button", { type: "button", class: "button small" }, way.label);
        button.addEventListener("click", () => {
          hide();
          way.act();
        });
        said.append(button);
      }
      said.dataset.seen = "";
      timer = setTimeout(fade, seen);
    },

    destroy() {
      clearTimeout(timer);
      said.remove();
    },
  };
}
