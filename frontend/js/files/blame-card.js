/** The commit of the lines under the pointer, or of the link that has the focus: a card beside them. A tap pins it, with its links. */
import { element } from "../ui/dom.js";
import { absoluteTime } from "../graph/time.js";
import { shown } from "../ui/odd.js";

const PAUSE = 250; // ms

/**
 * @typedef {object} Told
 * @property {import("./blame-cell.js").BlameCommit} commit
 * @property {string} address of the commit
 * @property {string} before the address of blame before the change; "" where the file began
 */

/**
 * @param {HTMLElement} code
 * @param {(line: number) => Told | null} tell
 */
export function createCard(code, tell) {
  const leaving = new AbortController();
  const { signal } = leaving;
  const card = element("div", { class: "blame-card", role: "tooltip", id: "blame-card", hidden: true });
  document.body.append(card);
  let pause = 0;
  /** @type {HTMLElement | null} */
  let over = null;

  /**
   * @param {HTMLElement} cell
   * @param {boolean} pinned
   */
  function show(cell, pinned) {
    const told = tell(Number(cell.parentElement?.id.slice(1)));
    if (!told) return;
    const { commit } = told;
    card.classList.toggle("pinned", pinned);
    card.replaceChildren(
      element("p", { class: "blame-card-subject" }, ...shown(commit.subject || "(no message)")),
      element(
        "p",
        { class: "blame-card-who" },
        element("span", { class: "avatar", "data-hue": commit.hue, "aria-hidden": "true" }, commit.initials),
        element("span", {}, element("strong", {}, commit.author || "Nobody named"), element("span", { class: "hint" }, ` ${commit.email}`)),
      ),
      element("p", { class: "hint" }, `${absoluteTime(commit.time)} · `, element("span", { class: "oid" }, commit.oid.slice(0, 12)), commit.boundary ? " · the history begins here" : ""),
      ...(pinned ? [links(told)] : []),
    );
    card.hidden = false;
    put(cell);
    for (const same of code.querySelectorAll(`.origin[data-oid="${commit.oid}"]`)) same.classList.add("same");
  }

  /** @param {HTMLElement} cell */
  function put(cell) {
    const at = cell.getBoundingClientRect();
    const below = at.bottom + 6;
    const top = below + card.offsetHeight > innerHeight ? at.top - card.offsetHeight - 6 : below;
    card.style.top = `${Math.max(4, top)}px`;
    card.style.left = `${Math.max(8, Math.min(at.left + 8, innerWidth - card.offsetWidth - 8))}px`;
  }

  /** The page also moves by itself, when lines come above: the card goes along. */
  function follow() {
    if (!over || card.hidden) return;
    const at = over.getBoundingClientRect();
    if (over.isConnected && at.bottom > 0 && at.top < innerHeight) put(over);
    else hide();
  }

  function hide() {
    clearTimeout(pause);
    over = null;
    if (card.hidden) return;
    card.hidden = true;
    for (const same of code.querySelectorAll(".origin.same")) same.classList.remove("same");
  }

  /**
   * @param {EventTarget | null} target
   * @param {number} after ms
   */
  function meet(target, after) {
    const cell = target instanceof Element ? target.closest(".origin") : null;
    if (!(cell instanceof HTMLElement) || !cell.dataset.oid) return hide();
    if (over && !card.hidden && over.dataset.oid === cell.dataset.oid) return;
    hide();
    over = cell;
    pause = window.setTimeout(() => show(cell, false), after);
  }

  /** @param {MouseEvent} event */
  function pin(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target || card.contains(target) || target.closest("a")) return;
    const cell = target.closest(".origin");
    hide();
    if (!(cell instanceof HTMLElement) || !cell.dataset.oid) return;
    over = cell;
    show(cell, true);
  }

  const pinned = () => !card.hidden && card.classList.contains("pinned");
  code.addEventListener("pointerover", (event) => event.pointerType !== "touch" && !pinned() && meet(event.target, PAUSE), { signal });
  code.addEventListener("pointerleave", () => pinned() || hide(), { signal });
  document.addEventListener("click", pin, { signal });
  code.addEventListener("focusin", (event) => event.target instanceof Element && event.target.matches(".origin .subject") && !pinned() && meet(event.target, 0), { signal });
  code.addEventListener("focusout", () => pinned() || hide(), { signal });
  window.addEventListener("scroll", follow, { signal, passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide(), { signal });
  return {
    destroy() {
      leaving.abort();
      hide();
      card.remove();
    },
  };
}

/** @param {Told} told */
function links({ address, before }) {
  const made = element("p", { class: "actions" }, element("a", { class: "button small", href: address }, "The commit"));
  if (before) made.append(element("a", { class: "button small", href: before }, "Blame before this change"));
  return made;
}
