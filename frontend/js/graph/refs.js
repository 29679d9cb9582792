/** The box to jump to a branch or tag: a combobox (ARIA Authoring Practices) over the repository's refs. */

import { getJson, isAbort } from "../api.js";
import { element } from "./dom.js";
import { nameOf } from "./chips.js";

const SHOWN = 60;

/** @typedef {{name: string, oid: string, row: number}} Ref */

/**
 * @param {object} options
 * @param {HTMLInputElement} options.input
 * @param {HTMLElement} options.list
 * @param {string} options.url
 * @param {(ref: Ref) => void} options.onPick
 * @param {() => void} options.onLeave Escape: the focus goes back to the rows
 */
export function createRefs({ input, list, url, onPick, onLeave }) {
  /** @type {Ref[]} */
  let refs = [];
  /** @type {Ref[]} */
  let matches = [];
  let active = -1;
  let fresh = false;
  /** @type {AbortController | null} */
  let loading = null;
  const listeners = new AbortController();
  const { signal } = listeners;

  async function load() {
    loading?.abort();
    const mine = (loading = new AbortController());
    try {
      refs = (await getJson(url, mine.signal)).refs;
      fresh = true;
      if (document.activeElement === input) open();
    } catch (error) {
      if (!isAbort(error)) draw(element("li", { class: "ref-none" }, "The refs could not be loaded; try again."));
    }
  }

  function open() {
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    matches = refs.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    const first = words[0];
    if (first) matches.sort((a, b) => place(a, first) - place(b, first));
    active = matches.length && words.length ? 0 : -1;
    const more = matches.length - SHOWN;
    matches = matches.slice(0, SHOWN);
    const options = matches.map(option);
    if (more > 0) options.push(element("li", { class: "ref-none" }, `${more.toLocaleString("en")} more; type to narrow them down`));
    if (!options.length) options.push(element("li", { class: "ref-none" }, refs.length ? "No branch or tag has this in its name." : "Loading…"));
    draw(...options);
    mark();
  }

  /** Where the word stands in the name: those that begin with it come first.
   * @param {Ref} ref
   * @param {string} word
   */
  function place(ref, word) {
    const at = nameOf(ref.name).short.toLowerCase().indexOf(word);
    return at < 0 ? 1000 : at;
  }

  /**
   * @param {Ref} ref
   * @param {number} nth
   */
  function option(ref, nth) {
    const { kind, short, word } = nameOf(ref.name);
    return element(
      "li",
      { role: "option", id: `ref-option-${nth}`, "data-nth": nth },
      element("span", { class: `chip chip-${kind}` }, element("span", { class: "visually-hidden" }, `${word} `), element("span", { class: "chip-name" }, short)),
      element("span", { class: "oid" }, ref.oid.slice(0, 8)),
    );
  }

  /** @param {...HTMLElement} options */
  function draw(...options) {
    list.replaceChildren(...options);
    list.hidden = false;
    input.ariaExpanded = "true";
  }

  function mark() {
    list.querySelectorAll('[role="option"]').forEach((item, nth) => {
      item.ariaSelected = String(nth === active);
      if (nth === active) item.scrollIntoView({ block: "nearest" });
    });
    if (active < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `ref-option-${active}`);
  }

  function close() {
    list.hidden = true;
    input.ariaExpanded = "false";
    input.removeAttribute("aria-activedescendant");
  }

  /** @param {number} nth */
  function pick(nth) {
    const ref = matches[nth];
    if (!ref) return;
    input.value = "";
    close();
    onPick(ref);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });
    const step = steps[event.key];
    if (step) {
      if (list.hidden) open();
      const count = matches.length;
      if (count) active = active < 0 && step < 0 ? count - 1 : (active + step + count) % count;
      mark();
    } else if (event.key === "Enter") {
      pick(Math.max(0, active));
    } else if (event.key === "Escape") {
      if (input.value) {
        input.value = "";
        open();
      } else {
        close();
        onLeave();
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  input.addEventListener(
    "focus",
    () => {
      open();
      if (!fresh) void load();
    },
    { signal },
  );
  input.addEventListener("input", open, { signal });
  input.addEventListener("keydown", pressed, { signal });
  input.addEventListener("blur", close, { signal });
  list.addEventListener("mousedown", (event) => event.preventDefault(), { signal }); // the input keeps the focus
  list.addEventListener(
    "click",
    (event) => {
      const item = /** @type {Element} */ (event.target).closest('[role="option"]');
      if (item instanceof HTMLElement) pick(Number(item.dataset.nth));
    },
    { signal },
  );

  return {
    /** Refs have moved: ask again when the box is used. */
    expire() {
      fresh = false;
      if (document.activeElement === input) void load();
    },

    focus() {
      input.focus();
      input.select();
    },

    destroy() {
      loading?.abort();
      listeners.abort();
    },
  };
}
