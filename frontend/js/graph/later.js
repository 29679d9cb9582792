/** What can wait until the first rows are painted: it is fetched then, and what was asked of it meanwhile is done. */

const LONGEST = 1000; // ms that it waits for rows
const RETRY = 2000; // ms
const HEARD = /** @type {const} */ (["click", "change", "input", "keydown"]);

/**
 * @template {{destroy: () => void}} T
 * @param {object} options
 * @param {HTMLElement} options.bar whose fields and buttons do nothing before it is here
 * @param {() => Promise<T>} options.load
 * @param {() => void} options.onFailed it could not be fetched, and is tried again
 */
export function createLater({ bar, load, onFailed }) {
  /** @type {T | undefined} */
  let here;
  /** @type {((it: T) => void)[]} */
  let waiting = [];
  /** @type {Event[]} */
  let heard = [];
  let begun = false;
  const listeners = new AbortController();
  /** @type {number | undefined} */
  let timer = setTimeout(begin, LONGEST);

  for (const type of HEARD) bar.addEventListener(type, (event) => heard.push(event), { signal: listeners.signal });

  async function begin() {
    if (begun) return;
    begun = true;
    clearTimeout(timer);
    try {
      const it = await load();
      if (listeners.signal.aborted) return;
      here = it;
    } catch {
      begun = false;
      onFailed();
      timer = setTimeout(begin, RETRY);
      return;
    }
    listeners.abort();
    for (const act of waiting) act(here);
    waiting = [];
    heard.forEach(again);
    heard = [];
  }

  return {
    /** Once it is here. */
    get here() {
      return here;
    },

    /** Rows are about to be painted. */
    begin() {
      if (begun) return;
      clearTimeout(timer);
      timer = requestAnimationFrame(() => (timer = setTimeout(begin)));
    },

    /** At once, or when it is here.
     * @param {(it: T) => void} act
     */
    then(act) {
      if (here) act(here);
      else waiting.push(act);
    },

    destroy() {
      clearTimeout(timer);
      listeners.abort();
      here?.destroy();
    },
  };
}

/** What nobody heard happens once more.
 * @param {Event} event
 */
function again(event) {
  const target = event.target;
  if (!(target instanceof HTMLElement) || !target.isConnected) return;
  if (event instanceof KeyboardEvent) target.dispatchEvent(new KeyboardEvent(event.type, { key: event.key, bubbles: true, cancelable: true }));
  else if (event.type !== "click") target.dispatchEvent(new Event(event.type, { bubbles: true }));
  else target.closest("button:not([data-zoom])")?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
}
