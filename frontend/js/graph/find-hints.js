/** What the server makes of a search while it is being typed: asked when the typing rests, and only where there is more than plain words. */

import { ApiError, getLines, isAbort } from "../api.js";
import { isGrammar } from "./search-grammar.js";

const REST = 250; // ms

/**
 * @param {string} url of the search
 * @param {(texts: string[]) => void} say
 */
export function createHints(url, say) {
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | null} */
  let asking = null;

  /** @param {string} text */
  async function ask(text) {
    const mine = (asking = new AbortController());
    try {
      // Its first line says how it was understood; the search itself is ended before it has begun.
      for await (const { hints = [] } of getLines(`${url}?${new URLSearchParams({ q: text, limit: "0" })}`, mine.signal)) {
        say(hints.map((/** @type {{text: string}} */ hint) => hint.text));
        break;
      }
    } catch (error) {
      if (!isAbort(error) && error instanceof ApiError && error.status === 400) say([error.message]);
    } finally {
      mine.abort();
    }
  }

  return {
    /** @param {string} text */
    typed(text) {
      clearTimeout(timer);
      asking?.abort();
      if (!isGrammar(text)) return say([]);
      timer = setTimeout(() => void ask(text), REST);
    },

    destroy() {
      clearTimeout(timer);
      asking?.abort();
    },
  };
}
