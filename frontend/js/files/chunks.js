/** The lines of a long file: parts of it come when they are about to be seen, and go when they are far away. */
import { getHtml, isAbort } from "../api.js";
import { element } from "../ui/dom.js";

const LINE = 20; // px, as code.css has it
const AHEAD = "1200px";
const KEPT = 16; // parts
/** Lines up to which a file is one page: a browser's pages end at some 30 million pixels. Of a longer one a part is shown. */
export const MOST = 1_000_000;

/**
 * @param {HTMLElement} code the region with the table
 * @param {(body: HTMLTableSectionElement) => void} [arrived] is told of each part that has come, the first ones too
 */
export function createChunks(code, arrived) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const total = Number(code.dataset.total);
  const atOnce = Number(code.dataset.atOnce);
  const address = code.dataset.lines ?? "";
  const table = /** @type {HTMLTableElement} */ (code.querySelector("table"));
  /** @type {Map<number, HTMLTableSectionElement>} */
  const bodies = new Map([...table.tBodies].map((body) => [Number(body.dataset.from), body]));
  /** @type {Map<number, Promise<void>>} */
  const coming = new Map();
  const seen = new IntersectionObserver(look, { rootMargin: `${AHEAD} 0px` });

  /** @param {number} from px of the part's lines, if none is wrapped */
  const heightOf = (from) => Math.min(atOnce, total - from + 1) * LINE;
  /** @param {number} from */
  const rows = async (from, more = "") => parsed(await getHtml(`${address}?from=${from}&rows${more}`, signal));

  /**
   * @param {HTMLTableSectionElement} body
   * @param {number} from
   */
  function absent(body, from) {
    body.style.minHeight = `${body.offsetHeight || heightOf(from)}px`;
    body.replaceChildren();
    body.setAttribute("data-absent", "");
    return body;
  }

  /** @param {number} from the first line of the part */
  function load(from) {
    const body = bodies.get(from);
    if (!body || !body.hasAttribute("data-absent")) return Promise.resolve();
    let promise = coming.get(from);
    if (!promise) {
      promise = rows(from)
        .then((made) => {
          body.replaceChildren(...made);
          body.style.minHeight = "";
          body.removeAttribute("data-absent");
          come(body, from);
          forget(from);
        })
        .catch((error) => {
          if (!isAbort(error)) console.info("Lines are missing:", error);
        })
        .finally(() => coming.delete(from));
      coming.set(from, promise);
    }
    return promise;
  }

  /** @param {number} near parts that are farthest from this line go, if there are too many */
  function forget(near) {
    const here = [...bodies].filter(([, body]) => !body.hasAttribute("data-absent"));
    here.sort(([one], [other]) => Math.abs(other - near) - Math.abs(one - near));
    for (const [from, body] of here.slice(0, Math.max(0, here.length - KEPT))) absent(body, from);
  }

  /**
   * @param {HTMLTableSectionElement} body
   * @param {number} from
   */
  function come(body, from) {
    arrived?.(body);
    if (body.rows[0]?.hasAttribute("data-waits")) void colour(body, from);
  }

  /**
   * Colours that were not there in time.
   * @param {HTMLTableSectionElement} body
   * @param {number} from
   */
  async function colour(body, from) {
    try {
      const made = await rows(from, "&patient");
      [...body.rows].forEach((row, n) => {
        const text = made[n]?.querySelector(".text");
        if (text) row.querySelector(".text")?.replaceChildren(...text.childNodes);
      });
    } catch (error) {
      if (!isAbort(error)) console.info("The colours are missing:", error);
    }
  }

  /** @param {IntersectionObserverEntry[]} entries */
  function look(entries) {
    for (const entry of entries) {
      if (entry.isIntersecting && entry.target instanceof HTMLElement) void load(Number(entry.target.dataset.from));
    }
  }

  for (let from = 1; from <= total; from += atOnce) {
    if (total > MOST && !bodies.has(from)) continue;
    const body = bodies.get(from) ?? absent(element("tbody", { "data-from": from }), from);
    bodies.set(from, body);
    body.style.containIntrinsicSize = `auto none auto ${heightOf(from)}px`; // what it has while it is not laid out
    table.append(body);
    seen.observe(body);
    if (!body.hasAttribute("data-absent")) come(body, from);
  }

  return {
    total,
    /**
     * @param {number} line
     * @returns {HTMLTableRowElement | null} if it is here
     */
    row: (line) => /** @type {HTMLTableRowElement | null} */ (document.getElementById(`L${line}`)),
    /** @param {number} line */
    async ensure(line) {
      const within = Math.max(1, Math.min(total, line));
      const from = Math.floor((within - 1) / atOnce) * atOnce + 1;
      if (!bodies.has(from)) location.assign(`${location.pathname}?from=${from}#L${within}`);
      await load(from);
      return this.row(within);
    },
    destroy() {
      leaving.abort();
      seen.disconnect();
    },
  };
}

/** @param {string} html rows as the server draws them */
function parsed(html) {
  return [...new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html").querySelectorAll("tr")];
}
