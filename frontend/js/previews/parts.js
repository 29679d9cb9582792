/**
 * Parts of a page that change while somebody looks. The server draws them: the page is asked for again, and what differs is put in its
 * place. A list (`data-parts`) holds parts by key (`data-part`), each with a word (`data-seen`) that differs when it does.
 */

import { ApiError, getHtml, isAbort } from "../api.js";

const SPREAD = 150; // ms over which the pages that heard the same news ask
const PAUSE = 500; // ms between two looks, where nothing else is said

/**
 * @param {object} options
 * @param {HTMLElement} options.root
 * @param {(page: Document) => void} options.onTaken a page has come, and its parts are in place
 * @param {(message: string) => void} options.onRefused the server answers, but not with the page
 * @param {number} [options.pause] ms between two looks
 */
export function createParts({ root, onTaken, onRefused, pause = PAUSE }) {
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | undefined} */
  let asking;
  let askedAt = -pause;

  /** Ask soon; any number of calls until then are one. */
  function refresh() {
    timer ??= setTimeout(load, Math.max(Math.random() * SPREAD, askedAt + pause - performance.now()));
  }

  async function load() {
    clearTimeout(timer);
    timer = undefined;
    askedAt = performance.now();
    asking?.abort();
    const mine = (asking = new AbortController());
    try {
      take(await getHtml(location.href, mine.signal));
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status) onRefused(error.message);
    }
  }

  /** @param {string} html */
  function take(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const names = (/** @type {ParentNode} */ place) => [...place.querySelectorAll("[data-parts]")].map((list) => list.getAttribute("data-parts")).join(" ");
    // Of another form: what was files is an app now.
    if (names(root) !== names(page)) return location.reload();
    const lists = page.querySelectorAll("[data-parts]");
    root.querySelectorAll("[data-parts]").forEach((list, at) => renew(list, /** @type {Element} */ (lists[at])));
    onTaken(page);
  }

  return {
    refresh,
    load,

    destroy() {
      clearTimeout(timer);
      asking?.abort();
    },
  };
}

/**
 * Make `list` what `other` is; parts that are alike stay the elements that they are.
 * @param {Element} list
 * @param {Element} other
 */
function renew(list, other) {
  const before = new Map([...list.children].map((part) => [part.getAttribute("data-part"), part]));
  let at = list.firstElementChild;
  for (const fresh of [...other.children]) {
    const key = fresh.getAttribute("data-part");
    const known = before.get(key);
    before.delete(key);
    let part = fresh;
    if (known && known.getAttribute("data-seen") === fresh.getAttribute("data-seen")) part = known;
    else if (known) {
      if (at === known) at = fresh;
      replace(known, fresh);
    }
    if (part === at) at = at.nextElementSibling;
    else list.insertBefore(part, at);
  }
  for (const gone of before.values()) {
    const had = gone.contains(document.activeElement);
    gone.remove();
    if (had && list instanceof HTMLElement) focusOn(list);
  }
}

/** @param {HTMLElement} place that takes the focus of what is no more */
function focusOn(place) {
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

/**
 * The focus stays on what it was on. Where that is no more, it is on the part: never on another button, which the next key would press.
 * @param {Element} known
 * @param {Element} fresh
 */
function replace(known, fresh) {
  const active = known.contains(document.activeElement) ? document.activeElement : null;
  const name = active instanceof HTMLButtonElement && active.value ? `[value="${CSS.escape(active.value)}"]` : active?.getAttribute("href") ? `[href="${CSS.escape(active.getAttribute("href") ?? "")}"]` : active?.hasAttribute("data-copy") ? "[data-copy]" : "";
  known.replaceWith(fresh);
  if (!active || !(fresh instanceof HTMLElement)) return;
  const same = /** @type {HTMLElement | null} */ (name ? fresh.querySelector(name) : null);
  if (same) same.focus({ preventScroll: true });
  else focusOn(fresh);
}
