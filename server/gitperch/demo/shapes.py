"""Plants, drawn by code: each in a box of 100 by 120 with the ground at y = 110. Colours are the site's custom properties."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GROUND = 110


def wobble(seed: str, number: int, low: float, high: float) -> float:
    """A value between `low` and `high` that looks like chance and is always the same."""
    mixed = math.sin(number * 12.9898 + _weight(seed) * 0.7233) * 43758.5453
    return low + (mixed - math.floor(mixed)) * (high - low)


@functools.cache
def _weight(seed: str) -> int:
    return sum(ord(letter) * (at + 1) for at, letter in enumerate(seed))


def num(value: float) -> str:
    """A coordinate in few characters."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if -0.05 < value < 0 else f"{value:.1f}".removesuffix(".0")
    )


def leaf(x: float, y: float, length: float, width: float, angle: float, fill: str = "leaf") -> str:
    """A pointed leaf from (x, y); `angle` in degrees, 0 to the right, -90 up."""
    a, b = num(length * 0.3), num(length * 0.8)
    w, v, end = num(width), num(width * 0.6), num(length)
    return (
        f'<path d="M0 0C{a} -{w} {b} -{v} {end} 0C{b} {v} {a} {w} 0 0z" fill="var(--{fill})"'
        f' transform="translate({num(x)} {num(y)}) rotate({num(angle)})"/>'
    )


def stem(
    x: float, y: float, to_x: float, to_y: float, bend: float = 0, width: float = 2.5, colour: str = "stem"
) -> str:
    middle = f"{num((x + to_x) / 2 + bend)} {num((y + to_y) / 2)}"
    return (
        f'<path d="M{num(x)} {num(y)}Q{middle} {num(to_x)} {num(to_y)}" fill="none" stroke="var(--{colour})"'
        f' stroke-width="{num(width)}" stroke-linecap="round"/>'
    )


def dot(x: float, y: float, radius: float, fill: str) -> str:
    return f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(radius)}" fill="var(--{fill})"/>'


def oval(x: float, y: float, rx: float, ry: float, angle: float, fill: str) -> str:
    return f'<ellipse rx="{num(rx)}" ry="{num(ry)}" fill="var(--{fill})" transform="translate({num(x)} {num(y)}) rotate({num(angle)})"/>'


def root(seed: str, fill: str, shape: str, top: str) -> str:
    """A root in its soil: `shape` long, round or bulb; `top` feathery, broad or blades."""
    parts = ['<path d="M6 78h88v30q-22 7-44 5t-44-3z" fill="var(--soil)"/>']
    parts += [dot(14 + at * 12, wobble(seed, at, 86, 106), wobble(seed, at + 9, 0.8, 1.8), "soil-2") for at in range(7)]
    for at in range(7 if top == "feathery" else 5):
        lean = (at - (3 if top == "feathery" else 2)) * (11 if top == "feathery" else 15)
        x, y = 50 + lean * 0.75, 30 + abs(lean) * 0.42 + wobble(seed, at, -4, 4)
        parts.append(stem(50, 74, x, y, lean * 0.1, 2))
        if top == "feathery":
            parts += [
                leaf(
                    50 + (x - 50) * t,
                    74 + (y - 74) * t,
                    9 - t * 2,
                    2.6,
                    -90 + lean + side * 48,
                    "leaf-2" if at % 2 else "leaf",
                )
                for t in (0.5, 0.68, 0.86, 1)
                for side in (-1, 1)
            ]
        elif top == "broad":
            parts.append(leaf(x - lean * 0.1, y + 16, 26, 9, -90 + lean * 0.9, "leaf-2" if at % 2 else "leaf"))
            parts.append(stem(50, 74, x, y - 4, lean * 0.1, 1.4, fill if fill == "beet" else "stem"))
        else:
            parts.append(leaf(50 + lean * 0.14, 76, 54, 3.6, -90 + lean * 0.62, "leaf-2" if at % 2 else "leaf-3"))
    body = {
        "long": "M39 74c4-5 18-5 22 0 2 12-6 27-11 39-5-12-13-27-11-39z",
        "round": "M32 86c0-10 8-14 18-14s18 4 18 14-9 15-15 17q-2 6-3 9-1-3-3-9c-6-2-15-7-15-17z",
        "bulb": "M46 70c-2 7-15 9-15 20 0 9 9 14 19 14s19-5 19-14c0-11-13-13-15-20z",
    }[shape]
    parts.append(f'<path d="{body}" fill="var(--{fill})"/>')
    parts.append(
        f'<path d="{"M44 84h7M47 91h6M46 99h4" if shape == "long" else "M40 84q-3 5 0 10"}" fill="none"'
        ' stroke="var(--light)" stroke-width="1.6" stroke-linecap="round" opacity=".5"/>'
    )
    return "".join(parts)


def frill(x: float, y: float, length: float, width: float, angle: float, fill: str, curl: float, vein: str) -> str:
    """A broad leaf with a wavy edge and a midrib."""
    steps = 9
    left: list[str] = []
    right: list[str] = []
    for at in range(1, steps + 1):
        t = at / steps
        half = width * math.sin(math.pi * min(t, 0.97) ** 1.5) ** 0.7 + (curl if at % 2 else -curl * 0.4)
        left.append(f"{num(t * length)} {num(-half)}")
        right.insert(0, f"{num(t * length)} {num(half)}")
    outline = "".join(f"S{point} {point}" if not at % 2 else f"T{point}" for at, point in enumerate(left + right))
    place = f'transform="translate({num(x)} {num(y)}) rotate({num(angle)})"'
    rib = (
        f"M3 0H{num(length * 0.86)}M{num(length * 0.4)} 0l{num(width * 0.7)} -{num(width * 0.55)}"
        f"m-{num(width * 0.7)} {num(width * 0.55)}l{num(width * 0.7)} {num(width * 0.55)}"
    )
    return (
        f'<g {place}><path d="M0 0{outline}z" fill="var(--{fill})"/>'
        f'<path d="{rib}" fill="none" stroke="var(--{vein})" stroke-width="1.5" stroke-linecap="round"/></g>'
    )


def rosette(seed: str, fills: str, count: int, curl: float, vein: str = "vein") -> str:
    """A head of broad leaves, from the outside in; `curl` says how frilly."""
    colours, parts = fills.split(), []
    for ring in range(3):
        number = max(count - 2 - ring * 2, 1)
        for at in range(number):
            spread = 66 - ring * 20
            # From both sides to the middle, so that the leaf in front is the upright one.
            turn = (at // 2 if at % 2 else number - 1 - at // 2) / (number - 1) * 2 - 1 if number > 1 else 0
            length = (60 - ring * 9) * wobble(seed, at + ring * 20, 0.92, 1.06) - abs(turn) * 16
            fill = colours[(at + ring) % len(colours)]
            parts.append(
                frill(
                    50 + turn * (10 - ring * 3), 107, length, 15.5 - ring * 1.5, -90 + turn * spread, fill, curl, vein
                )
            )
    return _mound() + "".join(parts)


def vine(seed: str, fill: str, shape: str, count: int) -> str:
    """A plant on a cane with fruit: `shape` round, pod, long or berry."""
    parts = [stem(50, GROUND, 50, 8, 0, 2, "wood"), stem(50, GROUND, 50, 18, 10, 3)]
    for at in range(8):
        y, side = 98.0 - at * 11, 1 if at % 2 else -1
        angle = -90 + side * wobble(seed, at, 55, 82)
        size = 26 - at * 1.2
        parts.append(leaf(50, y, size, size * 0.32, angle, ("leaf", "leaf-2", "leaf-3")[at % 3]))
        parts.append(leaf(50, y - 3, size * 0.6, size * 0.2, angle + side * 38, "leaf-2"))
    for at in range(count):
        side = -1 if at % 2 else 1
        x = 50 + side * wobble(seed, at + 30, 9, 20)
        y = 92 - at * 68 / count + wobble(seed, at + 40, -3, 3)
        parts.append(_fruit(x, y, side, fill, shape))
    return _mound() + "".join(parts)


def _fruit(x: float, y: float, side: int, fill: str, shape: str) -> str:
    if shape == "pod":
        return stem(50, y - 12, x, y - 10, 0, 1) + leaf(x, y - 11, 21, 4.4, 90 - side * 16, fill)
    if shape == "long":
        return (
            stem(50, y - 8, x, y - 8, 0, 1.4)
            + oval(x, y + 2, 4.6, 12, -side * 12, fill)
            + oval(x - 1.4, y, 1, 7, -side * 12, "light")
        )
    radius = 4.2 if shape == "berry" else 7.2
    calyx = "".join(leaf(x, y - radius + 1, radius * 0.9, 1.5, angle, "leaf-3") for angle in (20, 90, 160))
    shine = (
        f'<circle cx="{num(x - radius * 0.3)}" cy="{num(y - radius * 0.2)}" r="{num(radius * 0.22)}'
        '" fill="var(--light)" opacity=".6"/>'
    )
    return stem(50, y - radius - 4, x, y - radius, 0, 1.2) + dot(x, y, radius, fill) + shine + calyx


def bloom(seed: str, petals: int, petal: str, centre: str, height: float) -> str:
    """Daisies of any size: one tall, or three where there is room."""
    heads = (
        [(50, GROUND - height)]
        if height > 80
        else [(50, GROUND - height), (26, GROUND - height * 0.68), (75, GROUND - height * 0.76)]
    )
    parts = []
    for at, (x, y) in enumerate(heads):
        size = 23 if len(heads) == 1 else 15 - at * 1.5
        parts.append(stem(50 + (x - 50) * 0.2, GROUND, x, y, (x - 50) * 0.12 - 3, 3 if len(heads) == 1 else 2.2))
        for number in range(3 if len(heads) == 1 else 2):
            t, side = 0.35 + number * 0.2, 1 if (number + at) % 2 else -1
            parts.append(
                leaf(
                    50 + (x - 50) * t,
                    GROUND + (y - GROUND) * t,
                    22 if len(heads) == 1 else 14,
                    7,
                    -90 + side * 62,
                    "leaf-2",
                )
            )
        for number in range(petals):
            angle = number * 360 / petals + wobble(seed, number, -4, 4)
            parts.append(leaf(x, y, size, size * 0.26, angle, petal))
        parts += [dot(x, y, size * 0.42, centre), dot(x - size * 0.1, y - size * 0.1, size * 0.2, "seed")]
    return _mound() + "".join(parts)


def cup(seed: str, fill: str, other: str) -> str:
    """Tulips and poppies."""
    parts = []
    for at, (x, height) in enumerate(((50, 84), (24, 62), (77, 68))):
        y, colour = GROUND - height, other if at == 1 else fill
        parts.append(stem(50 + (x - 50) * 0.4, GROUND, x, y + 12, (x - 50) * 0.2, 2.4))
        parts.append(
            leaf(
                50 + (x - 50) * 0.45,
                GROUND,
                44 - at * 6,
                5.5,
                -90 + wobble(seed, at, -32, 32),
                "leaf-3" if at else "leaf",
            )
        )
        parts += [leaf(x, y + 15, 25, 8.5, angle, colour) for angle in (-112, -68)]
        parts.append(leaf(x, y + 15, 26, 8, -90, "light-petal"))
    return _mound() + "".join(parts)


def spikes(seed: str, fill: str, count: int) -> str:
    """Lavender and its like: many thin stems with flowers along them."""
    parts = []
    for at in range(count):
        lean = (at - (count - 1) / 2) * 62 / count
        x, y = 50 + lean * 1.25, 22 + abs(lean) * 0.45 + wobble(seed, at, -6, 6)
        parts.append(stem(50 + lean * 0.3, GROUND, x, y, lean * 0.1, 1.5))
        for step in range(6):
            t = step * 5.2
            parts.append(oval(x - lean * 0.016 * t + (1.8 if step % 2 else -1.8), y + t, 2.9, 2.3, lean, fill))
        parts.append(leaf(50 + lean * 0.5, 92, 20, 1.8, -90 + lean * 1.2, "leaf-3"))
    return _mound() + "".join(parts)


def herb(seed: str, fill: str, size: float, flower: str) -> str:
    """A bush of paired leaves; `flower` is a colour, or "" for none."""
    parts = []
    for at in range(5):
        lean = (at - 2) * 15
        x, y = 50 + lean * 1.1, 34 + abs(lean) * 0.55 + wobble(seed, at, -5, 5)
        parts.append(stem(50 + lean * 0.2, GROUND, x, y, lean * 0.16, 1.8))
        for step in range(5):
            t = 0.3 + step * 0.17
            px, py = 50 + lean * 0.2 + (x - 50 - lean * 0.2) * t, GROUND + (y - GROUND) * t
            length = size * (1.15 - t * 0.45)
            parts += [
                leaf(px, py, length, length * 0.34, -90 + lean * 0.5 + side * 58, fill if (at + step) % 2 else "leaf-2")
                for side in (-1, 1)
            ]
        parts.append(leaf(x, y + 2, size * 0.75, size * 0.26, -90 + lean * 0.6, fill))
        if flower:
            parts += [dot(x + side * 3, y - 3 - abs(side) * -2, 2.5, flower) for side in (-1, 0, 1)]
    return _mound() + "".join(parts)


def gourd(seed: str, fill: str, ribs: str) -> str:
    """A pumpkin among its leaves."""
    parts = [
        leaf(20, 104, 30, 13, -150, "leaf-2"),
        leaf(80, 104, 30, 13, -35, "leaf"),
        leaf(70, 92, 24, 10, -62, "leaf-3"),
    ]
    parts.append(stem(14, 108, 86, 108, 0, 2.5))
    for x, rx in ((31, 15), (69, 15), (40, 17), (60, 17)):
        parts.append(oval(x, 88, rx, 22, 0, fill))
    parts.append(oval(50, 88, 13, 23, 0, ribs))
    parts.append('<path d="M47 68q-1-10 5-15l7 3q-5 4-5 12z" fill="var(--stem)"/>')
    parts.append(leaf(30, 66, 22, 9, wobble(seed, 1, -150, -130), "leaf"))
    return _mound() + "".join(parts)


def tree(seed: str, fruit: str, leaves: str = "leaf") -> str:
    """A small tree; `fruit` is a colour or "", `leaves` the colour of its crown."""
    parts = ['<path d="M45 112q3-26 0-46l4 9 3-22 4 23 7-13q-7 22-5 49z" fill="var(--wood)"/>']
    crown = ((50, 34, 26), (30, 46, 19), (70, 46, 20), (40, 24, 17), (62, 22, 17), (50, 54, 18))
    parts += [
        dot(x, y, r, (leaves, "leaf-2", "leaf-3")[at % 3] if leaves == "leaf" else leaves)
        for at, (x, y, r) in enumerate(crown)
    ]
    for at in range(26):
        angle, far = wobble(seed, at, 0, 360), wobble(seed, at + 60, 4, 34)
        x, y = 50 + math.cos(math.radians(angle)) * far * 1.05, 40 + math.sin(math.radians(angle)) * far * 0.75
        parts.append(oval(x, y, 3.4, 1.9, angle, "leaf-2" if at % 2 else "leaf-3"))
        if fruit and at % 3 == 0:
            parts.append(dot(x + 3, y + 2, 3.2, fruit))
    return "".join(parts)


def _mound() -> str:
    return '<path d="M14 112q36-9 72 0z" fill="var(--soil)"/>'


_DRAWERS: dict[str, Callable[..., str]] = {
    drawer.__name__: drawer for drawer in (root, rosette, vine, bloom, cup, spikes, herb, gourd, tree)
}


@functools.cache
def plant(name: str, drawing: str) -> str:
    """The plant by its line in plants.toml: `DRAWER, argument, argument, …`."""
    drawer, *words = (word.strip() for word in drawing.split(","))
    arguments = [float(word) if word.replace(".", "", 1).isdigit() else word for word in words]
    whole = [int(word) if isinstance(word, float) and word.is_integer() else word for word in arguments]
    return _DRAWERS[drawer](name, *whole)


def growing(name: str, x: float, y: float, scale: float) -> str:
    """The plant `name` at a place of a larger picture."""
    return f'<use href="#{name}" transform="translate({num(x)} {num(y)}) scale({scale:.2f})"/>'
