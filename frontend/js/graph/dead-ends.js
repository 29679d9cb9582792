/** Where there is nothing to draw: why, and the ways out. */

/**
 * @param {object} options
 * @param {ReturnType<typeof import("./notices.js").createNotices>} options.notices
 * @param {ReturnType<typeof import("./view.js").createView>} options.view
 * @param {() => void} options.again open the graph once more
 */
export function createDeadEnds({ notices, view, again }) {
  const whole = { label: "Show the whole history", act: () => view.set(new URLSearchParams()), primary: true };

  return {
    /** The graph is there and has no rows. */
    nothing() {
      const path = view.params.get("path");
      if (view.whole) notices.stop("Nothing here yet", "No branch or tag has a commit.", []);
      else notices.stop(path ? "No commit touches this path" : "No commit fits these filters", path ?? "", [whole]);
    },

    /** @param {string} message the server's */
    refused(message) {
      const retry = { label: "Try again", act: again, primary: view.whole };
      notices.stop("This graph cannot be drawn", message, view.whole ? [retry] : [retry, whole]);
    },
  };
}
