/** The panel beside the graph with one commit's message and files, drawn by the server. */

import { ApiError, getHtml, isAbort } from "../api.js";
import { element } from "./dom.js";

const KEPT = 24;
const SHOW_WAIT = 150; // ms; what comes sooner needs no sign of waiting

/**
 * @param {object} options
 * @param {HTMLElement} options.panel
 * @param {HTMLElement} options.body inside it
 * @param {string} options.url of the repository's page
 * @param {() => void} options.onClose the close button
 */
export function createDetails({ panel, body, url, onClose }) {
  /** @type {Map<string, string>} */
  const kept = new Map();
  /** @type {AbortController | null} */
  let loading = null;
  let shown = "";
  const listeners = new AbortController();
  const close = panel.querySelector("[data-close]");
  close?.addEventListener("click", onClose, { signal: listeners.signal });

  /** @param {string} html */
  function draw(html) {
    body.innerHTML = html; // our own server's page: escaped there, and the policy runs no inline script
    body.scrollTop = 0;
    panel.removeAttribute("aria-busy");
  }

  /** @param {string} oid */
  async function load(oid) {
    loading?.abort();
    const mine = (loading = new AbortController());
    const waiting = setTimeout(() => panel.setAttribute("aria-busy", "true"), SHOW_WAIT);
    try {
      const html = await getHtml(`${url}/commit/${oid}?panel=1`, mine.signal);
      kept.set(oid, html);
      if (kept.size > KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
      draw(html);
    } catch (error) {
      if (isAbort(error)) return;
      const says = error instanceof ApiError ? error.message : "The details could not be drawn.";
      const again = element("button", { type: "button", class: "button" }, "Try again");
      again.addEventListener("click", () => void load(oid));
      body.replaceChildren(element("div", { class: "graph-problem", role: "alert" }, element("p", {}, says), again));
      panel.removeAttribute("aria-busy");
    } finally {
      clearTimeout(waiting);
    }
  }

  return {
    /** The oid that is shown; "" while the panel is closed. */
    get shown() {
      return shown;
    },

    /** @param {string} oid "" closes */
    show(oid) {
      if (oid === shown) return;
      shown = oid;
      panel.hidden = !oid;
      if (!oid) {
        loading?.abort();
        return;
      }
      const html = kept.get(oid);
      if (html === undefined) return void load(oid);
      loading?.abort();
      draw(html);
    },

    focus() {
      panel.focus({ preventScroll: true });
    },

    destroy() {
      loading?.abort();
      listeners.abort();
    },
  };
}
