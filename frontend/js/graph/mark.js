/** One commit put aside, to be compared with another. */

import { element } from "../ui/dom.js";

/**
 * @param {object} options
 * @param {HTMLElement} options.place what it is shown over
 * @param {string} options.url of the repository's page
 * @param {() => {oid: string} | undefined} options.current
 * @param {(oid: string) => void} options.onGo
 * @param {(text: string) => void} options.onSay
 */
export function createMark({ place, url, current, onGo, onSay }) {
  let oid = "";
  const which = element("button", { type: "button", class: "mark-oid oid" });
  const compare = element("button", { type: "button", class: "button small primary" }, "Compare");
  const drop = element("button", { type: "button", class: "button small quiet" }, "Unmark");
  const pill = element("div", { class: "graph-mark", role: "group", "aria-label": "Marked to compare", hidden: true }, element("span", {}, "Marked "), which, compare, drop);
  place.append(pill);
  const listeners = new AbortController();
  const { signal } = listeners;
  which.addEventListener("click", () => onGo(oid), { signal });
  compare.addEventListener("click", () => mark.compare(), { signal });
  drop.addEventListener("click", () => mark.clear(), { signal });

  const mark = {
    /** @param {string} next the same one again takes it away */
    set(next) {
      if (next === oid) return void mark.clear();
      oid = next;
      which.textContent = oid.slice(0, 8);
      which.title = oid;
      pill.hidden = false;
      onSay(`Marked ${oid.slice(0, 8)}. Now choose the commit to compare it with.`);
    },

    /** The current commit, or not any more. */
    toggle() {
      const commit = current();
      if (commit) mark.set(commit.oid);
      else onSay("Choose a commit first, with j or a click.");
    },

    /** From the marked one to the current one. */
    compare() {
      const commit = current();
      if (!oid) return onSay("Mark a commit first, with m.");
      if (!commit || commit.oid === oid) return onSay("Choose the commit to compare the marked one with.");
      location.href = `${url}/compare/${oid}...${commit.oid}`;
    },

    /** @returns {boolean} whether there was one */
    clear() {
      if (!oid) return false;
      oid = "";
      pill.hidden = true;
      onSay("No commit is marked any more.");
      return true;
    },

    destroy() {
      listeners.abort();
      pill.remove();
    },
  };
  return mark;
}
