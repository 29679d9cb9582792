/** Names of branches and tags for whoever types one: a list under each field, from the server. */

import { getJson } from "../api.js";

const PAUSE = 120; // ms

/**
 * @param {HTMLFormElement} form with `data-refs`, the address that finds names
 */
export function createPicker(form) {
  const listeners = new AbortController();
  const list = form.querySelector("datalist");
  /** @type {number | undefined} */
  let timer;
  /** @type {AbortController | undefined} */
  let asking;

  /** @param {string} text */
  async function find(text) {
    asking?.abort();
    asking = new AbortController();
    try {
      const { refs = [] } = await getJson(`${form.dataset.refs}?q=${encodeURIComponent(text)}`, asking.signal);
      list?.replaceChildren(
        ...refs.map((/** @type {{name: string}} */ ref) => {
          const option = document.createElement("option");
          option.value = ref.name.replace(/^refs\/(heads|tags)\//, "");
          return option;
        }),
      );
    } catch {
      // then one types the whole name
    }
  }

  for (const kind of ["input", "focusin"]) {
    form.addEventListener(
      kind,
      (event) => {
        if (!(event.target instanceof HTMLInputElement) || !event.target.list) return;
        const { value } = event.target;
        clearTimeout(timer);
        timer = setTimeout(() => void find(kind === "input" ? value : ""), PAUSE);
      },
      { signal: listeners.signal },
    );
  }

  return {
    destroy() {
      clearTimeout(timer);
      asking?.abort();
      listeners.abort();
    },
  };
}
