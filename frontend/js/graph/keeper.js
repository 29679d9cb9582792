/** The focus is never nowhere: whoever pressed something that is gone afterwards is back at the rows, or in the details that it was in. */

/**
 * @param {HTMLElement} root
 * @param {HTMLElement} grid of the rows
 */
export function createKeeper(root, grid) {
  const listeners = new AbortController();

  /** @param {Event} event */
  function check({ target }) {
    if (target instanceof Element && target.closest("dialog")) return; // it gives the focus back by itself
    requestAnimationFrame(() => {
      const gone = target instanceof Element && !target.checkVisibility();
      if (!gone || document.activeElement !== document.body || !document.hasFocus()) return;
      const details = target.closest("aside");
      (details?.checkVisibility() ? details : grid).focus({ preventScroll: true });
    });
  }
  for (const type of ["click", "focusout"]) root.addEventListener(type, check, { signal: listeners.signal });

  return { destroy: () => listeners.abort() };
}
