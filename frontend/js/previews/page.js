/** The page of one preview. */

import { find } from "../ui/dom.js";
import { createFollow } from "./follow.js";
import { createLog } from "./log.js";
import { createShare } from "./share.js";

const OVER = ["failed", "stopped"];

/** @param {HTMLElement} root */
export function createPreview(root) {
  const { branch = "" } = root.dataset;
  const box = root.querySelector(".log");
  const dialog = root.querySelector("dialog.preview-share");
  // Without an address where it is the server has said why it cannot be read.
  const log = box instanceof HTMLElement && box.dataset.stream ? createLog({ box, more: find(root, ".log-more", HTMLButtonElement), note: find(root, ".log-end", HTMLElement) }) : null;
  const share = dialog instanceof HTMLDialogElement ? createShare(root, dialog) : null;
  const follow = createFollow({
    root,
    branch,
    onTaken(page) {
      const { deployment, state } = /** @type {HTMLElement | null} */ (page.querySelector(".log"))?.dataset ?? {};
      if (log && deployment) log.show(deployment, OVER.includes(state ?? ""));
    },
    onSent(form) {
      const { value } = /** @type {HTMLButtonElement | null} */ (form.querySelector("[name=do]")) ?? {};
      if (value === "share") follow.say("A link was made.");
      else if (value === "revoke") follow.say("The link is revoked.");
    },
  });

  return {
    destroy() {
      for (const part of [follow, log, share]) part?.destroy();
    },
  };
}

const root = document.getElementById("preview");
if (root) createPreview(root);
