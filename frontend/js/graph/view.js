/** Which part of the history is shown. The address holds it, and the server makes a graph of its own of it. */

/** In the order in which they stand in the address. */
export const FIELDS = ["ref", "first_parent", "merges", "stashes", "path", "author", "after", "before"];
/** What the switches say when they are on; anything else is as if they were not there. */
const SWITCHES = /** @type {Record<string, string>} */ ({ first_parent: "1", merges: "0", stashes: "0" });

/**
 * The part of `given` that chooses a view: known fields, none empty, none twice.
 * @param {URLSearchParams} given
 */
export function viewOf(given) {
  const found = new URLSearchParams();
  for (const field of FIELDS) {
    const values = given.getAll(field).map((value) => value.trim());
    const wanted = SWITCHES[field] ? values.filter((value) => value === SWITCHES[field]) : values.filter(Boolean);
    for (const value of field === "ref" ? new Set(wanted) : wanted.slice(0, 1)) found.append(field, value);
  }
  return found;
}

/**
 * @param {(params: URLSearchParams) => void} onChange
 */
export function createView(onChange) {
  let params = fromAddress();
  const listeners = new AbortController();

  function fromAddress() {
    return viewOf(new URL(location.href).searchParams);
  }

  /** @param {URLSearchParams} next */
  function apply(next) {
    if (next.toString() === params.toString()) return false;
    params = next;
    onChange(new URLSearchParams(params));
    return true;
  }

  addEventListener("popstate", () => apply(fromAddress()), { signal: listeners.signal });

  return {
    /** A copy: change it and hand it to `set`. */
    get params() {
      return new URLSearchParams(params);
    },

    /** Whether it is the whole history. */
    get whole() {
      return params.toString() === "";
    },

    /** To be put behind other parameters. */
    get query() {
      return params.toString() ? `&${params}` : "";
    },

    /** @param {URLSearchParams} next anything in it that is no field of a view is left out */
    set(next) {
      const wanted = viewOf(next);
      if (wanted.toString() === params.toString()) return;
      const url = new URL(location.href);
      for (const field of [...FIELDS, "at"]) url.searchParams.delete(field);
      for (const [field, value] of wanted) url.searchParams.append(field, value);
      history.pushState(null, "", url);
      apply(wanted);
    },

    destroy() {
      listeners.abort();
    },
  };
}
