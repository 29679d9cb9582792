/** States of previews: a shape and a colour (in CSS, by `data-state`), and a word. */

/** @param {string} state */
export const wordOf = (state) => state.charAt(0).toUpperCase() + state.slice(1);

/**
 * Let what is inside of `place` show this state; the rest of it follows when the server has drawn it.
 * @param {HTMLElement} place
 * @param {string} state
 */
export function showState(place, state) {
  place.dataset.state = state;
  const dot = place.querySelector(".dot");
  if (dot instanceof HTMLElement) {
    dot.dataset.state = state;
    if (dot.hasAttribute("aria-label")) {
      dot.setAttribute("aria-label", state);
      dot.title = state;
    }
  }
  const word = place.querySelector("[data-word]");
  if (word) word.textContent = wordOf(state);
}
