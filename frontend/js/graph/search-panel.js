/** The list of what was found, beside the rows: it says how many there are, leads to each, and can be closed. */

import { drawnIcon, element } from "../ui/dom.js";
import { hue, initials } from "./people.js";
import { marked } from "./search-grammar.js";
import { absoluteTime, relativeTime } from "./time.js";

/**
 * @typedef {ReturnType<typeof import("./search-hits.js").createHits>} Hits
 * @typedef {ReturnType<typeof import("./search-grammar.js").needles>} Needles
 */

/**
 * @param {object} options
 * @param {HTMLElement} options.after what the list stands beside
 * @param {Hits} options.hits
 * @param {(nth: number, open: boolean) => void} options.onPick `open`: its details, too
 * @param {(direction: 1 | -1) => void} options.onStep
 * @param {() => void} options.onCancel
 * @param {() => void} options.onClose
 */
export function createPanel({ after, hits, onPick, onStep, onCancel, onClose }) {
  const count = element("p", { class: "search-count" });
  const place = element("p", { class: "search-place" });
  const cancel = element("button", { type: "button", class: "button small search-cancel" }, "Cancel");
  const up = iconButton("Newer hit", "Newer hit (N)", "m4 10 4-4 4 4");
  const down = iconButton("Older hit", "Older hit (n)", "m4 6 4 4 4-4");
  const close = iconButton("Close the search", "Close the search (Esc)", "m4 4 8 8M12 4l-8 8");
  const hints = element("ul", { class: "search-hints", hidden: true });
  const list = element("ul", { role: "listbox", class: "search-list", "aria-label": "Commits found", tabindex: 0 });
  const rest = element("p", { class: "search-rest", hidden: true });
  const scroll = element("div", { class: "search-scroll" }, list, rest);
  const panel = element(
    "section",
    { class: "graph-search", "aria-label": "Search results", hidden: true },
    element("header", {}, element("div", { class: "search-says" }, count, place), cancel, up, down, close),
    hints,
    scroll,
  );
  after.after(panel);
  const listeners = new AbortController();
  const { signal } = listeners;
  let drawn = 0;
  let current = -1;

  cancel.addEventListener("click", onCancel, { signal });
  up.addEventListener("click", () => onStep(-1), { signal });
  down.addEventListener("click", () => onStep(1), { signal });
  close.addEventListener("click", onClose, { signal });
  list.addEventListener(
    "click",
    (event) => {
      const item = /** @type {Element} */ (event.target).closest('[role="option"]');
      if (item instanceof HTMLElement) onPick(Number(item.dataset.nth), true);
    },
    { signal },
  );
  list.addEventListener("keydown", pressed, { signal });

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = /** @type {Record<string, number>} */ ({ ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: drawn - 1 });
    const to = moves[event.key];
    if (to !== undefined && drawn) onPick(Math.max(0, Math.min(drawn - 1, to)), false);
    else if (event.key === "Enter" && current >= 0) onPick(current, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {number} nth
   * @param {Needles} needles
   */
  function item(nth, needles) {
    const told = hits.told(nth);
    if (!told) return null;
    const time = element("time", { datetime: new Date(told.time * 1000).toISOString(), title: absoluteTime(told.time) }, relativeTime(told.time));
    return element(
      "li",
      { role: "option", id: `search-hit-${nth}`, "data-nth": nth, "aria-selected": "false" },
      element("span", { class: "search-subject" }, ...marked(told.subject || "(no message)", needles.text)),
      element(
        "span",
        { class: "search-by" },
        element("span", { class: "avatar", "data-hue": hue(told.author), "aria-hidden": "true" }, initials(told.author)),
        element("span", { class: "search-author" }, ...marked(told.author || "unknown", needles.author)),
        time,
      ),
    );
  }

  return {
    panel,

    /** Begin anew. */
    clear() {
      list.replaceChildren();
      drawn = 0;
      current = -1;
      list.removeAttribute("aria-activedescendant");
    },

    /**
     * Draw what has been found since.
     * @param {Needles} needles
     */
    more(needles) {
      const items = [];
      for (let made; (made = item(drawn, needles)); drawn++) items.push(made);
      list.append(...items);
    },

    /**
     * @param {object} state
     * @param {boolean} state.running
     * @param {string} state.says
     * @param {string[]} state.aside
     * @param {number} state.nth the current hit, -1 for none
     * @param {string[]} state.hints
     * @param {boolean} state.failed
     * @param {string} state.advice for who has found nothing
     */
    show({ running, says, aside, nth, hints: texts, failed, advice }) {
      panel.hidden = false;
      panel.parentElement?.setAttribute("data-with-hits", "");
      panel.toggleAttribute("data-failed", failed);
      list.ariaBusy = String(running);
      count.textContent = says;
      const at = nth >= 0 ? [`${(nth + 1).toLocaleString("en")} of ${hits.count.toLocaleString("en")}`] : [];
      place.textContent = [...at, ...aside].join(" · ");
      cancel.hidden = !running;
      up.disabled = down.disabled = !hits.count;
      hints.replaceChildren(...texts.map((text) => element("li", {}, text)));
      hints.hidden = !texts.length;
      const beyond = running ? 0 : hits.count - drawn;
      rest.textContent = beyond > 0 ? `${beyond.toLocaleString("en")} more are marked in the graph; n and N lead to them.` : advice;
      rest.hidden = !rest.textContent;
      this.mark(nth);
    },

    /** @param {number} nth */
    mark(nth) {
      list.children[current]?.setAttribute("aria-selected", "false");
      current = nth < drawn ? nth : -1;
      const chosen = list.children[current];
      if (!chosen) {
        list.removeAttribute("aria-activedescendant");
        return;
      }
      chosen.setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", chosen.id);
    },

    /** @param {number} nth */
    reveal(nth) {
      list.children[nth]?.scrollIntoView({ block: "nearest" });
    },

    /** How far the list is scrolled, in px. */
    get place() {
      return scroll.scrollTop;
    },

    set place(pixels) {
      scroll.scrollTop = pixels;
    },

    hide() {
      panel.hidden = true;
      panel.parentElement?.removeAttribute("data-with-hits");
    },

    destroy() {
      listeners.abort();
      panel.remove();
    },
  };
}

/**
 * @param {string} label
 * @param {string} title
 * @param {string} path
 */
function iconButton(label, title, path) {
  return element("button", { type: "button", class: "button quiet icon small", "aria-label": label, title }, drawnIcon(path));
}
