/** Which rows will be needed soon: those beyond the view, more of them in the direction in which it moves. */

const LEAST = 12; // rows
const SOON = 250; // ms of scrolling at the present pace
const MOST = 256; // rows

export function createAhead() {
  let [before, at] = [0, 0];

  /**
   * @param {number} top the row at the upper edge
   * @returns {[above: number, below: number]} rows
   */
  return function ahead(top) {
    const now = performance.now();
    const speed = (top - before) / Math.max(8, now - at); // rows a ms
    [before, at] = [top, now];
    const soon = Math.min(MOST, Math.round(Math.abs(speed) * SOON));
    return speed < 0 ? [LEAST + soon, LEAST] : [LEAST, LEAST + soon];
  };
}
