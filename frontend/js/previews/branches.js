/** The page of branches: the states of their previews, as they change. */

import { createLive } from "../live.js";
import { showState } from "./dots.js";

/** @param {HTMLElement} root */
export function createBranches(root) {
  const live = createLive({
    path: `/api/repos/${root.dataset.repository}/live`,
    onState() {},
    onMessage({ type, branch, state }) {
      if (type !== "preview.changed" || !state) return;
      const place = root.querySelector(`[data-preview="${CSS.escape(branch)}"]`);
      if (place instanceof HTMLElement) showState(place, state);
    },
  });

  return {
    destroy() {
      live.destroy();
    },
  };
}

const root = document.querySelector(".branches[data-repository]");
if (root instanceof HTMLElement) createBranches(root);
