/**
 * Where the page is, as the server says it on the element `[data-files]`. Paths and names stand as they do in addresses.
 * @typedef {object} Place
 * @property {HTMLElement} element
 * @property {string} api such as `/api/repos/alice/garden`
 * @property {string} root such as `/alice/garden`
 * @property {string} name the branch, tag or commit of the address
 * @property {string} oid
 * @property {string} path
 * @property {string} kind tree, blob, blame, history
 */

/** @returns {Place} */
export function placeOf() {
  const element = document.querySelector("[data-files]");
  if (!(element instanceof HTMLElement)) throw new Error("The page does not say where it is.");
  const { api = "", root = "", name = "", oid = "", path = "", kind = "" } = element.dataset;
  return { element, api, root, name, oid, path, kind };
}

/**
 * @param {Place} place
 * @param {string} kind
 * @param {string} path
 */
export function addressOf(place, kind, path, name = place.name) {
  return `${place.root}/${kind}/${name}${path ? `/${path}` : ""}`;
}
