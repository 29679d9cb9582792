/** The keyboard: what is pressed on the graph page, and what it means. */

const SEQUENCE = 900; // ms between the two keys of `g g`

/** @type {Record<string, string>} */
const PLAIN = {
  j: "next",
  ArrowDown: "next",
  k: "previous",
  ArrowUp: "previous",
  PageDown: "pageDown",
  PageUp: "pageUp",
  Home: "first",
  End: "last",
  G: "last",
  Enter: "open",
  Escape: "close",
  "/": "filter",
  "?": "help",
};
/** @type {Record<string, string>} */
const AFTER_G = { g: "first", h: "head" };
/** Only while the rows have the focus: elsewhere these belong to whatever has it. */
const OF_THE_ROWS = new Set(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "Enter"]);

/** @typedef {Record<"next" | "previous" | "pageDown" | "pageUp" | "first" | "last" | "open" | "close" | "filter" | "help" | "head", () => void>} Actions */

/**
 * @param {HTMLElement} grid
 * @param {Actions} actions
 */
export function createKeys(grid, actions) {
  let sequence = 0;
  const listeners = new AbortController();

  /** @param {KeyboardEvent} event */
  function meaning(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (OF_THE_ROWS.has(event.key) && !grid.contains(target) && target !== document.body) return;
    if (event.timeStamp - sequence < SEQUENCE && AFTER_G[event.key]) {
      sequence = 0;
      return AFTER_G[event.key];
    }
    sequence = event.key === "g" ? event.timeStamp : 0;
    return PLAIN[event.key];
  }

  document.addEventListener(
    "keydown",
    (event) => {
      const action = meaning(event);
      if (!action) return;
      event.preventDefault();
      actions[/** @type {keyof Actions} */ (action)]();
    },
    { signal: listeners.signal },
  );

  return { destroy: () => listeners.abort() };
}
