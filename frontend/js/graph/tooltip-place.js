/** Where a card goes: near what it is about, inside the window, and never over it. */

const GAP = 8; // px between the card and what it is about
const EDGE = 8; // px between the card and the window's border
const LEAST = 120; // px of height worth having

/**
 * @param {{left: number, top: number, right: number, bottom: number}} anchor
 * @param {{width: number, height: number}} size of the card
 * @param {{width: number, height: number}} room
 * @returns {{left: number, top: number, height: number}} `height` is what it may have
 */
export function placed(anchor, size, room) {
  const below = room.height - EDGE - (anchor.bottom + GAP);
  const above = anchor.top - GAP - EDGE;
  const left = Math.max(EDGE, Math.min(anchor.left, room.width - EDGE - size.width));
  if (below >= size.height || (below >= above && below >= LEAST)) return { left, top: anchor.bottom + GAP, height: below };
  if (above >= LEAST) {
    const height = Math.min(size.height, above);
    return { left, top: anchor.top - GAP - height, height: above };
  }
  // A very low window: beside it.
  const right = anchor.right + GAP + size.width <= room.width - EDGE;
  const height = room.height - 2 * EDGE;
  const top = Math.max(EDGE, Math.min(anchor.top, room.height - EDGE - Math.min(size.height, height)));
  return { left: right ? anchor.right + GAP : Math.max(EDGE, anchor.left - GAP - size.width), top, height };
}
