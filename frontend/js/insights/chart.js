/** What all charts have: a drawing as wide as its place, values to point at by mouse, finger and arrow keys, and a table of them. */

import { element } from "../ui/dom.js";

/**
 * A value in a chart: where it is in the drawing, and what it says.
 * @typedef {{x: number, y: number, width: number, height: number, title: string, lines: [string, string][]}} Mark
 *
 * @typedef {object} Drawing
 * @property {Mark[]} marks from left to right, line by line
 * @property {number} [columns] marks in a line, where there are several lines
 * @property {string} label the chart in one sentence
 *
 * @typedef {{head: string[], rows: string[][]}} Table
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...(Node | string)} children
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/**
 * @param {object} options
 * @param {HTMLElement} options.figure with a place for the drawing, `.insight-plot`
 * @param {ReturnType<typeof import("./tooltip.js").createTooltip>} options.tooltip
 * @param {(canvas: SVGElement, width: number) => Drawing & {height: number}} options.draw
 * @param {() => Table} options.table
 */
export function createChart({ figure, tooltip, draw, table }) {
  const plot = /** @type {HTMLElement} */ (figure.querySelector(".insight-plot"));
  const canvas = svg("svg", { class: "chart", tabindex: 0, role: "application", "aria-roledescription": "chart" });
  const cursor = svg("rect", { class: "chart-cursor", rx: 3, "aria-hidden": "true" });
  const details = element("details", { class: "insight-table" }, element("summary", {}, "Table"));
  const listeners = new AbortController();
  const { signal } = listeners;
  /** @type {Drawing} */
  let drawn = { marks: [], label: "" };
  let at = -1;
  let width = 0;
  let ready = false;
  plot.append(canvas);
  figure.append(details);

  function redraw() {
    if (!ready || !width) return;
    canvas.replaceChildren();
    const { height, ...drawing } = draw(canvas, width);
    drawn = drawing;
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) canvas.setAttribute(name, String(value));
    canvas.setAttribute("aria-label", `${drawn.label} Arrow keys tell the values.`);
    const before = at;
    at = -1;
    if (before >= 0) point(Math.min(before, drawn.marks.length - 1), false);
    fill();
  }

  function fill() {
    if (!details.open) return;
    const { head, rows } = table();
    const body = rows.map(([name = "", ...values]) => element("tr", {}, element("th", { scope: "row" }, name), ...values.map((value) => element("td", {}, value))));
    const top = element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)));
    const made = element("table", {}, element("caption", { class: "visually-hidden" }, drawn.label), element("thead", {}, top), element("tbody", {}, ...body));
    details.querySelector(".insight-table-scroll")?.remove();
    details.append(element("div", { class: "insight-table-scroll", tabindex: 0, role: "region", "aria-label": "Table" }, made));
  }

  /**
   * @param {number} index of a mark; -1 for none
   * @param {boolean} aloud whether to tell it to who cannot see it
   */
  function point(index, aloud) {
    const mark = drawn.marks[index];
    if (!mark) {
      at = -1;
      cursor.remove();
      tooltip.hide(canvas);
      return;
    }
    if (index === at && !aloud) return;
    at = index;
    const { x, y, width: wide, height: high } = mark;
    for (const [name, value] of Object.entries({ x, y, width: wide, height: high })) cursor.setAttribute(name, String(value));
    canvas.append(cursor);
    tooltip.show(canvas, mark, aloud);
  }

  /** @param {PointerEvent} event */
  function follow(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    point(drawn.marks.findIndex((mark) => x >= mark.x && x < mark.x + mark.width && y >= mark.y && y < mark.y + mark.height), false);
  }

  /** @param {KeyboardEvent} event */
  function step(event) {
    const { marks, columns = marks.length } = drawn;
    const last = marks.length - 1;
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: last, PageUp: at - 10, PageDown: at + 10 };
    const lines = columns < marks.length;
    const next = steps[event.key];
    if (event.key === "Escape") point(-1, false);
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!lines && event.key.startsWith("Arrow") && Math.abs(next - at) > 1) return; // up and down scroll where there is one line
    event.preventDefault();
    if (at < 0) point(event.key === "End" || event.key === "ArrowLeft" ? last : 0, true);
    else if (!lines || !/Up|Down/.test(event.key) || (next >= 0 && next <= last)) point(Math.max(0, Math.min(last, next)), true);
  }

  canvas.addEventListener("pointermove", (event) => follow(/** @type {PointerEvent} */ (event)), { signal });
  canvas.addEventListener("pointerdown", (event) => follow(/** @type {PointerEvent} */ (event)), { signal });
  canvas.addEventListener("pointerleave", (event) => /** @type {PointerEvent} */ (event).pointerType === "mouse" && point(-1, false), { signal });
  canvas.addEventListener("keydown", (event) => step(/** @type {KeyboardEvent} */ (event)), { signal });
  canvas.addEventListener("blur", () => point(-1, false), { signal });
  details.addEventListener("toggle", fill, { signal });
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry?.contentRect.width ?? 0);
    if (now === width) return;
    width = now;
    redraw();
  });
  observer.observe(plot);

  return {
    /** There are other figures to draw. */
    refresh() {
      ready = true;
      redraw();
    },

    destroy() {
      listeners.abort();
      observer.disconnect();
      canvas.remove();
      details.remove();
    },
  };
}
