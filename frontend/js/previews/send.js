/** Forms with `data-send` are sent without leaving the page. The server answers them by leading to a page, or with what is wrong. */

import { sentence } from "../api.js";

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {(form: HTMLFormElement) => void} options.onDone
 * @param {(message: string) => void} options.onRefused "" when another try begins
 */
export function createSend({ root, onDone, onRefused }) {
  const listeners = new AbortController();

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement | null} button
   */
  async function send(form, button) {
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    button?.setAttribute("aria-disabled", "true");
    onRefused("");
    try {
      const fields = new URLSearchParams(/** @type {any} */ (new FormData(form, button)));
      const answer = await fetch(form.getAttribute("action") ?? "", { method: "POST", body: fields, redirect: "manual", headers: { accept: "text/html" } });
      if (answer.type === "opaqueredirect") onDone(form);
      else onRefused(await sentence(answer));
    } catch {
      onRefused("The server does not answer; nothing was done.");
    } finally {
      form.ariaBusy = null;
      button?.removeAttribute("aria-disabled");
    }
  }

  root.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-send")) return;
      event.preventDefault();
      void send(form, event.submitter);
    },
    { signal: listeners.signal },
  );

  return {
    destroy() {
      listeners.abort();
    },
  };
}
