/** Where a commit's details are: beside the rows, or below them. The browser remembers it. */

import { recall, remember } from "../memory.js";
import { drawnIcon, element } from "../ui/dom.js";
import { createSplitter } from "./splitter.js";

const KEY = "gitperch.details.place";
const LEAST = 160;
const LEAST_ROWS = 120;
const PICTURES = {
  below: "M2.75 2.75h10.5v10.5H2.75ZM2.75 8.5h10.5",
  beside: "M2.75 2.75h10.5v10.5H2.75ZM8.5 2.75v10.5",
};

/** @typedef {keyof typeof PICTURES} Place */

/**
 * @param {HTMLElement} panel whose parent lays out rows and details
 * @param {() => void} onResize
 */
export function createPlacement(panel, onResize) {
  const parent = /** @type {HTMLElement} */ (panel.parentElement);
  const listeners = new AbortController();
  const attributes = { class: "graph-details-top", role: "separator", "aria-orientation": "horizontal", "aria-label": "Height of the details", tabindex: 0 };
  const handle = element("div", attributes);
  panel.before(handle);
  const button = element("button", { type: "button", class: "button quiet icon graph-place" });
  panel.querySelector("[data-close]")?.before(button);
  const splitter = createSplitter({
    handle,
    root: parent,
    property: "--details-height",
    key: "gitperch.details.height",
    direction: -1,
    axis: "y",
    limits: (height) => [LEAST, height - LEAST_ROWS],
    size: (height) => Math.max(LEAST, height * 0.5),
    onResize,
  });

  /** @param {Place} place */
  function put(place) {
    parent.dataset.details = place;
    const other = place === "below" ? "beside" : "below";
    const label = `Show the details ${other} the rows`;
    button.setAttribute("aria-label", label);
    button.title = label;
    button.replaceChildren(drawnIcon(PICTURES[other]));
  }

  button.addEventListener(
    "click",
    () => {
      const place = parent.dataset.details === "below" ? "beside" : "below";
      remember(KEY, place);
      put(place);
      onResize();
    },
    { signal: listeners.signal },
  );
  put(recall(KEY) === "below" ? "below" : "beside");

  return {
    destroy() {
      listeners.abort();
      splitter.destroy();
      handle.remove();
      button.remove();
    },
  };
}
