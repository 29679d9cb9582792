/** A ranked list with a choice of what to rank by: a heading, buttons, rows, and a button for the rest. */

import { element } from "../ui/dom.js";
import { number } from "./words.js";

const FIRST = 10;

/**
 * @template T
 * @param {object} options
 * @param {HTMLElement} options.place
 * @param {string} options.title
 * @param {[string, string][]} options.orders names of what to rank by, and their buttons
 * @param {(order: string) => {items: T[], more: number}} options.ranked what to show, and how many there are beyond
 * @param {(item: T, order: string, most: number) => HTMLElement} options.row
 * @param {(item: T, order: string) => number} options.value
 * @param {string} options.nothing said where there is no row
 */
export function createList({ place, title, orders, ranked, row, value, nothing }) {
  const listeners = new AbortController();
  const count = element("span", { class: "count" });
  const choice = element("div", { class: "segments", role: "group", "aria-label": `${title} by` });
  const list = element("ol", { class: "insight-rows" });
  const rest = element("button", { type: "button", class: "button quiet small" });
  let order = orders[0]?.[0] ?? "";
  let whole = false;

  for (const [name, label] of orders) choice.append(element("button", { type: "button", "data-order": name, "aria-pressed": name === order ? "true" : "false" }, label));
  place.replaceChildren(element("div", { class: "insight-head" }, element("h2", {}, title, count), choice), list, rest);

  function draw() {
    const { items, more } = ranked(order);
    const shown = whole ? items : items.slice(0, FIRST);
    const most = Math.max(1, ...items.map((item) => value(item, order)));
    list.replaceChildren(...(shown.length ? shown.map((item) => row(item, order, most)) : [element("li", { class: "insight-nothing" }, nothing)]));
    count.textContent = number(items.length + more);
    rest.hidden = items.length <= FIRST;
    rest.textContent = whole ? "Show fewer" : more ? `Show the first ${items.length}` : `Show all ${items.length}`;
    rest.setAttribute("aria-expanded", String(whole));
  }

  choice.addEventListener(
    "click",
    (event) => {
      const button = event.target instanceof Element && event.target.closest("button");
      if (!button) return;
      order = button.getAttribute("data-order") ?? order;
      for (const other of choice.children) other.setAttribute("aria-pressed", String(other === button));
      draw();
    },
    { signal: listeners.signal },
  );
  rest.addEventListener(
    "click",
    () => {
      whole = !whole;
      draw();
    },
    { signal: listeners.signal },
  );

  return {
    draw,
    destroy() {
      listeners.abort();
      place.replaceChildren();
    },
  };
}

/**
 * Lines that came and went, as `+120 −7`.
 * @param {{added: number, deleted: number}} lines
 */
export function lines({ added, deleted }) {
  const [plus, minus] = [element("span", { class: "added" }, `+${number(added)}`), element("span", { class: "deleted" }, `−${number(deleted)}`)];
  return element("span", { class: "insight-lines", "aria-label": `${number(added)} lines added, ${number(deleted)} removed` }, plus, " ", minus);
}

/**
 * A bar as long as its share of the longest.
 * @param {number} share
 */
export function bar(share) {
  const made = element("span", { class: "insight-bar", "aria-hidden": "true" });
  made.style.setProperty("--share", String(share));
  return made;
}
