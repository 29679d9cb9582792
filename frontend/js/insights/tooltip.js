/** One small window for all charts of a page: what the value says that somebody points at. */

import { element } from "../ui/dom.js";

const GAP = 8;

/** @typedef {import("./chart.js").Mark} Mark */

/**
 * @param {HTMLElement} root within which it stays
 * @param {HTMLElement} said what it says aloud to who goes by keyboard
 */
export function createTooltip(root, said) {
  const title = element("strong");
  const list = element("dl");
  const tip = element("div", { class: "insight-tip", "aria-hidden": "true", hidden: true }, title, list);
  root.append(tip);
  /** @type {Element | null} */
  let owner = null;

  /** @param {Element} canvas @param {Mark} mark */
  function place(canvas, mark) {
    const [inside, drawing] = [root.getBoundingClientRect(), canvas.getBoundingClientRect()];
    const middle = drawing.left - inside.left + mark.x + mark.width / 2;
    const left = Math.max(0, Math.min(inside.width - tip.offsetWidth, middle - tip.offsetWidth / 2));
    const above = drawing.top - inside.top + mark.y - tip.offsetHeight - GAP;
    // Not over the edge of the window, where nobody would see it.
    const top = above + inside.top < 0 ? drawing.top - inside.top + mark.y + mark.height + GAP : above;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  return {
    /**
     * @param {Element} canvas
     * @param {Mark} mark
     * @param {boolean} aloud
     */
    show(canvas, mark, aloud) {
      owner = canvas;
      title.textContent = mark.title;
      list.replaceChildren(...mark.lines.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
      tip.hidden = false;
      place(canvas, mark);
      if (aloud) said.textContent = `${mark.title}: ${mark.lines.map(([name, value]) => `${value} ${name}`).join(", ")}`;
    },

    /** @param {Element} canvas */
    hide(canvas) {
      if (owner === canvas) tip.hidden = true;
    },

    destroy() {
      tip.remove();
    },
  };
}
