/**
 * Buttons with `data-copy` put that text on the clipboard. Listens on `root`, so that buttons which arrive later work, too.
 * @param {Document} root
 */
export function copyButtons(root) {
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (button instanceof HTMLElement) void copy(button);
  });
}

/** @param {HTMLElement} button */
async function copy(button) {
  const text = button.dataset.copy ?? "";
  const done = await write(text);
  const label = button.dataset.label ?? button.getAttribute("aria-label") ?? "Copy";
  button.dataset.label = label;
  const said = done ? "Copied" : "Not copied; select the text instead";
  button.setAttribute("aria-label", said);
  button.title = said;
  button.classList.toggle("copied", done);
  setTimeout(() => {
    button.setAttribute("aria-label", label);
    button.title = label;
    button.classList.remove("copied");
  }, 1600);
}

/**
 * Put `text` on the clipboard.
 * @param {string} text
 * @returns {Promise<boolean>} whether it is there
 */
export async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeOld(text);
  }
}

/**
 * Plain http on another machine's address has no clipboard API.
 * @param {string} text
 */
function writeOld(text) {
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
