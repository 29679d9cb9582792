/** The dialog with share links: part of the page, and of its address while it is open. */

/**
 * @param {HTMLElement} root with buttons (`data-share`) that open it
 * @param {HTMLDialogElement} dialog
 */
export function createShare(root, dialog) {
  const listeners = new AbortController();
  const { signal } = listeners;

  /** @param {boolean} isOpen */
  function note(isOpen) {
    const url = new URL(location.href);
    if (isOpen) url.searchParams.set("share", "1");
    else {
      url.searchParams.delete("share");
      url.hash = "";
    }
    history.replaceState(history.state, "", url);
  }

  function open() {
    dialog.open = false; // as the server draws it for whoever has no script
    dialog.showModal();
    note(true);
  }

  root.addEventListener(
    "click",
    (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("[data-share]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    },
    { signal },
  );
  function closed() {
    note(false);
    // What had the focus before may be another element by now, since the page goes on behind the dialog.
    if (document.activeElement === document.body || dialog.contains(document.activeElement)) root.querySelector(/** @type {"button"} */ ("[data-share]"))?.focus();
  }

  dialog.addEventListener("close", closed, { signal });
  // A press beside it closes it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(), { signal });
  if (dialog.open) open();

  return {
    destroy() {
      listeners.abort();
    },
  };
}
