/** Keys of the pages about files, and the list of them that `?` shows. */
import { element } from "../ui/dom.js";

/** @type {[string, string][]} */
const HELP = [
  ["t", "go to a file by a few letters of its path"],
  ["l", "go to a line"],
  ["y", "the address with the commit’s id, which stays"],
  ["b", "from a file to its blame, and back"],
  ["w", "wrap long lines"],
  ["↑ ↓ → ←", "in the tree: up, down, open, close"],
  ["Enter, then ↑ ↓", "in a file: to the numbers of its lines; Space chooses one, Shift more"],
  ["Esc", "let go of the lines; close what is open"],
  ["?", "this list"],
];

/**
 * @param {Record<string, () => void>} actions by key
 */
export function createKeys(actions) {
  const leaving = new AbortController();
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || busy(event.target)) return;
      const action = event.key === "?" ? help : actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    },
    { signal: leaving.signal },
  );
  return { destroy: () => leaving.abort() };
}

/** @param {EventTarget | null} target whether somebody types there, or a dialog is open */
function busy(target) {
  if (document.querySelector("dialog[open]")) return true;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function help() {
  const items = HELP.map(([keys, meaning]) => element("div", {}, element("dt", {}, element("kbd", {}, keys)), element("dd", {}, meaning)));
  const close = element("form", { method: "dialog" }, element("button", { class: "button" }, "Close"));
  const dialog = element("dialog", { class: "dialog keys-help", "aria-labelledby": "keys-help" }, element("h2", { id: "keys-help" }, "Keyboard"), element("dl", {}, ...items), close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
