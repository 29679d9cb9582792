/** A log as it grows: a region that stays at its end, until somebody scrolls up to read. */

import { createPainter } from "./sgr.js";

const LINES = 2000; // that are asked for first; the download has all
const KEPT = 5000;
const NEAR = 12; // px from the end that count as the end
const AGAIN = 5000; // ms before another try where the log was refused; twice that before the next
const LONGEST = 60_000;
const QUIET = 1500; // ms in which what was there already comes, which nobody wants read aloud
const KINDS = /** @type {const} */ ([["-----> ", "log-step"], ["=====> ", "log-done"], [" !     ", "log-wrong"]]);

/**
 * @param {object} options
 * @param {HTMLElement} options.box the region, with what the server has drawn of the log
 * @param {HTMLButtonElement} options.more says how many lines have come below what is looked at
 * @param {HTMLElement} options.note for what is to be said of the log itself
 */
export function createLog({ box, more, note }) {
  const listeners = new AbortController();
  const { signal } = listeners;
  const stream = box.dataset.stream ?? "";
  let deployment = box.dataset.deployment ?? "";
  let painter = createPainter();
  /** @type {EventSource | undefined} */
  let source;
  /** @type {HTMLElement | undefined} the last line, while it has no end */
  let line;
  let offset = "";
  let waiting = "";
  let frame = 0;
  let atEnd = true;
  let over = false;
  let missed = 0;
  let pause = AGAIN;
  /** @type {number | undefined} */
  let timer;

  function connect() {
    clearTimeout(timer);
    if (source || over || document.visibilityState === "hidden") return;
    const query = new URLSearchParams({ deployment, follow: "1", ...(offset ? { from: offset } : { lines: String(LINES) }) });
    const opened = (source = new EventSource(`${stream}?${query}`));
    opened.onmessage = (event) => {
      if (!offset) clear();
      offset = event.lastEventId.split(":")[1] ?? "";
      note.textContent = "";
      pause = AGAIN;
      waiting += event.data;
      frame ||= requestAnimationFrame(flush);
    };
    opened.addEventListener("end", (event) => {
      over = true;
      close();
      const state = /** @type {MessageEvent} */ (event).data;
      note.textContent = state === "removed" ? "This log is not kept any more." : `It ends here: the deployment ${state === "failed" ? "failed" : "was stopped"}.`;
    });
    opened.onerror = () => {
      if (opened.readyState !== EventSource.CLOSED) return; // it tries again by itself
      close();
      note.textContent = "The log cannot be read at the moment. Trying again.";
      timer = setTimeout(connect, pause);
      pause = Math.min(LONGEST, pause * 2);
    };
  }

  function close() {
    source?.close();
    source = undefined;
  }

  /** What the server has drawn comes once more, in colours. */
  function clear() {
    box.replaceChildren();
    box.ariaBusy = "true";
    setTimeout(() => (box.ariaBusy = null), QUIET);
    painter = createPainter();
    line = undefined;
  }

  function flush() {
    frame = 0;
    const texts = waiting.split("\n");
    waiting = "";
    const made = document.createDocumentFragment();
    texts.forEach((text, at) => {
      const isWhole = at < texts.length - 1;
      if (!text && !isWhole) return;
      if (!line) made.append((line = document.createElement("div")));
      painter.paint(line, text);
      if (!isWhole) return;
      const begins = line.textContent ?? "";
      const kind = KINDS.find(([mark]) => begins.startsWith(mark));
      if (kind) line.className = kind[1];
      line = undefined;
    });
    const lines = made.childElementCount;
    box.append(made);
    while (box.childElementCount > KEPT) box.firstElementChild?.remove();
    if (atEnd) toEnd();
    else tell(missed + lines);
  }

  function toEnd() {
    box.scrollTop = box.scrollHeight;
    atEnd = true;
    tell(0);
  }

  /** @param {number} lines */
  function tell(lines) {
    missed = lines;
    more.hidden = !lines;
    more.textContent = `${lines} new ${lines === 1 ? "line" : "lines"}`;
  }

  box.addEventListener(
    "scroll",
    () => {
      atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - NEAR;
      if (atEnd && missed) tell(0);
    },
    { signal, passive: true },
  );
  more.addEventListener(
    "click",
    () => {
      toEnd();
      box.focus({ preventScroll: true });
    },
    { signal },
  );
  document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? close() : connect()), { signal });
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", (event) => event.persisted && connect(), { signal });
  toEnd();
  connect();

  return {
    /**
     * Show the log of this deployment; where it is the one that is shown, go on with it if it was started again.
     * @param {string} id
     * @param {boolean} isOver whether nothing more is said in it
     */
    show(id, isOver) {
      if (id !== deployment) {
        close();
        deployment = id;
        offset = waiting = "";
        clear();
        toEnd();
      } else if (isOver || source) return;
      over = false;
      note.textContent = "";
      connect();
    },

    destroy() {
      close();
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      listeners.abort();
    },
  };
}
