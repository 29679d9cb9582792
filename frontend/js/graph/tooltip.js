/**
 * A card about what is pointed at: after a rest of the pointer, a long press, or a key. One at a time; it goes with Escape, with
 * scrolling, and when the pointer leaves both it and what it is about.
 */

import { isAbort } from "../api.js";
import { element } from "../ui/dom.js";
import { placed } from "./tooltip-place.js";

const ASK = 200; // ms of rest until the server is asked,
const SHOW = 420; // until the card is shown,
const NEXT = 120; // and until the next one is, while one is shown
const LEAVE = 220; // ms to get from what it is about into the card
const PRESS = 500; // ms of a long press
const MOVE = 8; // px that a finger may move meanwhile

/**
 * @typedef {import("./tooltip-cards.js").Subject} Subject
 * @typedef {{subject: Subject, rect: DOMRect | {left: number, top: number, right: number, bottom: number}}} Target
 */

/**
 * @param {object} options
 * @param {HTMLElement} options.root where the card is put
 * @param {HTMLElement} options.area where pointing means something
 * @param {HTMLElement} options.scroller
 * @param {(event: PointerEvent) => Target | null} options.targetAt
 * @param {ReturnType<typeof import("./tooltip-cards.js").createCards>} options.cards
 * @param {() => void} options.onLeave the focus was in the card that is gone
 */
export function createTooltip({ root, area, scroller, targetAt, cards, onLeave }) {
  const tip = element("div", { class: "graph-tip", role: "dialog", tabindex: -1, hidden: true });
  root.append(tip);
  let about = ""; // what is shown, or on its way
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {(number | undefined)[]} */
  let timers = [];
  /** @type {number | undefined} */
  let leaving;
  let pressed = false;
  let dismissing = false; // the finger is down that took the card away
  let held = { x: 0, y: 0 };
  const listeners = new AbortController();
  const { signal } = listeners;

  function forget() {
    for (const timer of timers) clearTimeout(timer);
    timers = [];
    asking?.abort();
    asking = null;
  }

  function hide() {
    forget();
    clearTimeout(leaving);
    about = "";
    if (tip.hidden) return false;
    const focused = tip.contains(document.activeElement);
    tip.hidden = true;
    tip.replaceChildren();
    if (focused) onLeave();
    return true;
  }

  /**
   * @param {Target} target
   * @param {number} ask ms until the server is asked
   * @param {number} show ms until it is shown
   * @param {boolean} enter whether the focus goes into it
   */
  function begin(target, ask, show, enter) {
    forget();
    clearTimeout(leaving);
    about = JSON.stringify(target.subject);
    const mine = (asking = new AbortController());
    const shown = new Promise((resolve) => timers.push(setTimeout(resolve, show)));
    timers.push(
      setTimeout(async () => {
        try {
          const [{ label, card }] = await Promise.all([cards.about(target.subject, mine.signal), shown]);
          if (!mine.signal.aborted) put(target, label, card, enter);
        } catch (error) {
          if (!isAbort(error)) throw error;
        }
      }, ask),
    );
  }

  /**
   * @param {Target} target
   * @param {string} label
   * @param {HTMLElement} card
   * @param {boolean} enter
   */
  function put(target, label, card, enter) {
    tip.ariaLabel = label;
    tip.replaceChildren(card);
    tip.style.maxHeight = "";
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const at = placed(target.rect, { width, height }, { width: innerWidth, height: innerHeight });
    tip.style.left = `${Math.round(at.left)}px`;
    tip.style.top = `${Math.round(at.top)}px`;
    tip.style.maxHeight = `${Math.round(at.height)}px`;
    if (enter) tip.focus({ preventScroll: true });
  }

  /** The pointer is elsewhere: time to come back, or to get into the card. */
  function leave() {
    if (tip.hidden) return forgetAbout();
    clearTimeout(leaving);
    leaving = setTimeout(() => !tip.contains(document.activeElement) && hide(), LEAVE);
  }

  function forgetAbout() {
    forget();
    about = "";
  }

  /** @param {PointerEvent} event */
  function moved(event) {
    if (event.pointerType === "touch") {
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) > MOVE) cancelPress();
      return;
    }
    if (event.buttons) return forgetAbout();
    const target = targetAt(event);
    if (!target) return leave();
    if (JSON.stringify(target.subject) === about) return clearTimeout(leaving);
    if (!tip.hidden && tip.contains(document.activeElement)) return;
    const swift = !tip.hidden;
    if (swift) leave();
    begin(target, swift ? NEXT : ASK, swift ? NEXT : SHOW, false);
  }

  /** @param {PointerEvent} event */
  function down(event) {
    const dismissed = hide();
    if (event.pointerType !== "touch") return;
    pressed = false;
    dismissing = dismissed;
    held = { x: event.clientX, y: event.clientY };
    const target = targetAt(event);
    if (!target) return;
    begin(target, PRESS, PRESS, false);
    timers.push(setTimeout(() => (pressed = true), PRESS));
  }

  function cancelPress() {
    if (!pressed) forgetAbout();
  }

  area.addEventListener("pointermove", moved, { signal });
  area.addEventListener("pointerdown", down, { signal });
  area.addEventListener("pointerup", cancelPress, { signal });
  area.addEventListener("pointercancel", cancelPress, { signal });
  area.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && leave(), { signal });
  // The finger that is lifted after a long press, or has taken the card away, has not picked anything.
  area.addEventListener(
    "click",
    (event) => {
      if (!pressed && !dismissing) return;
      pressed = dismissing = false;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal, capture: true },
  );
  area.addEventListener("contextmenu", (event) => pressed && event.preventDefault(), { signal });
  scroller.addEventListener("scroll", hide, { signal, passive: true });
  addEventListener("resize", hide, { signal });
  addEventListener("blur", forgetAbout, { signal });
  tip.addEventListener("pointerenter", () => clearTimeout(leaving), { signal });
  tip.addEventListener("pointerleave", leave, { signal });
  // Copying may borrow the focus for a moment.
  const left = () => document.activeElement !== document.body && !tip.contains(document.activeElement) && hide();
  tip.addEventListener("focusout", (event) => event.relatedTarget && setTimeout(left), { signal });
  document.addEventListener("pointerdown", (event) => event.target instanceof Node && !tip.contains(event.target) && !area.contains(event.target) && hide(), { signal });
  // Whatever is done in it leads elsewhere, but for copying.
  tip.addEventListener("click", (event) => /** @type {Element} */ (event.target).closest("a, button:not([data-copy])") && setTimeout(hide), { signal });

  return {
    get shown() {
      return !tip.hidden;
    },

    /** Show one at once, and go into it: by a key.
     * @param {Target} target
     */
    open(target) {
      begin(target, 0, 0, true);
    },

    /** @returns {boolean} whether there was one */
    hide,

    destroy() {
      hide();
      listeners.abort();
      tip.remove();
    },
  };
}
