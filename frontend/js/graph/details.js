/** The panel beside the graph with one commit's message and files, drawn by the server. */

import { ApiError, getHtml, isAbort } from "../api.js";
import { createChanges } from "../diff/changes.js";
import { createFacts } from "../diff/facts.js";
import { element } from "../ui/dom.js";
import { createPlacement } from "./placement.js";

const KEPT = 24;
const SHOW_WAIT = 150; // ms; what comes sooner needs no sign of waiting

/**
 * @param {object} options
 * @param {HTMLElement} options.panel
 * @param {HTMLElement} options.body inside it
 * @param {string} options.url of the repository's page
 * @param {() => void} options.onClose the close button
 * @param {(oid: string) => void} options.onGo a link to another commit
 * @param {() => void} options.onResize the panel has another place, or another size
 */
export function createDetails({ panel, body, url, onClose, onGo, onResize }) {
  /** @type {Map<string, string>} by oid and by how the changes are drawn */
  const kept = new Map();
  /** @type {AbortController | null} */
  let loading = null;
  let shown = "";
  let failed = false;
  let how = "?panel=1";
  /** @type {ReturnType<typeof createFacts> | null} */
  let facts = null;
  const listeners = new AbortController();
  const placement = createPlacement(panel, onResize);
  const changes = createChanges({
    root: body,
    onAgain(address) {
      address.searchParams.set("panel", "1");
      if (address.searchParams.has("view")) kept.clear(); // the browser remembers the way, for all commits
      address.searchParams.delete("file");
      void load(shown, address.search);
    },
  });
  const close = panel.querySelector("[data-close]");
  close?.addEventListener("click", onClose, { signal: listeners.signal });

  /**
   * @param {string} html
   * @param {boolean} same whether it is the commit that is shown, in another way
   */
  function draw(html, same) {
    const [top, open] = same ? [body.scrollTop, changes.open] : [0, null];
    failed = false;
    body.innerHTML = html; // our own server's page: escaped there, and the policy runs no inline script
    if (open) changes.open = open;
    body.scrollTop = top;
    panel.removeAttribute("aria-busy");
    changes.refresh();
    facts?.destroy();
    facts = createFacts(body);
  }

  body.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element ? event.target.closest("a[data-commit]") : null;
      if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onGo(link.dataset.commit ?? "");
    },
    { signal: listeners.signal },
  );

  /**
   * @param {string} oid
   * @param {string} query how the changes are drawn
   */
  async function load(oid, query) {
    how = query;
    loading?.abort();
    const mine = (loading = new AbortController());
    const same = body.querySelector(`[data-oid="${oid}"]`) !== null;
    const waiting = setTimeout(() => panel.setAttribute("aria-busy", "true"), SHOW_WAIT);
    try {
      const html = await getHtml(`${url}/commit/${oid}${query}`, mine.signal);
      kept.set(oid + query, html);
      if (kept.size > KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
      draw(html, same);
    } catch (error) {
      if (isAbort(error)) return;
      failed = true;
      const says = error instanceof ApiError ? error.message : "The details could not be drawn.";
      const again = element("button", { type: "button", class: "button" }, "Try again");
      again.addEventListener("click", () => void load(oid, query));
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

    /** What is in the panel; to show it or not is the page's. @param {string} oid "" for nothing */
    show(oid) {
      if (oid === shown) return;
      shown = oid;
      if (!oid) {
        loading?.abort();
        facts?.destroy();
        return;
      }
      // Blank space stays left out; what the last commit was compared with says nothing of the next.
      const query = new URLSearchParams(how).get("space") ? "?panel=1&space=ignore" : "?panel=1";
      const html = kept.get(oid + query);
      if (html === undefined) return void load(oid, query);
      how = query;
      loading?.abort();
      draw(html, false);
    },

    /** The server is back: what it could not answer is asked again. */
    retry() {
      if (failed && shown) void load(shown, how);
    },

    /**
     * On to another file that the commit changed.
     * @param {1 | -1} by
     */
    stepFile(by) {
      if (shown) changes.step(by);
    },

    focus() {
      panel.focus({ preventScroll: true });
    },

    destroy() {
      loading?.abort();
      facts?.destroy();
      changes.destroy();
      placement.destroy();
      listeners.abort();
    },
  };
}
