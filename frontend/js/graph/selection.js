/** Which commit's details are shown. The address holds it: a link leads to it, and Back leads back. */

const FOLLOW = 90; // ms the keyboard has to rest on a row before its details are shown

/**
 * @param {object} options
 * @param {(oid: string) => void} options.onShow "" for none: also for what the address had at the beginning
 * @param {() => void} options.onChange
 */
export function createSelection({ onShow, onChange }) {
  let oid = fromAddress();
  /** @type {number | undefined} */
  let timer;
  const listeners = new AbortController();

  function fromAddress() {
    const value = new URL(location.href).searchParams.get("commit") ?? "";
    return /^[0-9a-f]{4,64}$/.test(value) ? value : "";
  }

  /** @param {string} next */
  function apply(next) {
    oid = next;
    onShow(oid);
    onChange();
  }

  addEventListener("popstate", () => apply(fromAddress()), { signal: listeners.signal });

  const selection = {
    /** "" when nothing is selected; the beginning of an oid until the graph is there, where a link has only that */
    get oid() {
      return oid;
    },

    /**
     * @param {string} next "" closes the details
     * @param {{replace?: boolean}} [how] whether Back should skip the one before
     */
    set(next, { replace = false } = {}) {
      clearTimeout(timer);
      if (next === oid) return;
      const url = new URL(location.href);
      if (next) url.searchParams.set("commit", next);
      else url.searchParams.delete("commit");
      history[replace ? "replaceState" : "pushState"](null, "", url);
      apply(next);
    },

    /** The keyboard moves over rows while the details are open: they follow when it rests.
     * @param {string} next
     */
    follow(next) {
      clearTimeout(timer);
      if (oid && next) timer = setTimeout(() => selection.set(next, { replace: true }), FOLLOW);
    },

    destroy() {
      clearTimeout(timer);
      listeners.abort();
    },
  };
  onShow(oid);
  return selection;
}
