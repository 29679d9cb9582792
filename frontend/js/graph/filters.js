/** The menu that chooses a view: branches, first parents, merges, a path, an author, a stretch of time. */

import { nameOf } from "./chips.js";
import { counted, element, find } from "../ui/dom.js";
import { openByKey } from "./menu-by-key.js";
import { createRefs } from "./refs.js";

/** @typedef {import("./refs.js").Ref} Ref */

/**
 * @param {object} options
 * @param {HTMLDetailsElement} options.menu
 * @param {ReturnType<typeof import("./view.js").createView>} options.view
 * @param {string} options.url of the refs' names
 * @param {() => string} options.head the full name of the default branch
 * @param {HTMLElement} options.grid of the rows
 */
export function createFilters({ menu, view, url, head, grid }) {
  const form = find(menu, "form", HTMLFormElement);
  const list = find(menu, ".filter-refs", HTMLElement);
  const search = find(menu, "[data-find-ref]", HTMLInputElement);
  const count = find(menu, ".filter-count", HTMLElement);
  const refs = createRefs(url);
  let asked = 0;
  const listeners = new AbortController();
  const { signal } = listeners;

  /** Put the view into the form, once somebody looks at it. */
  function fill() {
    drawCount();
    if (!menu.open) return;
    const { params } = view;
    for (const field of form.elements) {
      if (!(field instanceof HTMLInputElement) || !field.name) continue;
      if (field.type === "checkbox") field.checked = params.get(field.name) === field.value;
      else field.value = field.type === "date" ? dateOf(params.get(field.name)) : (params.get(field.name) ?? "");
    }
    void drawRefs();
  }

  function drawCount() {
    const active = [...new Set(view.params.keys())].length;
    count.textContent = active ? String(active) : "";
    count.hidden = !active;
  }

  /** Chosen ones first, the default branch next, and then what has these words in its name. */
  async function drawRefs() {
    const mine = ++asked;
    const chosen = new Set(view.params.getAll("ref"));
    const words = search.value.trim().toLowerCase();
    /** @type {HTMLElement[]} */
    let items;
    try {
      const { refs: found, count: all } = await refs.matching(words);
      if (mine !== asked) return;
      const first = words ? [] : [...chosen, ...(found.some(({ name }) => name === head()) ? [head()] : [])];
      const shown = new Set([...first, ...found.map(({ name }) => name)]);
      items = [...shown].map((name) => option(name, chosen.has(name)));
      if (all > found.length) items.push(note(`${counted(all - found.length)} more; type a part of the name`));
      if (!items.length) items.push(note("No branch or tag has this in its name."));
    } catch {
      if (mine !== asked) return;
      items = [note("The names could not be loaded. Close this menu and open it again.")];
    }
    const { scrollTop } = list;
    const held = list.querySelector(":focus");
    list.replaceChildren(...items);
    list.scrollTop = scrollTop;
    if (held instanceof HTMLInputElement) ([...list.querySelectorAll("input")].find(({ dataset }) => dataset.refName === held.dataset.refName) ?? search).focus({ preventScroll: true });
  }

  /** @param {string} text */
  const note = (text) => element("li", { class: "filter-more" }, text);

  /**
   * @param {string} name full
   * @param {boolean} checked
   */
  function option(name, checked) {
    const { kind, short, word } = nameOf(name);
    const box = element("input", { type: "checkbox", "data-ref-name": name, checked });
    const label = element("span", { class: `chip chip-${kind}` }, element("span", { class: "visually-hidden" }, `${word} `), element("span", { class: "chip-name" }, short));
    return element("li", {}, element("label", {}, box, label));
  }

  function read() {
    const params = view.params;
    for (const field of form.elements) {
      if (!(field instanceof HTMLInputElement) || !field.name) continue;
      const before = params.get(field.name) ?? "";
      if (field.type === "date" && field.value === dateOf(before)) continue; // a time in seconds says more than its day
      if (field.type === "checkbox" ? field.checked : field.value.trim()) params.set(field.name, field.value.trim());
      else params.delete(field.name);
    }
    view.set(params);
  }

  /** @param {HTMLInputElement} box */
  function choose(box) {
    const params = view.params;
    const name = box.dataset.refName ?? "";
    const left = params.getAll("ref").filter((other) => other !== name);
    params.delete("ref");
    for (const other of box.checked ? [...left, name] : left) params.append("ref", other);
    view.set(params);
  }

  menu.addEventListener("toggle", () => menu.open && fill(), { signal });
  form.addEventListener(
    "change",
    (event) => {
      const field = event.target;
      if (!(field instanceof HTMLInputElement) || field === search) return;
      if (field.dataset.refName !== undefined) choose(field);
      else if (field.reportValidity()) read();
    },
    { signal },
  );
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      read();
      menu.open = false;
      menu.querySelector("summary")?.focus();
    },
    { signal },
  );
  form.addEventListener("reset", (event) => (event.preventDefault(), view.set(new URLSearchParams())), { signal });
  search.addEventListener("input", () => void drawRefs(), { signal });
  find(menu, "[data-only-head]", HTMLButtonElement).addEventListener(
    "click",
    () => {
      const params = view.params;
      params.delete("ref");
      params.append("ref", head());
      view.set(params);
    },
    { signal },
  );
  fill();

  return {
    /** By a key. */
    open() {
      openByKey(menu, grid);
      search.focus();
    },

    /** The view is another one. */
    refresh: fill,

    /** Refs have moved. */
    expire() {
      refs.expire();
    },

    destroy() {
      listeners.abort();
    },
  };
}

/** @param {string | null} value a date, or Unix seconds, as a field for dates takes it */
function dateOf(value) {
  if (!value) return "";
  return /^\d{5,}$/.test(value) ? new Date(Number(value) * 1000).toISOString().slice(0, 10) : value;
}
