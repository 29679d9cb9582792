/** “Go to file”: a dialog over every path of the commit, and `:120` for a line of the file that is shown. */
import { element } from "../ui/dom.js";
import { createIndex } from "./fuzzy.js";
import { addressOf } from "./place.js";

const SHOWN = 50;

/**
 * @param {import("./place.js").Place} place
 * @param {(line: number) => void} goToLine
 */
export function createFinder(place, goToLine) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const input = element("input", {
    class: "input", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "finder-results", "aria-autocomplete": "list",
    "aria-label": "Go to file", placeholder: "Part of a path, or :120 for a line", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
  });
  const results = element("div", { id: "finder-results", class: "finder-results", role: "listbox", "aria-label": "Files" });
  const status = element("p", { class: "finder-status hint", role: "status" });
  const dialog = element("dialog", { class: "finder", "aria-label": "Go to file" }, input, results, status);
  document.body.append(dialog);
  /** @type {ReturnType<typeof createIndex> | null} */
  let index = null;
  let more = false;
  let chosen = 0;

  async function load() {
    if (index) return;
    status.textContent = "Reading the paths…";
    try {
      const response = await fetch(`${place.api}/paths/${place.oid}`, { credentials: "same-origin", signal });
      if (!response.ok) throw new Error(String(response.status));
      more = response.headers.has("x-more");
      index = createIndex((await response.text()).split("\0").filter(Boolean));
      show();
    } catch {
      if (!signal.aborted) status.textContent = "The paths could not be read. Close this and try again.";
    }
  }

  function show() {
    const line = /^:(\d*)$/.exec(input.value.trim());
    if (line || !index) {
      results.replaceChildren();
      if (line) status.textContent = line[1] ? `Enter goes to line ${line[1]}.` : "The number of a line.";
      return;
    }
    const { found, count } = index.search(input.value, SHOWN);
    results.replaceChildren(...found.map((one, n) => option(one, n, place)));
    choose(0);
    const files = `${count.toLocaleString("en")} of ${index.size.toLocaleString("en")} files`;
    status.textContent = count ? `${files}${more ? ", which are not all" : ""}` : "No path has these letters in this order.";
  }

  /** @param {number} n */
  function choose(n) {
    const options = results.children;
    options[chosen]?.setAttribute("aria-selected", "false");
    chosen = Math.max(0, Math.min(options.length - 1, n));
    const now = options[chosen];
    now?.setAttribute("aria-selected", "true");
    now?.scrollIntoView({ block: "nearest" });
    if (now) input.setAttribute("aria-activedescendant", now.id);
    else input.removeAttribute("aria-activedescendant");
  }

  input.addEventListener("input", show, { signal });
  input.addEventListener(
    "keydown",
    (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
      if (step) choose(chosen + step);
      else if (event.key === "Enter") go(event);
      else return;
      event.preventDefault();
    },
    { signal },
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(), { signal });

  /** @param {KeyboardEvent} event */
  function go(event) {
    const line = /^:(\d+)$/.exec(input.value.trim());
    if (line) {
      dialog.close();
      goToLine(Number(line[1]));
      return;
    }
    const now = results.children[chosen];
    if (!(now instanceof HTMLAnchorElement)) return;
    if (event.metaKey || event.ctrlKey) window.open(now.href, "_blank", "noopener");
    else location.assign(now.href);
  }

  return {
    /** @param {string} [text] to begin with */
    open(text = "") {
      if (dialog.open) return;
      input.value = text;
      dialog.showModal();
      input.focus();
      void load().then(show);
    },
    destroy() {
      leaving.abort();
      dialog.remove();
    },
  };
}

/**
 * @param {import("./fuzzy.js").Found} found
 * @param {number} n
 * @param {import("./place.js").Place} place
 */
function option({ path, letters }, n, place) {
  const quoted = path.split("/").map(encodeURIComponent).join("/");
  const made = element("a", { id: `finder-${n}`, role: "option", "aria-selected": "false", tabindex: "-1", href: addressOf(place, "blob", quoted) });
  const marked = new Set(letters);
  let at = 0;
  while (at < path.length) {
    const on = marked.has(at);
    let end = at + 1;
    while (end < path.length && marked.has(end) === on) end++;
    const piece = path.slice(at, end);
    made.append(on ? element("mark", {}, piece) : piece);
    at = end;
  }
  return made;
}
