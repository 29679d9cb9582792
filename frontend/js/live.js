/** What happens on the server, as it happens: a WebSocket that comes back by itself and catches up from the last event it saw. */

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
const HURRY = 2000; // ms between two attempts of somebody who is there
const SILENCE = 75_000; // ms; the server lets nobody wait for half of it
const NO_ACCESS = 1008;

/**
 * @typedef {{id: number, type: string, [field: string]: any}} LiveMessage
 * @typedef {"connecting" | "live" | "lost" | "ended"} LiveState
 */

/**
 * @param {object} options
 * @param {string} options.path of the socket, on this host
 * @param {(message: LiveMessage) => void} options.onMessage called in the order of the server, `hello` and `resync` included
 * @param {(state: LiveState) => void} options.onState
 */
export function createLive({ path, onMessage, onState }) {
  /** @type {WebSocket | null} */
  let socket = null;
  // A page says how far it knows; one that does not starts from the greeting.
  let after = Number(document.getElementById("live")?.dataset.after || -1);
  let attempt = 0;
  let tried = 0;
  /** @type {number | undefined} */
  let timer;
  /** @type {number | undefined} */
  let watch;
  let stopped = false;
  const listeners = new AbortController();

  function connect() {
    clearTimeout(timer);
    if (stopped || socket) return;
    tried = performance.now();
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (after >= 0) url.searchParams.set("after", String(after));
    const opened = new WebSocket(url);
    socket = opened;
    opened.onmessage = (event) => {
      if (socket !== opened) return;
      listen(opened);
      receive(JSON.parse(event.data));
    };
    opened.onclose = (event) => {
      if (socket === opened) lose(event.code === NO_ACCESS);
    };
    listen(opened);
  }

  /** A connection can be cut without either side being told: long silence is as good as a close.
   * @param {WebSocket} opened
   */
  function listen(opened) {
    clearTimeout(watch);
    watch = setTimeout(() => {
      lose(false);
      opened.close();
    }, SILENCE);
  }

  /** @param {boolean} forGood */
  function lose(forGood) {
    clearTimeout(watch);
    socket = null;
    onState(forGood ? "ended" : "lost");
    if (!forGood) timer = setTimeout(connect, pause());
  }

  /** Exponential, with full jitter: pages that lost a server together do not come back to it together. */
  function pause() {
    const ceiling = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempt);
    attempt += 1;
    return FIRST_PAUSE / 2 + Math.random() * ceiling;
  }

  /** @param {LiveMessage} message */
  function receive(message) {
    if (message.type === "hello") {
      attempt = 0;
      onState("live");
      // What was missed follows; only a page that has seen nothing yet starts from here.
      if (after < 0) after = message.id;
    } else {
      after = Math.max(after, message.id);
    }
    onMessage(message);
  }

  /** Do not sit out a pause when the machine has just woken up or found its network, or somebody does something. */
  function hurry() {
    if (!socket && document.visibilityState === "visible" && performance.now() - tried > HURRY) connect();
  }

  function close() {
    clearTimeout(timer);
    clearTimeout(watch);
    const closing = socket;
    socket = null;
    closing?.close();
  }

  const { signal } = listeners;
  for (const type of ["online", "focus", "pointerdown", "keydown"]) addEventListener(type, hurry, { signal, passive: true });
  document.addEventListener("visibilitychange", hurry, { signal });
  // A page in the back-forward cache may not hold a socket.
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", (event) => event.persisted && connect(), { signal });

  onState("connecting");
  connect();

  return {
    /** The server has answered something else: it is back. */
    hurry,

    destroy() {
      stopped = true;
      listeners.abort();
      close();
    },
  };
}
