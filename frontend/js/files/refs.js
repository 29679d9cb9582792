/** The menu of branches and tags: finds by name on the server, and leads to the same path there. */
import { getJson, isAbort } from "../api.js";
import { element } from "../ui/dom.js";

const PAUSE = 120; // ms after a letter

/** @param {ParentNode} root */
export function createRefs(root) {
  const leaving = new AbortController();
  for (const menu of root.querySelectorAll("details.ref-menu")) {
    if (menu instanceof HTMLDetailsElement) enhance(menu, leaving.signal);
  }
  return { destroy: () => leaving.abort() };
}

/**
 * @param {HTMLDetailsElement} menu
 * @param {AbortSignal} signal
 */
function enhance(menu, signal) {
  const items = menu.querySelector(".menu-items");
  if (!items) return;
  const input = element("input", { class: "input", type: "search", placeholder: "Find a branch or tag", "aria-label": "Find a branch or tag", autocomplete: "off", spellcheck: "false" });
  const results = element("div", { class: "ref-results" });
  items.prepend(input, results);
  let asked = new AbortController();
  let pause = 0;
  const look = async () => {
    asked.abort();
    asked = new AbortController();
    try {
      show(menu, results, await getJson(`${menu.dataset.refs}?q=${encodeURIComponent(input.value)}`, asked.signal));
    } catch (error) {
      if (!isAbort(error)) results.replaceChildren(element("p", { class: "hint" }, "The server does not answer. Try again in a moment."));
    }
  };
  menu.addEventListener("toggle", () => menu.open && (void look(), input.focus()), { signal });
  input.addEventListener("input", () => (clearTimeout(pause), (pause = window.setTimeout(look, PAUSE))), { signal });
  items.addEventListener("keydown", (event) => event instanceof KeyboardEvent && walk(event, items), { signal });
}

/**
 * @param {HTMLElement} menu
 * @param {HTMLElement} results
 * @param {Record<"branches" | "tags", {name: string, path: string}[]> & {more: Record<string, number>}} found
 */
function show(menu, results, found) {
  const parts = [];
  for (const kind of /** @type {const} */ (["branches", "tags"])) {
    if (!found[kind].length) continue;
    parts.push(element("h3", {}, kind === "tags" ? "Tags" : "Branches"));
    for (const ref of found[kind]) {
      const href = `${menu.dataset.to}${ref.path}${menu.dataset.path ? `/${menu.dataset.path}` : ""}`;
      parts.push(element("a", { href, "aria-current": ref.name === menu.dataset.now ? "true" : null }, ref.name));
    }
    const more = found.more[kind] ?? 0;
    if (more) parts.push(element("p", { class: "hint" }, `${more.toLocaleString("en")} more; type a part of the name.`));
  }
  results.replaceChildren(...(parts.length ? parts : [element("p", { class: "hint" }, "No branch or tag is called so.")]));
}

/**
 * Up and down through the field and the links.
 * @param {KeyboardEvent} event
 * @param {Element} items
 */
function walk(event, items) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [...items.querySelectorAll("input, a")];
  const now = stops.indexOf(/** @type {Element} */ (document.activeElement));
  const next = stops[Math.min(stops.length - 1, Math.max(0, now + (event.key === "ArrowDown" ? 1 : -1)))];
  if (next instanceof HTMLElement) next.focus();
  event.preventDefault();
}
