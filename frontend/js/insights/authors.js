/** Who wrote how much, from when to when. */

import { element } from "../ui/dom.js";
import { hue, initials } from "../graph/people.js";
import { shown } from "../ui/odd.js";
import { bar, createList, lines } from "./list.js";
import { day, monthOf, number, plural } from "./words.js";

/** @typedef {import("./types.js").Figures} Figures */
/** @typedef {import("./types.js").Author} Author */

/**
 * @param {HTMLElement} place
 * @param {string} repository its address, where the graph is
 */
export function createAuthors(place, repository) {
  /** @type {Author[]} */
  let authors = [];
  let people = 0;

  /** @param {Author} author @param {string} order */
  const value = (author, order) => (order === "commits" ? author.commits : author.added + author.deleted);

  const list = createList({
    place,
    title: "People",
    orders: [
      ["commits", "Commits"],
      ["lines", "Lines"],
    ],
    ranked: (order) => ({ items: [...authors].sort((a, b) => value(b, order) - value(a, order)), more: people - authors.length }),
    value,
    row(author, order, most) {
      const { name, email, commits, merges, first, last } = author;
      const span = element("span", { class: "insight-span", title: `${day(first)} to ${day(last)}` }, first.slice(0, 7) === last.slice(0, 7) ? monthOf(last) : `${monthOf(first)} – ${monthOf(last)}`);
      const count = element("span", { class: "insight-count", title: `of these ${plural(merges, "merge")}` }, order === "commits" ? number(commits) : number(author.added + author.deleted));
      return element(
        "li",
        {},
        element("span", { class: "avatar", "data-hue": hue(name), "aria-hidden": "true" }, initials(name)),
        element("a", { class: "insight-name", href: `${repository}?author=${encodeURIComponent(name)}`, title: email }, ...shown(name)),
        count,
        bar(value(author, order) / most),
        element("span", { class: "insight-more" }, lines(author), span),
      );
    },
    nothing: "Nobody committed anything in these days.",
  });

  return {
    /** @param {Figures} figures */
    show(figures) {
      ({ authors, people } = figures);
      list.draw();
    },
    destroy: list.destroy,
  };
}
