/** The files that are changed most often, or by most lines. */

import { element } from "../ui/dom.js";
import { shown } from "../ui/odd.js";
import { bar, createList, lines } from "./list.js";
import { number, plural } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */
/** @typedef {import("./types.js").Spot} Spot */

/**
 * @param {HTMLElement} place
 * @param {string} repository its address
 */
export function createHotSpots(place, repository) {
  /** @type {Figures["hot_spots"]} */
  let spots = { by_changes: [], by_churn: [] };
  let files = 0;
  let head = "";

  /** @param {Spot} spot @param {string} order */
  const value = (spot, order) => (order === "by_changes" ? spot.changes : spot.added + spot.deleted);

  const list = createList({
    place,
    title: "Hot spots",
    orders: [
      ["by_changes", "Changes"],
      ["by_churn", "Lines"],
    ],
    ranked(order) {
      const items = order === "by_changes" ? spots.by_changes : spots.by_churn;
      return { items, more: files - items.length };
    },
    value,
    row(spot, order, most) {
      const cut = spot.path.lastIndexOf("/") + 1;
      const path = [element("span", { class: "folder" }, ...shown(spot.path.slice(0, cut))), element("span", {}, ...shown(spot.path.slice(cut)))];
      return element(
        "li",
        {},
        element("a", { class: "insight-name insight-path", href: `${repository}/history/${address(head)}/${spot.address ?? address(spot.path)}`, title: spot.path, "aria-label": spot.path }, ...path),
        element("span", { class: "insight-count" }, number(value(spot, order))),
        bar(value(spot, order) / most),
        element("span", { class: "insight-more" }, lines(spot), element("span", { class: "insight-span" }, order === "by_changes" ? plural(spot.added + spot.deleted, "line") : plural(spot.changes, "change"))),
      );
    },
    nothing: "No file was changed in these days.",
  });

  return {
    /** @param {Figures} figures */
    show(figures) {
      ({ hot_spots: spots, files } = figures);
      head = figures.head.replace(/^refs\/heads\//, "");
      list.draw();
    },
    destroy: list.destroy,
  };
}

/** @param {string} path */
function address(path) {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}
