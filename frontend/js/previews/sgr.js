/** Colours and weights as programs write them (ECMA-48, SGR), drawn as spans with classes; text is text. */

const SEQUENCE = /\x1b\[([0-9;:]*)m/g;

/** @typedef {{colour: string, bold: boolean, dim: boolean, italic: boolean, line: boolean}} Style */

/** @returns {Style} */
const plain = () => ({ colour: "", bold: false, dim: false, italic: false, line: false });

/** Remembers what is set from one piece of text to the next. */
export function createPainter() {
  let style = plain();

  /** @param {string} text the numbers between `ESC [` and `m` */
  function set(text) {
    const codes = text.split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at] ?? 0;
      if (code === 0) style = plain();
      else if (code === 1) style.bold = true;
      else if (code === 2) style.dim = true;
      else if (code === 3) style.italic = true;
      else if (code === 4) style.line = true;
      else if (code === 22) style.bold = style.dim = false;
      else if (code === 23) style.italic = false;
      else if (code === 24) style.line = false;
      else if (code >= 30 && code <= 37) style.colour = String(code - 30);
      else if (code >= 90 && code <= 97) style.colour = String(code - 90);
      else if (code === 39) style.colour = "";
      else if (code === 38 || code === 48) {
        const rich = codes[at + 1] === 2;
        const [red = 0, green = 0, blue = 0] = codes.slice(at + 2, at + 5);
        if (code === 38) style.colour = rich ? nearest(red, green, blue) : ofTable(red);
        at += rich ? 4 : 2;
      }
    }
  }

  /** @param {string} text */
  function piece(text) {
    const { colour, bold, dim, italic, line } = style;
    const names = [colour && `sgr-${colour}`, bold && "sgr-bold", dim && "sgr-dim", italic && "sgr-italic", line && "sgr-line"].filter(Boolean);
    if (!names.length) return document.createTextNode(text);
    const span = document.createElement("span");
    span.className = names.join(" ");
    span.textContent = text;
    return span;
  }

  return {
    /**
     * @param {Node} place
     * @param {string} text without line feeds
     */
    paint(place, text) {
      let from = 0;
      for (const found of text.matchAll(SEQUENCE)) {
        if (found.index > from) place.appendChild(piece(text.slice(from, found.index)));
        set(found[1] ?? "");
        from = found.index + found[0].length;
      }
      if (from < text.length) place.appendChild(piece(text.slice(from)));
    },
  };
}

/**
 * Which of the eight colours is the likest: those that can be read on any ground.
 * @param {number} red 0 to 255, as the others
 * @param {number} green
 * @param {number} blue
 */
function nearest(red, green, blue) {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 48) return "";
  const has = (/** @type {number} */ part) => part > (most + least) / 2;
  return String((has(red) ? 1 : 0) + (has(green) ? 2 : 0) + (has(blue) ? 4 : 0));
}

/** @param {number} number of the table of 256: 16 by name, a cube of 6 × 6 × 6, greys */
function ofTable(number) {
  if (number < 16) return String(number % 8);
  if (number > 231) return "";
  const at = number - 16;
  return nearest(Math.floor(at / 36) * 51, (Math.floor(at / 6) % 6) * 51, (at % 6) * 51);
}
