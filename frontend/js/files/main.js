/** The pages about files: folder, file, blame and history. Each part improves something that works without it. */
import { recall, remember } from "../memory.js";
import { createBlame } from "./blame.js";
import { MOST, createChunks } from "./chunks.js";
import { createFinder } from "./finder.js";
import { createHistory } from "./history.js";
import { createKeys, help } from "./keys.js";
import { createLast } from "./last.js";
import { createLines } from "./lines.js";
import { placeOf } from "./place.js";
import { createRefs } from "./refs.js";
import { createTree } from "./tree.js";

const WRAPS = "wrap-lines";

const place = placeOf();
const code = place.element.querySelector(".code[data-lines]");
const lines = code instanceof HTMLElement ? shown(code) : null;
const finder = createFinder(place, (line) => {
  if (!lines) return;
  lines.choose(line, false);
  void lines.goTo(line);
});
createRefs(place.element);
createLast(place);
const tree = place.element.querySelector('[role="tree"]');
if (tree instanceof HTMLElement) createTree(place, tree);
const changes = place.element.querySelector(".changes-list");
if (changes instanceof HTMLElement) createHistory(changes);

createKeys({
  t: () => finder.open(),
  l: () => lines && finder.open(":"),
  y: () => follow("[data-permalink]"),
  w: () => wrap(recall(WRAPS) !== "true"),
  b: () => follow("[data-keeps-lines][data-other]"),
});
place.element.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("[data-go-to-file]")) finder.open();
  if (target?.closest("[data-help]")) help();
  if (target?.closest("[data-wrap]")) wrap(recall(WRAPS) !== "true");
  const copy = target?.closest("[data-copy-lines]");
  if (copy instanceof HTMLElement) void copyLines(copy);
  const link = target?.closest("a[data-keeps-lines]");
  if (link instanceof HTMLAnchorElement) link.hash = location.hash;
});
wrap(recall(WRAPS) === "true");

/** @param {HTMLElement} region */
function shown(region) {
  /** @type {ReturnType<typeof createBlame> | null} */
  const blame = region.dataset.blame && !region.classList.contains("plain") ? createBlame(region, place) : null;
  /** @type {ReturnType<typeof createLines> | null} */
  let made = null;
  const chunks = createChunks(region, (body) => {
    blame?.arrived(body);
    made?.mark(region);
  });
  if (chunks.total <= MOST) document.querySelector(".more-lines")?.remove();
  made = createLines(region, chunks);
  return made;
}

/** @param {boolean} on */
function wrap(on) {
  code?.classList.toggle("wrapped", on);
  for (const button of place.element.querySelectorAll("[data-wrap]")) button.ariaPressed = String(on);
  if (recall(WRAPS) !== String(on)) remember(WRAPS, String(on));
}

/** @param {string} selector */
function follow(selector) {
  const link = place.element.querySelector(selector);
  if (link instanceof HTMLElement) link.click();
}

/**
 * The text of the chosen lines, or of the file.
 * @param {HTMLElement} button
 */
async function copyLines(button) {
  const response = await fetch(button.dataset.copyLines ?? "", { credentials: "same-origin" });
  let text = await response.text();
  const range = lines?.chosen;
  if (range) text = text.split("\n").slice(range.from - 1, range.to).join("\n");
  button.dataset.copy = text;
  delete button.dataset.copyLines;
  button.click(); // what every copy button does is done by the page's own
  button.dataset.copyLines = response.url;
  delete button.dataset.copy;
}
