/** The dialog with what people put on other pages. The address in it is that of what is seen when it opens. */

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLDialogElement} dialog
 */
export function createShare(button, dialog) {
  const listeners = new AbortController();

  function open() {
    const row = dialog.querySelector("[data-share-address]");
    const copy = row?.parentElement?.querySelector("[data-copy]");
    if (row && copy instanceof HTMLElement) {
      copy.dataset.copy = location.href;
      (row.firstElementChild ?? row).textContent = location.href;
    }
    const picture = dialog.querySelector("img[data-src]");
    if (picture instanceof HTMLImageElement && picture.dataset.src) {
      picture.src = picture.dataset.src;
      delete picture.dataset.src;
    }
    dialog.showModal();
  }

  button.addEventListener("click", open, { signal: listeners.signal });

  return {
    destroy() {
      listeners.abort();
    },
  };
}

const button = document.querySelector("button[data-share]");
const dialog = document.getElementById("graph-share");
if (button instanceof HTMLButtonElement && dialog instanceof HTMLDialogElement) createShare(button, dialog);
