/** Older changes come into the list instead of on a page of their own. */
import { getHtml, isAbort } from "../api.js";

/** @param {HTMLElement} list */
export function createHistory(list) {
  const leaving = new AbortController();
  const { signal } = leaving;

  /** @param {HTMLElement} item the last one, which knows what comes next */
  async function further(item) {
    const link = item.querySelector("a");
    if (!link || item.ariaBusy) return;
    item.ariaBusy = "true";
    link.textContent = "Looking…";
    try {
      const html = await getHtml(item.dataset.more ?? "", signal);
      const made = [...new DOMParser().parseFromString(`<ol>${html}</ol>`, "text/html").querySelectorAll("li")];
      item.replaceWith(...made);
      const first = made[0]?.querySelector("a");
      if (document.activeElement === document.body) first?.focus({ preventScroll: true });
      waiting();
    } catch (error) {
      if (isAbort(error)) return;
      item.ariaBusy = null;
      link.textContent = "It did not work; try again";
    }
  }

  /** Where git had no time to finish, go on at once. */
  function waiting() {
    const item = list.querySelector("li.further");
    if (item instanceof HTMLElement && item.querySelector(".hint")) void further(item);
  }

  list.addEventListener(
    "click",
    (event) => {
      const item = event.target instanceof Element && event.target.closest("a") ? event.target.closest("li.further") : null;
      if (!(item instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      void further(item);
    },
    { signal },
  );
  waiting();
  return { destroy: () => leaving.abort() };
}
