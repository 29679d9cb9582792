/** What the box offers for what somebody has typed: refs to go to, a commit by its id, the search, and words to narrow it down. */

import { nameOf } from "./chips.js";
import { element } from "../ui/dom.js";
import { KEYS, isGrammar, quoted, tokens } from "./search-grammar.js";

const REFS = 8;
const REFS_AT_FIRST = 5; // while nothing is typed
const NAMES = 6; // authors
const HASH = /^[0-9a-f]{4,64}$/i;
const SURE_HASH = 7; // digits, from which on a hex word is no word

/**
 * @typedef {object} Offer
 * @property {string} group its heading; "" for none
 * @property {(Node | string)[]} parts
 * @property {boolean} [likely] what Enter takes
 * @property {() => void} [pick] goes there
 * @property {{from: number, to: number, text: string}} [insert] completes what was typed instead
 */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./refs.js").createRefs>} options.refs
 * @param {ReturnType<typeof import("./search-recent.js").createRecent>} options.recent
 * @param {() => Iterable<string>} options.authors whoever is at hand
 * @param {(at: string) => void} options.onGo to a ref or oid
 * @param {(query: string) => void} options.onSearch
 */
export function createOffers({ refs, recent, authors, onGo, onSearch }) {
  /**
   * @param {string} text
   * @param {number} caret
   * @returns {Promise<Offer[]>}
   */
  async function offers(text, caret) {
    const typed = text.trim();
    if (!typed) return [...recentOffers(), ...(await refOffers("", REFS_AT_FIRST)), ...KEYS.map(([key, says]) => keyOffer(key, says, caret, caret))];
    const token = tokens(text).find(({ at, end }) => at < caret && caret <= end);
    const searched = searchOffer(typed);
    const completed = token ? await completions(text, token, caret) : [];
    if (isGrammar(typed)) return [searched, ...completed];
    const hash = HASH.test(typed) ? [hashOffer(typed)] : [];
    const named = await refOffers(typed, REFS);
    const first = [...hash, ...named].find(({ likely }) => likely);
    if (first) searched.likely = false;
    return [...hash, ...named, searched, ...completed];
  }

  /** @returns {Offer[]} */
  function recentOffers() {
    return recent.all.map((query) => ({ group: "Recent searches", parts: [element("span", { class: "find-query" }, query)], pick: () => onSearch(query) }));
  }

  /**
   * @param {string} text
   * @param {number} most
   * @returns {Promise<Offer[]>}
   */
  async function refOffers(text, most) {
    const { refs: found, count, more } = await refs.matching(text);
    const all = `${count.toLocaleString("en")}${more ? "+" : ""}`;
    const group = count > most ? `${most} of ${all} branches and tags` : "Branches and tags";
    return found.slice(0, most).map(({ name, oid }) => {
      const { kind, short, word } = nameOf(name);
      const chip = element("span", { class: `chip chip-${kind}` }, element("span", { class: "visually-hidden" }, `${word} `), element("span", { class: "chip-name" }, short));
      const likely = text !== "" && short.toLowerCase().startsWith(text.toLowerCase());
      return { group, parts: [chip, element("span", { class: "oid" }, oid.slice(0, 8))], likely, pick: () => onGo(name) };
    });
  }

  /** @param {string} typed @returns {Offer} */
  function hashOffer(typed) {
    const likely = typed.length >= SURE_HASH && /\d/.test(typed);
    return { group: "", parts: [element("span", { class: "find-line" }, "Go to commit ", element("code", { class: "find-query" }, typed.toLowerCase()))], likely, pick: () => onGo(typed.toLowerCase()) };
  }

  /** @param {string} typed @returns {Offer} */
  function searchOffer(typed) {
    return { group: "", parts: [element("span", { class: "find-line" }, "Search commits for ", element("span", { class: "find-query" }, typed))], likely: true, pick: () => onSearch(typed) };
  }

  /**
   * @param {string} key
   * @param {string} says
   * @param {number} from
   * @param {number} to
   * @returns {Offer}
   */
  function keyOffer(key, says, from, to) {
    const parts = [element("code", { class: "find-key" }, `${key}:`), element("span", { class: "find-says" }, says)];
    return { group: "Narrow a search", parts, insert: { from, to, text: `${key}:` } };
  }

  /**
   * Keys that the word at the caret may become, or values for the key that it has.
   * @param {string} text
   * @param {import("./search-grammar.js").Token} token
   * @param {number} caret
   * @returns {Promise<Offer[]>}
   */
  async function completions(text, token, caret) {
    const from = token.at + (token.not ? 1 : 0);
    if (!token.key) {
      const begun = text.slice(from, caret).toLowerCase();
      return KEYS.filter(([key]) => begun && key.startsWith(begun)).map(([key, says]) => keyOffer(key, says, from, token.end));
    }
    const values = await valuesOf(token.key, token.value);
    return values
      .filter((value) => value.toLowerCase() !== token.value.toLowerCase())
      .map((value) => ({
        group: `Values of ${token.key}:`,
        parts: [element("code", { class: "find-key" }, `${token.key}:`), element("span", { class: "find-query" }, value)],
        insert: { from, to: token.end, text: `${token.key}:${quoted(value)} ` },
      }));
  }

  /**
   * @param {string} key
   * @param {string} begun
   * @returns {Promise<string[]>}
   */
  async function valuesOf(key, begun) {
    const wanted = begun.toLowerCase();
    /** @param {Iterable<string>} all */
    const fitting = (all) => [...new Set(all)].filter((value) => value.toLowerCase().includes(wanted)).slice(0, NAMES);
    if (key === "author") return fitting(authors());
    if (key === "merge") return fitting(["only", "exclude"]);
    if ((key === "after" || key === "before") && !begun) return ["7d", "2w", "3m", "1y"];
    if (key !== "branch" && key !== "tag") return [];
    const kind = key === "branch" ? "heads" : "tags";
    const { refs: found } = await refs.matching(begun);
    return found.map(({ name }) => nameOf(name)).filter((name) => name.kind === kind).map(({ short }) => short).slice(0, NAMES);
  }

  return offers;
}
