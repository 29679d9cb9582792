/** What limits the graph now, each with a cross: nobody has to wonder where the rest is. */

import { nameOf } from "./chips.js";
import { counted, element } from "../ui/dom.js";

const SHOWN = 4; // branches that get a chip of their own

/**
 * @param {object} options
 * @param {HTMLElement} options.bar
 * @param {ReturnType<typeof import("./view.js").createView>} options.view
 * @param {ReturnType<typeof import("./focus.js").createFocus>} options.focus
 * @param {ReturnType<typeof import("./store.js").createStore>} options.store
 * @param {(pixels: number) => void} options.onShift what is below has moved down
 */
export function createActive({ bar, view, focus, store, onShift }) {
  let wasFocus = "";

  /**
   * @param {string} text
   * @param {string} says what the cross does
   * @param {() => void} remove
   */
  function chip(text, says, remove) {
    const cross = element("button", { type: "button", "aria-label": says, title: says }, "×");
    cross.addEventListener("click", remove);
    return element("li", { class: "active-chip" }, element("span", {}, text), cross);
  }

  /**
   * @param {string} field
   * @param {string} text
   * @param {string} [value] of a field that can be there more than once
   */
  function filter(field, text, value) {
    return chip(text, `Remove the filter: ${text}`, () => {
      const params = view.params;
      const left = value === undefined ? [] : params.getAll(field).filter((other) => other !== value);
      params.delete(field);
      for (const other of left) params.append(field, other);
      view.set(params);
    });
  }

  function refs() {
    const chosen = view.params.getAll("ref");
    if (chosen.length > SHOWN) return [filter("ref", `${chosen.length} branches and tags`)];
    return chosen.map((ref) => filter("ref", nameOf(ref).short, ref));
  }

  function fields() {
    const { params } = view;
    const after = params.get("after");
    const before = params.get("before");
    return [
      ...refs(),
      ...(params.has("first_parent") ? [filter("first_parent", "First parents only")] : []),
      ...(params.has("merges") ? [filter("merges", "No merges")] : []),
      ...(params.has("stashes") ? [filter("stashes", "No stashes")] : []),
      ...(params.has("path") ? [filter("path", `In ${params.get("path")}`)] : []),
      ...(params.has("author") ? [filter("author", `By ${params.get("author")}`)] : []),
      ...(after ? [filter("after", `Since ${dated(after)}`)] : []),
      ...(before ? [filter("before", `Before ${dated(before)}`)] : []),
    ];
  }

  /**
   * @param {string} text
   * @param {() => void} act
   */
  function way(text, act) {
    const button = element("button", { type: "button", class: "active-way" }, text);
    button.addEventListener("click", act);
    return button;
  }

  function onlyFocus() {
    const params = view.params;
    params.delete("ref");
    params.append("ref", focus.ref);
    focus.clear();
    view.set(params);
  }

  function draw() {
    const looked = focus.name !== wasFocus;
    const before = looked ? bar.offsetHeight : 0;
    const chips = fields();
    if (focus.name) chips.unshift(chip(`Looking at ${focus.name}`, "Show everything alike (Esc)", focus.clear));
    const ways = [];
    if (focus.ref) ways.push(way("Only its history", onlyFocus));
    if (chips.length > 1) ways.push(way("Show everything", () => (focus.clear(), view.set(new URLSearchParams()))));
    const told = store.opened ? `${counted(store.total)} ${store.total === 1 ? "commit" : "commits"}` : "";
    const count = element("p", { class: "active-count" }, told);
    const held = [...bar.querySelectorAll("button")].indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    bar.replaceChildren(element("ul", { "aria-label": "Active filters" }, ...chips), ...ways, count);
    bar.hidden = chips.length === 0;
    if (held >= 0) [...bar.querySelectorAll("button")].slice(0, held + 1).at(-1)?.focus({ preventScroll: true }); // who takes away one may want to take away the next
    // A look at a branch changes nothing but shades: what was pointed at stays under the pointer.
    if (looked) onShift(bar.offsetHeight - before);
    wasFocus = focus.name;
  }

  return { draw };
}

/** @param {string} value Unix seconds, or a date as it is */
function dated(value) {
  return /^\d{5,}$/.test(value) ? new Date(Number(value) * 1000).toISOString().slice(0, 10) : value;
}
