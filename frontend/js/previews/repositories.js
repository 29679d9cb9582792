/** The list of repositories: their previews' states at once, and the rest of a card when somebody has pushed. */

import { createLive } from "../live.js";
import { showState } from "./dots.js";
import { createParts } from "./parts.js";

const PAUSE = 5000; // ms between two lists, which cost the server more than a state

/** @param {HTMLElement} root with the list of parts, one for each repository */
export function createRepositories(root) {
  const listeners = new AbortController();
  const names = () => [...root.querySelectorAll("[data-part]")].map((card) => card.getAttribute("data-part") ?? "");
  let followed = names().join();
  let greeted = false;
  let isStale = false;
  let live = listen();

  const parts = createParts({
    root,
    pause: PAUSE,
    onTaken() {
      if (names().join() === followed) return;
      live.destroy();
      followed = names().join();
      live = listen();
    },
    onRefused() {},
  });

  function listen() {
    const query = new URLSearchParams(names().map((name) => ["repository", name]));
    return createLive({ path: `/api/live?${query}`, onState() {}, onMessage: hear });
  }

  /** @param {import("../live.js").LiveMessage} message */
  function hear({ type, repository, branch, state }) {
    if (type === "hello") {
      if (greeted) refresh();
      greeted = true;
    } else if (type === "preview.changed") {
      const place = root.querySelector(`[data-part="${CSS.escape(repository)}"] [data-preview="${CSS.escape(branch)}"]`);
      if (state && place instanceof HTMLElement) showState(place, state);
      else refresh();
    } else if (["graph.changed", "repository.changed", "resync"].includes(type)) refresh();
  }

  /** Whoever does not look is shown it when he does. */
  function refresh() {
    isStale = document.visibilityState === "hidden";
    if (!isStale) parts.refresh();
  }

  document.addEventListener("visibilitychange", () => isStale && refresh(), { signal: listeners.signal });

  return {
    destroy() {
      listeners.abort();
      live.destroy();
      parts.destroy();
    },
  };
}

const root = document.getElementById("main");
if (root) createRepositories(root);
