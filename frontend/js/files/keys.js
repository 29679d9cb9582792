/** Keys of the pages about files: `t` a file, `l` a line, `y` the address that stays, `w` wraps lines, `b` blame and file. */

/**
 * @param {Record<string, () => void>} actions by key
 */
export function createKeys(actions) {
  const leaving = new AbortController();
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    },
    { signal: leaving.signal },
  );
  return { destroy: () => leaving.abort() };
}

/** @param {EventTarget | null} target whether somebody types there, or a dialog is open */
function busy(target) {
  if (document.querySelector("dialog[open]")) return true;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
