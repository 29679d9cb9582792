/** What takes the server longer to find out about a commit, fetched when the commit has been looked at for a moment. */

import { getHtml, getJson, isAbort } from "../api.js";

const LOOK = 200; // ms

/**
 * @param {ParentNode} root with a commit's details in it
 * @returns {{destroy(): void}} ends what is under way
 */
export function createFacts(root) {
  const listeners = new AbortController();
  const timer = setTimeout(() => {
    const about = root.querySelector("[data-about]");
    const kin = root.querySelector("[data-kin]");
    if (about instanceof HTMLElement) void fill(about, listeners.signal);
    if (kin instanceof HTMLElement) void relate(kin, listeners.signal);
  }, LOOK);
  return {
    destroy() {
      clearTimeout(timer);
      listeners.abort();
    },
  };
}

/**
 * @param {HTMLElement} place with a link to the same as a page, which stays where this fails
 * @param {AbortSignal} signal
 */
async function fill(place, signal) {
  try {
    place.innerHTML = await getHtml(place.dataset.about ?? "", signal); // our own server's fragment, escaped there
    judge(place);
  } catch (error) {
    if (!isAbort(error)) place.dataset.failed = "";
  }
}

/**
 * The badge beside the commit's id says no more than the signature bears out.
 * @param {HTMLElement} place where the signature's state has come in
 */
function judge(place) {
  const state = place.querySelector(".signature")?.getAttribute("data-state") ?? "";
  const badge = place.closest("[data-oid]")?.querySelector("[data-signature]");
  const said = { good: "Signature checked", unknown: "Signed, not checked", bad: "Wrong signature" }[state];
  if (!badge || !said) return;
  badge.setAttribute("data-signature", state);
  badge.querySelector("span")?.replaceChildren(said);
}

/**
 * @param {HTMLElement} place
 * @param {AbortSignal} signal
 */
async function relate(place, signal) {
  try {
    const { children = [], more = false } = await getJson(place.dataset.kin ?? "", signal);
    const [name, list] = [place.querySelector("dt"), place.querySelector("dd")];
    const root = place.closest("[data-commit-root]")?.getAttribute("data-commit-root") ?? "";
    if (!name || !list || !children.length) return;
    name.textContent = children.length > 1 ? "Children" : "Child";
    list.replaceChildren(
      ...children.slice(0, 16).map((/** @type {{oid: string, subject: string}} */ child) => {
        const link = document.createElement("a");
        link.className = "oid";
        link.href = `${root}/commit/${child.oid}`;
        link.dataset.commit = child.oid;
        link.title = child.subject;
        link.textContent = child.oid.slice(0, 8);
        return link;
      }),
    );
    if (more || children.length > 16) list.append(more ? "and more" : `and ${children.length - 16} more`);
    place.hidden = false;
  } catch {
    // no graph yet, or none that has this commit: there is nothing to say then
  }
}
