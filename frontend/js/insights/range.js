/** Which days are shown: the buttons and the two dates, and the page's address. */

import { find } from "../ui/dom.js";

/**
 * @param {HTMLElement} root
 * @param {() => void} onChange the address says another range now
 */
export function createRange(root, onChange) {
  const nav = find(root, ".insights-range nav", HTMLElement);
  const form = find(root, ".insights-days", HTMLFormElement);
  const after = find(form, '[name="after"]', HTMLInputElement);
  const before = find(form, '[name="before"]', HTMLInputElement);
  const listeners = new AbortController();
  const { signal } = listeners;

  /** Make the controls say what the address says. */
  function follow() {
    const query = new URLSearchParams(location.search);
    after.value = query.get("after") ?? "";
    before.value = query.get("before") ?? "";
    const days = after.value || before.value;
    for (const link of nav.querySelectorAll("a")) {
      if (!days && link.dataset.months === (query.get("months") ?? "")) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** @param {string} address */
  function go(address) {
    if (address === location.href) return;
    history.pushState(null, "", address);
    follow();
    onChange();
  }

  nav.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element && event.target.closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(link.href);
    },
    { signal },
  );
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      const url = new URL(form.action);
      for (const input of [after, before]) if (input.value) url.searchParams.set(input.name, input.value);
      go(url.href);
    },
    { signal },
  );
  addEventListener(
    "popstate",
    () => {
      follow();
      onChange();
    },
    { signal },
  );

  return {
    /** The range as a query of the API. */
    get query() {
      const query = new URLSearchParams(location.search);
      const kept = [...query].filter(([name, value]) => ["after", "before", "months"].includes(name) && value);
      return kept.length ? `?${new URLSearchParams(kept)}` : "";
    },

    destroy() {
      listeners.abort();
    },
  };
}
