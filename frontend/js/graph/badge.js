/** The word in the page's head that says whether what is shown is what is. */

const WORDS = {
  connecting: ["", ""],
  live: ["Live", "This page follows every push."],
  lost: ["Connection lost, trying again", "What happens meanwhile is shown when the connection is back."],
  ended: ["No access any more", "Load the page again to see why."],
};
const PATIENCE = 800; // ms; a connection that is back at once was never missed

/** @param {HTMLElement} place */
export function createBadge(place) {
  /** @type {number | undefined} */
  let timer;

  /** @param {keyof typeof WORDS} state */
  function draw(state) {
    const [text, title] = WORDS[state];
    place.dataset.state = state;
    place.textContent = text ?? "";
    place.title = title ?? "";
  }
  place.classList.add("live");

  return {
    /** @param {keyof typeof WORDS} state */
    show(state) {
      clearTimeout(timer);
      if (state === "lost" && place.dataset.state === "live") timer = setTimeout(draw, PATIENCE, state);
      else draw(state);
    },

    destroy() {
      clearTimeout(timer);
    },
  };
}
