/** What takes the server longer to find out about a commit, fetched when the commit has been looked at for a moment. */

import { getHtml, getJson, isAbort } from "../api.js";
import { element } from "../ui/dom.js";

const LOOK = 200; // ms
const IN_A_LINE = 3; // commits

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

/** @param {string} text */
const said = (text) => element("span", { class: "hint" }, text);

/**
 * @param {HTMLElement} place where there is a line for it
 * @param {AbortSignal} signal
 */
async function relate(place, signal) {
  try {
    const { children = [], more = false } = await getJson(place.dataset.kin ?? "", signal);
    const [name, list] = [place.querySelector("dt"), place.querySelector("dd")];
    const root = place.closest("[data-commit-root]")?.getAttribute("data-commit-root") ?? "";
    if (!name || !list) return;
    name.textContent = children.length > 1 ? "Children" : "Child";
    const links = children.map((/** @type {{oid: string, subject: string}} */ { oid, subject }) =>
      element("a", { class: "oid", href: `${root}/commit/${oid}`, "data-commit": oid, title: subject }, oid.slice(0, 8)),
    );
    const others = links.length > IN_A_LINE ? links.splice(IN_A_LINE - 1) : [];
    list.replaceChildren(...(links.length ? links : [said("none")]));
    if (others.length) list.append(element("details", {}, element("summary", {}, `${others.length} more`), ...others, more ? said("and others") : ""));
  } catch (error) {
    if (!isAbort(error)) place.querySelector("dd")?.replaceChildren(said("not known here")); // no graph yet, or none that has this commit
  }
}
