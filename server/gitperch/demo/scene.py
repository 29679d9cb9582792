"""The picture of the garden, 1200 by 480: painted from the sky down to the path, each thing only when it has been added."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from gitperch.demo.shapes import dot, growing, leaf, num, oval, stem, wobble
from gitperch.demo.shapes import tree as grown
from gitperch.demo.visitors import bees, birds, blossom, bunting, butterflies, can, lanterns, pumpkins, scarecrow, snow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WIDTH, HEIGHT = 1200, 480


def sky(_: int) -> str:
    stops = '<stop stop-color="var(--sky-1)"/><stop offset="1" stop-color="var(--sky-2)"/>'
    gradient = f'<linearGradient id="sky" x2="0" y2="1">{stops}</linearGradient>'
    return f'<defs>{gradient}</defs><path d="M0 0h1200v480H0z" fill="url(#sky)"/>'


def stars(version: int) -> str:
    twinkles = []
    for at in range(52 if version > 1 else 36):
        x = wobble("star", at, 10, 1190)
        among_words = 80 < x < 730
        y = wobble("star", at + 99, 146, 206) if among_words else wobble("star", at + 99, 8, 180)
        twinkles.append(dot(x, y, wobble("star", at + 50, 0.7, 2.1), "star"))
    return f'<g class="stars">{"".join(twinkles)}</g>'


def sun(version: int) -> str:
    x, y = (930, 92) if version > 1 else (905, 110)
    return (
        f'<circle cx="{x}" cy="{y}" r="78" fill="var(--sun-glow)" opacity=".35"/>'
        f'<circle cx="{x}" cy="{y}" r="56" fill="var(--sun-glow)" opacity=".5"/>{dot(x, y, 38, "sun-disc")}'
        + (f'<circle cx="{x + 17}" cy="{y - 11}" r="33" fill="var(--moon-shade)"/>' if version > 1 else "")
    )


def clouds(version: int) -> str:
    places = [(792, 58, 0.74), (1088, 74, 0.7), (66, 176, 0.5)][: 1 + version]
    puffs = "M-70 22a26 26 0 0 1 24-38 34 34 0 0 1 62-10 28 28 0 0 1 44 20 20 20 0 0 1 6 28z"
    return "".join(
        f'<g transform="translate({x} {y}) scale({scale})"><path class="cloud" d="{puffs}" fill="var(--cloud)"/></g>'
        for x, y, scale in places
    )


def hills(version: int) -> str:
    near = '<path d="M0 262q150-58 330-22t360-20 510 30v230H0z" fill="var(--hill-2)"/>'
    if version < 2:
        return near
    hedges = "".join(
        oval(
            x,
            236 + wobble("hedge", x, -12, 12),
            wobble("hedge", x + 1, 14, 26),
            wobble("hedge", x + 2, 9, 15),
            0,
            "hill-3",
        )
        for x in (40, 88, 420, 470, 505, 1010, 1060, 1120)
    )
    poplars = "".join(oval(x, 196 + (x % 7) * 3, 7, 28, 0, "hill-3") for x in (610, 632, 652, 668))
    return '<path d="M0 226q190-76 420-20t420-34 360 24v260H0z" fill="var(--hill-1)"/>' + poplars + near + hedges


def meadow(_: int) -> str:
    blades = "".join(
        leaf(
            wobble("grass", at, 0, 1200),
            wobble("grass", at + 200, 318, 330),
            wobble("grass", at + 70, 8, 16),
            1.6,
            -90 + wobble("grass", at + 30, -25, 25),
            "grass-2",
        )
        for at in range(70)
    )
    return f'<path d="M0 312q300-34 600-14t600-8v190H0z" fill="var(--grass)"/>{blades}'


def greenhouse(version: int) -> str:
    panes = "".join(f"M{x} 302V{238 - (abs(x - 280) < 30) * 8}" for x in range(206, 370, 28))
    body = (
        '<path d="M196 304v-62l84-46 84 46v62z" fill="var(--glass)" opacity=".82"/>'
        f'<path d="M196 304v-62l84-46 84 46v62zM196 242h168{panes}M280 196v46" fill="none" stroke="var(--frame)" stroke-width="3.5"'
        ' stroke-linejoin="round"/>'
    )
    inside = (
        growing("tomato", 206, 232, 0.58) + growing("tomato", 306, 232, 0.58) + growing("basil", 262, 246, 0.46)
        if version > 1
        else ""
    )
    return inside + body


def shed(version: int) -> str:
    boards = "".join(f"M{x} 232v80" for x in range(1010, 1120, 13))
    parts = [
        '<path d="M998 314v-84h124v84z" fill="var(--wall)"/>',
        f'<path d="{boards}" stroke="var(--wall-2)" stroke-width="2" fill="none"/>',
        '<path d="M984 236l20-44h112l20 44z" fill="var(--roof)"/><path d="M1068 314v-58h34v58z" fill="var(--door)"/>',
        dot(1096, 287, 2.4, "sun"),
        (
            '<path d="M1014 250h36v30h-36z" fill="var(--window)"/>'
            '<path d="M1032 250v30M1014 265h36" stroke="var(--frame)" stroke-width="3"/>'
        ),
    ]
    if version > 1:
        parts.append('<path d="M1012 284h40v7h-40z" fill="var(--wood)"/>')
        parts += [
            leaf(1016 + at * 6, 284, 11, 3, -90 + wobble("box", at, -30, 30), "leaf")
            + dot(1017 + at * 6, 274, 3.2, ("tomato", "pink", "sun")[at % 3])
            for at in range(6)
        ]
    return "".join(parts)


def fence(_: int) -> str:
    pickets = "".join(
        f"M{x} 338v-34l6-8 6 8v34z" for x in [*range(4, 170, 22), *range(392, 690, 22), *range(836, 980, 22)]
    )
    rails = "M0 312h176v5H0zM388 312h308v5H388zM832 312h152v5H832zM0 328h176v5H0zM388 328h308v5H388zM832 328h152v5H832z"
    return f'<path d="{rails}{pickets}" fill="var(--fence)"/>'


def tree(version: int) -> str:
    fruit = "tomato" if version > 1 else ""
    crown = grown("old apple", fruit, "leaf")
    blossom = (
        "".join(
            dot(50 + wobble("petal", at, -36, 36), 40 + wobble("petal", at + 40, -32, 22), 2.3, "blossom")
            for at in range(34)
        )
        if version > 2
        else ""
    )
    return f'<g transform="translate(712 108) scale(1.95)">{crown}{blossom}</g>'


def swing(_: int) -> str:
    return (
        '<g class="swing"><path d="M770 236v78M794 236v78" stroke="var(--wood)" stroke-width="2.4"/>'
        '<path d="M763 312h38v6h-38z" fill="var(--wood)"/></g>'
    )


def beds(version: int) -> str:
    rows = [
        '<path d="M60 402q150-18 420-8l-14 34q-270-8-424 8z" fill="var(--soil)"/>',
        '<path d="M640 392q240-8 470 8l22 34q-230-14-484-6z" fill="var(--soil)"/>',
    ]
    if version > 1:
        rows.append('<path d="M0 448q600-28 1200 0v32H0z" fill="var(--soil)"/>')
    return "".join(rows)


def path(_: int) -> str:
    stones = "".join(
        oval(
            560 + wobble("stone", at, -20 - at * 2, 20 + at * 2),
            338 + at * 12,
            12 + at * 1.2,
            4 + at * 0.45,
            wobble("stone", at + 9, -10, 10),
            "stone",
        )
        for at in range(12)
    )
    return f'<path d="M540 330q22-4 44 0 18 74 96 150H448q78-76 92-150z" fill="var(--path)"/>{stones}'


def rows(version: int) -> str:
    """The vegetables in the beds; each version plants one row more."""
    back = [
        ("carrot", 74),
        ("onion", 126),
        ("beetroot", 178),
        ("garlic", 230),
        ("carrot", 282),
        ("radish", 334),
        ("onion", 386),
    ]
    right = [
        ("lettuce", 648),
        ("kale", 708),
        ("cabbage", 768),
        ("chard", 828),
        ("lettuce", 888),
        ("kale", 948),
        ("cabbage", 1008),
    ]
    parts = [_above(name, x, 366, 0.62) for name, x in back]
    if version > 1:
        parts += [growing(name, x, 348, 0.62) for name, x in right]
    if version > 2:
        parts += [growing("lavender", x, 398, 0.66) for x in (8, 66, 390, 450)] + [
            growing("marigold", x, 404, 0.62) for x in (136, 316)
        ]
        parts += [growing("thyme", x, 408, 0.58) for x in (206, 262)]
    if version > 3:
        parts += [growing("strawberry", x, 396, 0.68) for x in (654, 716)] + [
            growing("basil", x, 402, 0.62) for x in (790, 850)
        ]
        parts += [growing("sage", x, 400, 0.64) for x in (918, 982)] + [
            growing("mint", x, 400, 0.64) for x in (1050, 1112)
        ]
    return "".join(parts)


def beans(_: int) -> str:
    return "".join(
        stem(x, 372, x + 16, 268, 0, 3, "wood")
        + stem(x + 34, 372, x + 17, 268, 0, 3, "wood")
        + growing("bean", x - 12, 276, 0.82)
        for x in (424, 1096)
    )


def sunflowers(version: int) -> str:
    places = [(6, 236, 1.2), (-30, 262, 1.05), (52, 276, 0.92)][: version + 1]
    return "".join(growing("sunflower", x, y, scale) for x, y, scale in places)


def cosmos(_: int) -> str:
    return growing("cosmos", 1122, 330, 0.9) + growing("cosmos", 1060, 350, 0.7) + growing("tulip", 1010, 348, 0.6)


def pond(_: int) -> str:
    ripples = (
        '<path d="M300 350q20-5 40 0M352 358q16-4 30 0" fill="none" stroke="var(--light)" '
        'stroke-width="2" opacity=".6" stroke-linecap="round"/>'
    )
    reeds = "".join(
        stem(x, 352, x + lean, 310 + lean, 0, 2) + oval(x + lean, 314 + lean, 2.6, 8, lean, "bark")
        for x, lean in ((272, -4), (280, 2), (402, 5))
    )
    return (
        f"{oval(338, 353, 74, 15, 0, 'stone')}{oval(338, 353, 66, 11.5, 0, 'water')}"
        f"{ripples}{oval(366, 350, 9, 3, 0, 'leaf-3')}{oval(310, 355, 7, 2.4, 0, 'leaf')}"
        f"{dot(366, 347, 3, 'pink')}{reeds}"
    )


def _above(name: str, x: float, y: float, scale: float) -> str:
    """A root vegetable sunk into its bed: only what is above the ground."""
    size = f'width="{num(100 * scale)}" height="{num(76 * scale)}"'
    return f'<svg x="{num(x)}" y="{num(y)}" {size} viewBox="0 2 100 76"><use href="#{name}"/></svg>'


ORDER: tuple[Callable[[int], str], ...] = (
    *(
        sky,
        stars,
        sun,
        clouds,
        hills,
        meadow,
        greenhouse,
        shed,
        fence,
        path,
        pond,
        tree,
        swing,
        beds,
        birds,
        sunflowers,
    ),
    *(cosmos, beans, rows, scarecrow, can, pumpkins, bees, butterflies, bunting, lanterns, blossom, snow),
)


def scene(state: Mapping[str, int]) -> str:
    """What is inside the picture's <svg>."""
    return "".join(
        _drawn(draw, state[f"scene.{draw.__name__}"]) for draw in ORDER if state.get(f"scene.{draw.__name__}")
    )


@functools.cache
def _drawn(draw: Callable[[int], str], version: int) -> str:
    return draw(version)
