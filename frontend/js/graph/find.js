/**
 * The one box to find anything: a combobox (ARIA Authoring Practices) over what `offers` has for the text in it.
 * The focus stays in the field; the list is walked by arrows, and what Enter takes is always marked.
 */

import { element } from "../ui/dom.js";

const PATIENCE = 500; // ms that Enter waits for offers

/** @typedef {import("./find-offers.js").Offer} Offer */

/**
 * @param {string} heading
 * @param {string} id
 */
function groupOf(heading, id) {
  if (!heading) return element("ul", { role: "presentation" });
  return element("ul", { role: "group", "aria-labelledby": id }, element("li", { role: "presentation", class: "find-heading", id }, heading));
}

/**
 * @param {object} options
 * @param {HTMLElement} options.box
 * @param {(text: string, caret: number) => Promise<Offer[]>} options.offers
 * @param {(text: string) => void} options.onType what is in the field has changed
 * @param {(text: string) => void} options.onSubmit Enter, where nothing is offered in time
 * @param {() => void} options.onAgain Enter on the search that is shown
 * @param {() => void} options.onLeave Escape: the focus goes back to the rows
 * @param {() => void} options.onClear the cross
 */
export function createFind({ box, offers, onType, onSubmit, onAgain, onLeave, onClear }) {
  const input = /** @type {HTMLInputElement} */ (box.querySelector("input"));
  const popup = /** @type {HTMLElement} */ (box.querySelector(".find-popup"));
  const list = /** @type {HTMLElement} */ (popup.querySelector('[role="listbox"]'));
  const hints = /** @type {HTMLElement} */ (popup.querySelector(".find-hints"));
  const clear = /** @type {HTMLButtonElement} */ (box.querySelector(".find-clear"));
  /** @type {Offer[]} */
  let shown = [];
  let active = -1;
  let drawn = ""; // what was typed when `shown` was
  let kept = ""; // what belongs into the field while nobody types: the search that is shown
  /** @type {Promise<void>} */
  let latest = Promise.resolve();
  let turn = 0;
  const listeners = new AbortController();
  const { signal } = listeners;

  function refresh() {
    const mine = ++turn;
    const { value } = input;
    // The search that is shown stands there, but nobody has typed yet: what else might be wanted?
    const asked = value === kept ? offers("", value.length) : offers(value, input.selectionStart ?? value.length);
    latest = asked.then(
      (found) => {
        if (mine === turn && document.activeElement === input) draw(found, value);
      },
      () => {
        if (mine === turn) say(["The branches and tags could not be loaded. Type on to try again."]);
      },
    );
  }

  /**
   * @param {Offer[]} found
   * @param {string} text that they are for
   */
  function draw(found, text) {
    shown = found;
    drawn = text;
    active = input.value.trim() ? found.findIndex(({ likely }) => likely) : -1;
    /** @type {HTMLElement[]} */
    const groups = [];
    found.forEach((offer, nth) => {
      if (!nth || offer.group !== found[nth - 1]?.group) groups.push(groupOf(offer.group, `find-group-${groups.length}`));
      groups.at(-1)?.append(element("li", { role: "option", id: `find-${nth}`, "data-nth": nth }, ...offer.parts));
    });
    list.replaceChildren(...groups);
    popup.hidden = !found.length;
    input.ariaExpanded = String(!popup.hidden);
    mark();
    list.scrollTop = 0;
  }

  function mark() {
    for (const item of list.querySelectorAll('[role="option"]')) {
      const chosen = Number(/** @type {HTMLElement} */ (item).dataset.nth) === active;
      item.ariaSelected = String(chosen);
      if (chosen) item.scrollIntoView({ block: "nearest" });
    }
    if (active < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `find-${active}`);
  }

  function close() {
    turn++;
    popup.hidden = true;
    input.ariaExpanded = "false";
    input.removeAttribute("aria-activedescendant");
  }

  /** @param {string[]} texts */
  function say(texts) {
    hints.replaceChildren(...texts.map((text) => element("span", {}, text)));
    hints.hidden = !texts.length;
  }

  /** @param {number} nth */
  function take(nth) {
    const offer = shown[nth];
    if (!offer) return;
    if (offer.insert) {
      const { from, to, text } = offer.insert;
      const apart = from === to && /[^\s-]$/.test(input.value.slice(0, from)) ? " " : "";
      input.setRangeText(apart + text, from, to, "end");
      typed();
      return;
    }
    close();
    put(kept);
    offer.pick?.();
  }

  /** Whoever types fast is not taken to what the last letter but one had found; nor is anybody kept waiting for names. */
  async function enter() {
    const text = input.value;
    await Promise.race([latest, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    if (drawn !== text || (active < 0 && text !== kept)) {
      if (!text.trim()) return;
      close();
      put(kept);
      onSubmit(text);
    } else if (active < 0 && text) {
      close();
      onAgain();
    } else {
      take(active);
    }
  }

  /** @param {string} text */
  function put(text) {
    input.value = text;
    clear.hidden = !text;
    box.toggleAttribute("data-filled", text !== "");
  }

  function typed() {
    clear.hidden = !input.value;
    box.toggleAttribute("data-filled", input.value !== "");
    refresh();
    onType(input.value);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })[event.key];
    if (step) {
      if (popup.hidden) refresh();
      else if (shown.length) {
        active = active < 0 && step < 0 ? shown.length - 1 : (active + step + shown.length) % shown.length;
        mark();
      }
    } else if (event.key === "Enter") {
      void enter();
    } else if (event.key === "Escape") {
      escape();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function escape() {
    if (!popup.hidden) close();
    else if (input.value !== kept) put(kept);
    else onLeave();
  }

  input.addEventListener(
    "focus",
    () => {
      refresh();
      if (input.value) input.select();
    },
    { signal },
  );
  input.addEventListener("input", typed, { signal });
  input.addEventListener("keydown", pressed, { signal });
  input.addEventListener(
    "blur",
    () => {
      close();
      put(kept);
    },
    { signal },
  );
  popup.addEventListener("mousedown", (event) => event.preventDefault(), { signal }); // the field keeps the focus
  list.addEventListener(
    "click",
    (event) => {
      const item = /** @type {Element} */ (event.target).closest('[role="option"]');
      if (item instanceof HTMLElement) take(Number(item.dataset.nth));
    },
    { signal },
  );
  clear.addEventListener("mousedown", (event) => event.preventDefault(), { signal });
  clear.addEventListener(
    "click",
    () => {
      kept = "";
      put("");
      onClear();
      if (document.activeElement === input) refresh();
    },
    { signal },
  );

  return {
    focus() {
      input.focus();
      input.select();
    },

    /** What is searched for: it stands in the field.
     * @param {string} query "" for nothing
     */
    keep(query) {
      kept = query;
      if (!popup.hidden) return;
      put(query);
      if (document.activeElement === input) input.select(); // nothing was found: the next letter begins anew

    },

    /** What the server makes of what is being typed.
     * @param {string[]} texts
     */
    say,

    /** What is offered may have changed. */
    expire() {
      if (document.activeElement === input && !popup.hidden) refresh();
    },

    destroy() {
      listeners.abort();
    },
  };
}
