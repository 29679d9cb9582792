/**
 * The address says what is shown: here its place (`at`, the commit in the middle) and its search (`q`). Selection and view
 * keep their own part of it. A search is a step that Back takes back; scrolling is not.
 */

const REST = 300; // ms without scrolling, after which the place is written down
const DIGITS = 12; // of an oid; enough for any history, and short enough to send

/**
 * @param {object} options
 * @param {() => {top: number, count: number}} options.view rows in sight
 * @param {(row: number) => void} options.jump to a row at the upper edge
 * @param {(row: number) => {oid: string} | undefined} options.commit
 * @param {(at: string) => void} options.onPlace Back has led to a place
 * @param {(query: string) => void} options.onQuery or to a search
 */
export function createPermalink({ view, jump, commit, onPlace, onQuery }) {
  let { at, q } = read();
  /** @type {number | undefined} */
  let timer;
  const listeners = new AbortController();

  function read() {
    const { searchParams } = new URL(location.href);
    return { at: searchParams.get("at") ?? "", q: searchParams.get("q") ?? "" };
  }

  /**
   * @param {"at" | "q"} field
   * @param {string} value "" takes it out
   * @param {"pushState" | "replaceState"} how
   */
  function write(field, value, how) {
    const url = new URL(location.href);
    if (value) url.searchParams.set(field, value);
    else url.searchParams.delete(field);
    if (url.href !== location.href) history[how](history.state, "", url);
  }

  function writePlace() {
    const { top, count } = view();
    const middle = Math.floor(top + count / 2);
    const oid = top < 1 ? "" : commit(middle)?.oid;
    if (oid === undefined) return moved(); // on its way
    at = oid.slice(0, DIGITS);
    write("at", at, "replaceState");
  }

  function moved() {
    clearTimeout(timer);
    timer = setTimeout(writePlace, REST);
  }

  addEventListener(
    "popstate",
    () => {
      clearTimeout(timer);
      const next = read();
      const [placed, asked] = [next.at !== at, next.q !== q];
      ({ at, q } = next);
      if (asked) onQuery(q);
      if (placed) onPlace(at);
    },
    { signal: listeners.signal },
  );

  return {
    /** What the page was opened with, or Back has led to. */
    get at() {
      return at;
    },

    get query() {
      return q;
    },

    /** The view has moved. */
    moved,

    /** Where the page begins.
     * @param {number} row
     */
    center(row) {
      jump(row - Math.floor(view().count / 2));
    },

    /**
     * @param {string} query
     * @param {{replace?: boolean}} [how]
     */
    search(query, { replace = false } = {}) {
      q = query;
      write("q", q, replace ? "replaceState" : "pushState");
    },

    /** A link to one commit, with the view that it is seen in.
     * @param {string} oid
     */
    to(oid) {
      const url = new URL(location.href);
      for (const field of ["at", "q"]) url.searchParams.delete(field);
      url.searchParams.set("commit", oid);
      url.hash = "";
      return url.href;
    },

    destroy() {
      clearTimeout(timer);
      listeners.abort();
    },
  };
}
