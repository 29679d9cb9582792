/** Lines that are chosen: by a click on the number, with Shift up to another, by keyboard; the address has them as `#L10-L20`. */

/** @typedef {{from: number, to: number}} Range */

/**
 * @param {HTMLElement} code
 * @param {ReturnType<typeof import("./chunks.js").createChunks>} chunks
 */
export function createLines(code, chunks) {
  const leaving = new AbortController();
  const { signal } = leaving;
  /** @type {Range | null} */
  let chosen = rangeOf(location.hash);
  let anchor = chosen?.from ?? 1;

  /** @param {Range | null} range */
  function set(range) {
    chosen = range;
    const hash = range ? `#L${range.from}${range.to > range.from ? `-L${range.to}` : ""}` : "";
    history.replaceState(history.state, "", location.pathname + location.search + hash);
    mark(code);
  }

  /** @param {ParentNode} part */
  function mark(part) {
    for (const row of part.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
    if (!chosen) return;
    for (let line = chosen.from; line <= chosen.to; line++) chunks.row(line)?.classList.add("chosen");
  }

  /**
   * @param {number} line
   * @param {boolean} further from where it began up to here
   */
  function choose(line, further) {
    if (!further) anchor = line;
    set({ from: Math.min(anchor, line), to: Math.max(anchor, line) });
  }

  /** @param {number} line */
  async function goTo(line) {
    const row = await chunks.ensure(line);
    if (!row) return;
    row.scrollIntoView({ block: "center" });
    mark(code);
  }

  /** @param {number} line */
  async function focus(line) {
    const row = await chunks.ensure(line);
    const link = row?.querySelector(".number a");
    if (!(link instanceof HTMLElement)) return;
    code.querySelector('.number a[tabindex="0"]')?.setAttribute("tabindex", "-1");
    link.tabIndex = 0;
    link.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  code.addEventListener(
    "click",
    (event) => {
      const line = lineOf(event.target);
      if (!line || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      // A finger has no Shift: the second number ends what the first began.
      const second = event instanceof PointerEvent && event.pointerType === "touch" && chosen?.from === chosen?.to && chosen?.from !== line;
      choose(line, event.shiftKey || (second && !!chosen));
    },
    { signal },
  );
  // Without it the browser selects text up to the other line.
  code.addEventListener("mousedown", (event) => event.shiftKey && lineOf(event.target) && event.preventDefault(), { signal });
  code.addEventListener(
    "keydown",
    (event) => {
      const line = lineOf(event.target);
      if (!line) {
        if (event.key !== "Enter" || event.target !== code) return;
        void focus(firstInView(code) ?? 1);
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const next = Math.max(1, Math.min(chunks.total, line + (event.key === "ArrowDown" ? 1 : -1)));
        void focus(next);
        if (event.shiftKey) choose(next, true);
      } else if (event.key === " ") choose(line, event.shiftKey);
      else if (event.key === "Escape") {
        set(null);
        code.focus({ preventScroll: true });
      } else return;
      event.preventDefault();
    },
    { signal },
  );
  window.addEventListener(
    "hashchange",
    () => {
      chosen = rangeOf(location.hash);
      mark(code);
      if (chosen) void goTo(chosen.from);
    },
    { signal },
  );
  if (chosen) void goTo(chosen.from);

  return {
    mark,
    choose,
    goTo,
    get chosen() {
      return chosen;
    },
    destroy: () => leaving.abort(),
  };
}

/**
 * @param {string} hash
 * @returns {Range | null}
 */
export function rangeOf(hash) {
  const found = /^#L(\d{1,8})(?:-L?(\d{1,8}))?$/.exec(hash);
  if (!found) return null;
  const [one, other] = [Number(found[1]), Number(found[2] ?? found[1])];
  return one > 0 && other > 0 ? { from: Math.min(one, other), to: Math.min(Math.max(one, other), Math.min(one, other) + 100_000) } : null;
}

/** @param {EventTarget | null} target the number of the line whose link this is */
function lineOf(target) {
  const link = target instanceof Element ? target.closest(".number a") : null;
  return link ? Number(link.getAttribute("data-n")) : 0;
}

/** @param {HTMLElement} code the first line that is seen whole */
function firstInView(code) {
  for (const body of code.querySelectorAll("tbody:not([data-absent])")) {
    if (body.getBoundingClientRect().bottom < 0) continue;
    for (const row of body.querySelectorAll("tr")) {
      if (row.getBoundingClientRect().top >= 0) return Number(row.id.slice(1));
    }
  }
  return null;
}
