const LONGEST = 4_000_000; // characters

/**
 * Buttons with `data-copy` put that text on the clipboard, those with `data-copy-from` what is at that address. Listens on `root`, so that
 * buttons which arrive later work, too.
 * @param {Document} root
 */
export function copyButtons(root) {
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy], [data-copy-from]") : null;
    if (button instanceof HTMLElement) void copy(button);
  });
}

/** @param {HTMLElement} button */
async function copy(button) {
  const from = button.dataset.copyFrom;
  const text = from ? await textAt(from) : (button.dataset.copy ?? "");
  const done = text !== null && (await write(text));
  const label = button.dataset.label ?? button.getAttribute("aria-label") ?? button.textContent?.trim() ?? "Copy";
  const words = !button.hasAttribute("aria-label");
  button.dataset.label = label;
  const said = done ? "Copied" : text === null ? "Too long to copy" : "Not copied; select the text instead";
  /** @param {string} now */
  const say = (now) => {
    if (words) button.textContent = now;
    else button.setAttribute("aria-label", now);
    button.title = now;
  };
  say(said);
  button.classList.toggle("copied", done);
  setTimeout(() => {
    say(label);
    button.classList.remove("copied");
  }, 1600);
}

/**
 * What the server has at an address, null where that fails or is longer than a clipboard is for.
 * @param {string} address
 * @returns {Promise<string | null>}
 */
async function textAt(address) {
  try {
    const response = await fetch(address, { credentials: "same-origin" });
    if (!response.ok || Number(response.headers.get("content-length")) > LONGEST) return null;
    const text = await response.text();
    return text.length > LONGEST ? null : text;
  } catch {
    return null;
  }
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
