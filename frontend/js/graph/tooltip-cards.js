/** What cards say: of commits and refs what the server draws, of people and lists of refs what the page knows. */

import { ApiError, getHtml } from "../api.js";
import { nameOf } from "./chips.js";
import { element } from "../ui/dom.js";
import { hue, initials } from "./people.js";

const KEPT = 32;
const FRESH = 60_000; // ms that what was told of a ref is believed; a push takes it back at once
const LISTED = 100;

/**
 * @typedef {{kind: "commit", oid: string} | {kind: "ref", name: string} | {kind: "refs", names: string[]} |
 *   {kind: "author", name: string, email: string}} Subject
 */

/**
 * @param {object} options
 * @param {string} options.url of the repository's page
 * @param {(at: string) => void} options.onGo
 * @param {(query: string) => void} options.onSearch
 * @param {(field: string, value: string) => void} options.onFilter
 * @param {(oid: string) => void} options.onMark
 * @param {(oid: string) => string} options.linkTo
 */
export function createCards({ url, onGo, onSearch, onFilter, onMark, linkTo }) {
  /** @type {Map<string, {html: string, at: number}>} */
  const kept = new Map();

  /**
   * @param {string} query
   * @param {AbortSignal} signal
   */
  async function drawn(query, signal) {
    const before = kept.get(query);
    let html = before && performance.now() - before.at < FRESH ? before.html : "";
    if (!html) {
      html = await getHtml(`${url}/card?${query}`, signal);
      kept.delete(query);
      kept.set(query, { html, at: performance.now() });
      if (kept.size > KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
    }
    const card = element("div", { class: "card-drawn" });
    card.innerHTML = html; // our own server's page: escaped there, and the policy runs no inline script
    card.addEventListener("click", (event) => {
      const to = /** @type {Element} */ (event.target).closest("[data-commit]");
      if (!(to instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onGo(to.dataset.commit ?? "");
    });
    return card;
  }

  /**
   * @param {string} label
   * @param {() => void} act
   */
  function action(label, act) {
    const made = element("button", { type: "button", class: "button small" }, label);
    made.addEventListener("click", act);
    return made;
  }

  /** @param {...HTMLElement} made */
  const actions = (...made) => element("p", { class: "card-actions" }, ...made);

  /** @param {{name: string, email: string}} person */
  function authorCard({ name, email }) {
    const head = element(
      "div",
      { class: "card-who" },
      element("span", { class: "avatar large", "data-hue": hue(name), "aria-hidden": "true" }, initials(name)),
      element("p", {}, element("strong", {}, name || "Nobody named"), ...(email ? [element("br"), element("span", { class: "card-quiet" }, email)] : [])),
    );
    const wanted = name || email;
    if (!wanted) return head;
    const search = action("Search their commits", () => onSearch(`author:"${wanted.replaceAll('"', "")}"`));
    return element("div", {}, head, actions(search, action("Show only theirs", () => onFilter("author", wanted))));
  }

  /** @param {string[]} names */
  function refsCard(names) {
    const items = names.slice(0, LISTED).map((name) => {
      const { kind, short, word } = nameOf(name);
      const button = element(
        "button",
        { type: "button", class: "card-ref-button" },
        element("span", { class: `chip chip-${kind}` }, element("span", { class: "visually-hidden" }, `${word} `), element("span", { class: "chip-name" }, short)),
      );
      button.addEventListener("click", () => onGo(name));
      return element("li", {}, button);
    });
    if (names.length > LISTED) items.push(element("li", { class: "card-quiet" }, `${names.length - LISTED} more`));
    return element("ul", { class: "card-refs" }, ...items);
  }

  return {
    /**
     * @param {Subject} subject
     * @param {AbortSignal} signal
     * @returns {Promise<{label: string, card: HTMLElement}>}
     */
    async about(subject, signal) {
      try {
        if (subject.kind === "author") return { label: `Author ${subject.name}`, card: authorCard(subject) };
        if (subject.kind === "refs") return { label: "Refs", card: refsCard(subject.names) };
        if (subject.kind === "commit") {
          const card = await drawn(`commit=${subject.oid}`, signal);
          const copy = element("button", { type: "button", class: "button small", "data-copy": linkTo(subject.oid) }, "Copy link");
          card.append(actions(copy, action("Mark to compare", () => onMark(subject.oid))));
          return { label: `Commit ${subject.oid.slice(0, 8)}`, card };
        }
        const card = await drawn(`ref=${encodeURIComponent(subject.name)}`, signal);
        const { short, word } = nameOf(subject.name);
        card.append(actions(action("Show only this", () => onFilter("ref", subject.name))));
        return { label: `${word} ${short}`, card };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { label: "Problem", card: element("p", { class: "card-quiet" }, error.message) };
      }
    },

    /** Refs have moved. */
    expire() {
      for (const query of [...kept.keys()]) if (query.startsWith("ref=")) kept.delete(query);
    },
  };
}
