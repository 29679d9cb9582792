/** What is said over the rows: that a history is being laid out, that an answer is late, that there is nothing to see. */

import { counted, element, find } from "../ui/dom.js";

const WAIT = 180; // ms; what comes sooner needs no sign of waiting

/** @typedef {{label: string, act: () => void, primary?: boolean}} WayOut */

/**
 * @param {object} options
 * @param {HTMLElement} options.root whose `data-store` says the state to the styles
 * @param {HTMLElement} options.notice a line at the foot, with role=status
 * @param {HTMLElement} options.card in the middle, with role=status
 */
export function createNotices({ root, notice, card }) {
  /** @type {number | undefined} */
  let timer;

  /** @param {string} text */
  function line(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  function clear() {
    clearTimeout(timer);
    line("");
    card.hidden = true;
    card.replaceChildren();
  }

  /** @param {import("./store.js").StoreNews} news */
  function drawProgress({ progress, commits, doing, rows }) {
    const title = doing === "reading" ? "Reading the history for the first time" : "Laying out the history";
    const known = typeof progress === "number" && progress > 0;
    const told = [commits ? `${counted(commits)} commits` : "", known ? `${Math.floor(progress * 100)} %` : ""].filter(Boolean);
    if (rows) {
      // They can be looked at; the rest is on its way.
      card.hidden = true;
      line([title, ...told].join(" · "));
      return;
    }
    if (!card.querySelector("progress")) {
      card.replaceChildren(
        element("p", { class: "graph-card-title" }),
        element("progress", { max: 1, "aria-label": "How much is laid out" }),
        element("p", { class: "graph-card-text" }),
      );
    }
    const bar = /** @type {HTMLProgressElement} */ (card.querySelector("progress"));
    if (known) bar.value = progress;
    else bar.removeAttribute("value");
    find(card, ".graph-card-title", HTMLElement).textContent = title;
    const text = card.querySelector(".graph-card-text");
    if (text) text.textContent = told.join(" · ") || "The first look takes a moment; the next ones are at once.";
    card.hidden = false;
  }

  return {
    /**
     * @param {import("./store.js").StoreState} state
     * @param {import("./store.js").StoreNews} [news]
     */
    show(state, news = {}) {
      clearTimeout(timer);
      if (state === "opening") {
        timer = setTimeout(() => (root.dataset.store = state), WAIT);
        return;
      }
      root.dataset.store = state === "building" && news.rows ? "ready" : state;
      if (state === "ready") clear();
      else if (state === "building") drawProgress(news);
      else line(`${news.message ?? "The server does not answer."} Trying again.`);
    },

    /**
     * Nothing to draw, and why.
     * @param {string} title
     * @param {string} text
     * @param {WayOut[]} ways
     */
    stop(title, text, ways) {
      clear();
      root.dataset.store = "stopped";
      const buttons = ways.map(({ label, act, primary }) => {
        const button = element("button", { type: "button", class: `button${primary ? " primary" : ""}` }, label);
        button.addEventListener("click", act);
        return button;
      });
      card.replaceChildren(
        element("p", { class: "graph-card-title" }, title),
        ...(text ? [element("p", { class: "graph-card-text" }, text)] : []),
        ...(buttons.length ? [element("div", { class: "graph-card-ways" }, ...buttons)] : []),
      );
      card.hidden = false;
    },

    destroy() {
      clear();
    },
  };
}
