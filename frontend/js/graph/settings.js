/** How the graph is shown: remembered by the browser, and an address that says otherwise goes first. */

import { recall, remember } from "../memory.js";

const KEY = "gitperch.graph";
export const MODES = /** @type {const} */ (["overview", "compact", "normal", "roomy"]);

/**
 * @typedef {typeof MODES[number]} Mode
 * @typedef {object} Settings
 * @property {Mode} mode how high the rows are
 * @property {"lane" | "author"} color what the colours stand for
 * @property {boolean} author whether the column is shown
 * @property {boolean} date
 * @property {boolean} hash
 * @property {boolean} tags whether tags are labelled
 * @property {"relative" | "absolute"} times
 */

/** @type {Settings} */
const USUAL = { mode: "normal", color: "lane", author: true, date: true, hash: false, tags: true, times: "relative" };
/** What a link to the page takes along. */
const IN_ADDRESS = /** @type {const} */ (["mode", "color"]);
const CHOICES = /** @type {Record<string, readonly unknown[]>} */ ({
  mode: MODES,
  color: ["lane", "author"],
  times: ["relative", "absolute"],
});

/** @param {(changed: keyof Settings) => void} onChange */
export function createSettings(onChange) {
  const now = { ...USUAL, ...fitting(kept()), ...fitting(inAddress()) };
  const listeners = new AbortController();

  addEventListener(
    "popstate",
    () => {
      for (const [name, value] of Object.entries(fitting(inAddress()))) apply(/** @type {keyof Settings} */ (name), value);
    },
    { signal: listeners.signal },
  );

  /**
   * @param {keyof Settings} name
   * @param {any} value
   */
  function apply(name, value) {
    if (now[name] === value) return false;
    Object.assign(now, { [name]: value });
    onChange(name);
    return true;
  }

  return {
    /** @type {Readonly<Settings>} */
    now,

    /**
     * @template {keyof Settings} N
     * @param {N} name
     * @param {Settings[N]} value
     */
    set(name, value) {
      if (!apply(name, value)) return;
      remember(KEY, JSON.stringify(now));
      if (!IN_ADDRESS.some((known) => known === name)) return;
      const url = new URL(location.href);
      if (value === USUAL[name]) url.searchParams.delete(name);
      else url.searchParams.set(name, String(value));
      history.replaceState(history.state, "", url);
    },

    destroy() {
      listeners.abort();
    },
  };
}

function kept() {
  try {
    return JSON.parse(recall(KEY) ?? "{}");
  } catch {
    return {};
  }
}

function inAddress() {
  const { searchParams } = new URL(location.href);
  return Object.fromEntries(IN_ADDRESS.map((name) => [name, searchParams.get(name) ?? undefined]));
}

/**
 * Only what a setting can be: storage and addresses are written by others, too.
 * @param {unknown} given
 * @returns {Partial<Settings>}
 */
function fitting(given) {
  if (typeof given !== "object" || given === null) return {};
  const usual = /** @type {Record<string, unknown>} */ (USUAL);
  const fits = Object.entries(given).filter(([name, value]) =>
    CHOICES[name] ? CHOICES[name].includes(value) : name in usual && typeof value === typeof usual[name],
  );
  return Object.fromEntries(fits);
}
