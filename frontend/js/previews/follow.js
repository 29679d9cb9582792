/** What the pages of previews have in common: they follow what happens, and send their forms without leaving. */

import { createBadge } from "../graph/badge.js";
import { find } from "../ui/dom.js";
import { createLive } from "../live.js";
import { showState } from "./dots.js";
import { createParts } from "./parts.js";
import { createSend } from "./send.js";

const EVERY = 10_000; // ms between two looks at memory and visits, of which nobody tells

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {string} [options.branch] the only one that matters
 * @param {(page: Document) => void} [options.onTaken] the page is as the server draws it now
 * @param {(form: HTMLFormElement) => void} [options.onSent] a form was sent, and what it brought will be here in a moment
 */
export function createFollow({ root, branch, onTaken, onSent }) {
  const refused = find(root, ".preview-refused", HTMLElement);
  const said = find(root, "[data-said]", HTMLElement);
  const listeners = new AbortController();
  let greeted = false;

  /** @param {string} message "" for none */
  function refuse(message) {
    refused.textContent = message;
    refused.hidden = !message;
  }

  const parts = createParts({ root, onTaken: (page) => onTaken?.(page), onRefused: refuse });
  const send = createSend({
    root,
    onRefused: refuse,
    onDone(form) {
      void parts.load();
      onSent?.(form);
    },
  });

  /** @param {import("../live.js").LiveMessage} message */
  function hear(message) {
    if (message.type === "preview.changed") {
      if (branch !== undefined && message.branch !== branch) return;
      const part = branch === undefined ? root.querySelector(`[data-part="${CSS.escape(message.branch)}"]`) : root.querySelector('[data-part="about"]');
      if (part instanceof HTMLElement && message.state) showState(part, message.state);
      said.textContent = `${message.branch}: ${message.state || "no preview"}`;
      parts.refresh();
    } else if (message.type === "resync" || message.type === "repository.changed" || (message.type === "hello" && greeted)) {
      parts.refresh();
    }
    greeted ||= message.type === "hello";
  }

  const badge = createBadge(find(document, "#live", HTMLElement));
  const live = createLive({ path: `/api/repos/${root.dataset.repository}/live`, onState: badge.show, onMessage: hear });
  const look = () => document.visibilityState === "visible" && root.querySelector("[data-runs]") && parts.refresh();
  const timer = setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look, { signal: listeners.signal });

  return {
    say(/** @type {string} */ text) {
      said.textContent = text;
    },

    destroy() {
      clearInterval(timer);
      listeners.abort();
      for (const part of [live, badge, send, parts]) part.destroy();
    },
  };
}
