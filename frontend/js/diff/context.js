/** More lines around the changes of a file: the rows between two hunks get buttons that fetch what is hidden there. */

import { drawnIcon, element } from "../ui/dom.js";

const STEP = 20; // lines
const ALL = 40; // hidden lines that are shown at once
const ARROWS = { down: "M8 3v9.5M4 8.75l4 4 4-4", up: "M8 13V3.5M4 7.25l4-4 4 4", all: "M8 6.25V1.5M5.5 4 8 6.25 10.5 4M8 9.75v4.75M5.5 12 8 9.75l2.5 2.25" };

/** @typedef {keyof typeof ARROWS} Way */

/**
 * Gives every gap below `root` that has none its buttons.
 * @param {ParentNode} root
 */
export function offerContext(root) {
  for (const gap of root.querySelectorAll("tr.gap:not([data-offered])")) {
    if (gap instanceof HTMLTableRowElement) offer(gap);
  }
}

/** @param {HTMLTableRowElement} gap */
function offer(gap) {
  const { first, last } = hidden(gap);
  const cell = gap.cells[0];
  gap.dataset.offered = "";
  if (!cell || !gap.dataset.first || !gap.closest("table[data-lines]")) return;
  cell.replaceChildren();
  if (last !== null && last < first) return;
  const buttons = document.createElement("span");
  buttons.className = "gap-buttons";
  if (last !== null && last - first < ALL) {
    buttons.append(button("all", `Show ${last - first + 1} hidden lines`));
  } else {
    if (gap.previousElementSibling) buttons.append(button("down", `Show ${STEP} lines more below`));
    if (last !== null) buttons.append(button("up", `Show ${STEP} lines more above`));
  }
  cell.append(buttons);
}

/**
 * @param {Way} way
 * @param {string} label
 */
function button(way, label) {
  return element("button", { type: "button", "data-context": way, title: label, "aria-label": label }, drawnIcon(ARROWS[way]));
}

/**
 * The hidden lines of the new side; `last` is null where the file's end is not known.
 * @param {HTMLTableRowElement} gap
 */
function hidden(gap) {
  const { first = "1", last = "" } = gap.dataset;
  return { first: Number(first), last: last ? Number(last) : null };
}

/**
 * Fetch and show some of what a gap hides.
 * @param {HTMLButtonElement} pressed
 * @param {AbortSignal} signal
 */
export async function showContext(pressed, signal) {
  const gap = pressed.closest("tr");
  const table = pressed.closest("table");
  if (!gap || !table || gap.dataset.busy !== undefined) return;
  const { first, last } = hidden(gap);
  const way = pressed.dataset.context;
  const from = way === "up" && last !== null ? Math.max(first, last - STEP + 1) : first;
  const to = way === "down" ? Math.min(last ?? Infinity, first + STEP - 1) : (last ?? first);
  const address = `${table.dataset.lines}&first=${from}&last=${to}&shift=${gap.dataset.shift}&view=${table.className}`;
  gap.dataset.busy = "";
  try {
    const response = await fetch(address, { credentials: "same-origin", signal });
    if (!response.ok) throw new Error(String(response.status));
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${await response.text()}</tbody></table>`; // our own server's rows, escaped there
    const rows = [...template.content.querySelectorAll("tr")];
    if (way === "up") gap.after(...rows);
    else gap.before(...rows);
    const left = { first: way === "up" ? first : to + 1, last: way === "up" ? from - 1 : last };
    const ended = response.headers.get("x-file-end") === "true" && way !== "up";
    const next = rows[0]?.cells[0];
    if (ended || (left.last !== null && left.last < left.first)) gap.remove();
    else {
      gap.dataset.first = String(left.first);
      gap.dataset.last = left.last === null ? "" : String(left.last);
      offer(gap);
      gap.querySelector("button")?.focus({ preventScroll: true });
    }
    if (!gap.isConnected) next?.closest("tr")?.querySelector("td")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (!signal.aborted) pressed.title = "The lines could not be fetched. Try again.";
  } finally {
    delete gap.dataset.busy;
  }
}
