/** Along the edges: to a parent or a child of the current commit, and where there are several, by a little menu. */

import { getJson } from "../api.js";
import { shown } from "../ui/odd.js";
import { element } from "../ui/dom.js";
import { placed } from "./tooltip-place.js";

const DIGITS = 9; // choices that a digit takes
const TALLEST = 360; // px

/** @typedef {{row: number, oid: string, subject: string, author: string}} Kin */

/**
 * @param {object} options
 * @param {HTMLElement} options.root where the menu is put
 * @param {(oid: string) => string} options.url
 * @param {() => {oid: string} | undefined} options.current
 * @param {() => DOMRect | undefined} options.anchor the current row
 * @param {(oid: string) => void} options.onGo
 * @param {(text: string) => void} options.onSay
 * @param {() => void} options.onLeave the focus was in the menu that is gone
 */
export function createKin({ root, url, current, anchor, onGo, onSay, onLeave }) {
  const menu = element("div", { role: "menu", class: "graph-kin", tabindex: -1, hidden: true });
  root.append(menu);
  const listeners = new AbortController();
  const { signal } = listeners;
  /** @type {AbortController | null} */
  let asking = null;

  /** @param {"parents" | "children"} which */
  async function walk(which) {
    hide();
    const from = current();
    if (!from) return onSay("Choose a commit first, with j or a click.");
    const mine = (asking = new AbortController());
    try {
      const answer = await getJson(url(from.oid), mine.signal);
      /** @type {Kin[]} */
      const kin = answer[which] ?? [];
      const [only] = kin;
      if (!only) return onSay(which === "parents" ? "This commit has no parent here." : "This commit has no child here.");
      if (kin.length === 1) return onGo(only.oid);
      show(kin, which, Boolean(answer.more) && which === "children");
    } catch (error) {
      if (!mine.signal.aborted) onSay(error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * @param {Kin[]} kin
   * @param {"parents" | "children"} which
   * @param {boolean} more
   */
  function show(kin, which, more) {
    menu.ariaLabel = which === "parents" ? "Parents" : "Children";
    const items = kin.map(({ oid, subject, author }, nth) =>
      element(
        "button",
        { type: "button", role: "menuitem", tabindex: -1, "data-oid": oid },
        element("kbd", { "aria-hidden": "true" }, nth < DIGITS ? String(nth + 1) : ""),
        element("span", { class: "kin-subject" }, ...shown(subject || "(no message)")),
        element("span", { class: "kin-by" }, author),
      ),
    );
    const title = element("p", { class: "find-heading", role: "presentation" }, `${kin.length}${more ? "+" : ""} ${which}`);
    menu.replaceChildren(title, ...items);
    menu.style.maxHeight = "";
    menu.hidden = false;
    const { width, height } = menu.getBoundingClientRect();
    const size = { width, height: Math.min(TALLEST, height) };
    const at = placed(anchor() ?? root.getBoundingClientRect(), size, { width: innerWidth, height: innerHeight });
    menu.style.left = `${Math.round(at.left)}px`;
    menu.style.top = `${Math.round(at.top)}px`;
    menu.style.maxHeight = `${Math.round(Math.min(TALLEST, at.height))}px`;
    items[0]?.focus({ preventScroll: true });
  }

  function hide() {
    asking?.abort();
    if (menu.hidden) return false;
    const focused = menu.contains(document.activeElement);
    menu.hidden = true;
    if (focused) onLeave();
    return true;
  }

  /** @param {Element | null | undefined} item */
  function take(item) {
    if (!(item instanceof HTMLElement) || !item.dataset.oid) return;
    const { oid } = item.dataset;
    hide();
    onGo(oid);
  }

  menu.addEventListener(
    "keydown",
    (event) => {
      const items = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll('[role="menuitem"]')]);
      const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      const moves = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: items.length - 1 });
      const to = moves[event.key];
      if (to !== undefined) items[(to + items.length) % items.length]?.focus();
      else if (/^[1-9]$/.test(event.key)) take(items[Number(event.key) - 1]);
      else if (event.key === "Escape") hide();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  menu.addEventListener("click", (event) => take(/** @type {Element} */ (event.target).closest('[role="menuitem"]')), { signal });
  menu.addEventListener("focusout", (event) => !(event.relatedTarget instanceof Node && menu.contains(event.relatedTarget)) && !menu.hidden && (menu.hidden = true), { signal });

  return {
    walk,
    hide,

    destroy() {
      asking?.abort();
      listeners.abort();
      menu.remove();
    },
  };
}
