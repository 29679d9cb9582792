"""Drawings of the garden from above: its beds, and the herb spiral."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from gitperch.demo import content
from gitperch.demo.shapes import dot, leaf, num, oval, wobble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BEDS = (
    ("The children's bed", "radish sunflower strawberry"),
    ("Roots", "carrot beetroot onion"),
    ("Tomatoes", "tomato marigold basil"),
    ("Climbers", "bean pea cosmos"),
    ("Leaves", "lettuce chard kale"),
    ("Winter", "cabbage kale garlic"),
    ("Herbs", "sage thyme lavender"),
    ("Sprawlers", "courgette pumpkin mint"),
    ("Flowers", "tulip cosmos sunflower"),
)
SPIRAL = "mint basil mint sage lavender basil thyme sage lavender mint thyme sage lavender thyme lavender"  # from the foot up


def beds(state: Mapping[str, int], number: int) -> Iterator[str]:
    yield (
        '<path d="M500 600V470q0-60-60-60H120M500 470q0-60 60-60h330M500 410V60" fill="none" '
        'stroke="var(--path)" stroke-width="34" stroke-linecap="round" stroke-linejoin="round"/>'
    )
    colours = {
        "root": "leaf-2",
        "leaf": "leaf-3",
        "fruit": "tomato",
        "flower": "sun",
        "herb": "violet-2",
        "tree": "leaf",
    }
    for at, (_, grown) in enumerate(BEDS[:number]):
        x, y = ((60, 52), (60, 222), (60, 446), (270, 52), (270, 222), (566, 52), (566, 222), (566, 446), (774, 222))[
            at
        ]
        width, height = 170, 126
        yield (
            f'<rect x="{x - 6}" y="{y - 6}" width="{width + 12}" height="{height + 12}" rx="10" '
            f'fill="var(--wood)"/><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" '
            'fill="var(--soil)"/>'
        )
        for row, plant in enumerate(grown.split()):
            if not state.get(f"plant.{plant}"):
                continue
            colour = colours[content.plants()[plant]["kind"]]
            yield _row(plant, colour, x + 22, y + 26 + row * 38)
        yield (
            f'<circle cx="{x + width}" cy="{y}" r="15" fill="var(--wood)"/>'
            f'<text x="{x + width}" y="{y + 4.5}" text-anchor="middle">{at + 1}'
            "</text>"
        )
    if state.get("scene.pond"):
        yield (
            f"{oval(372, 500, 86, 52, -8, 'stone')}{oval(372, 500, 74, 42, -8, 'water')}"
            f"{oval(398, 488, 14, 9, 20, 'leaf-3')}{oval(342, 512, 12, 8, 0, 'leaf')}"
            f"{dot(400, 486, 4, 'pink')}"
        )
    if state.get("scene.shed"):
        yield (
            '<rect x="776" y="62" width="166" height="104" rx="4" fill="var(--roof)"/>'
            '<path d="M776 114h166" stroke="var(--wall)" stroke-width="3"/>'
        )
    if state.get("scene.tree"):
        yield "".join(
            dot(
                850 + math.cos(step * 0.9) * 36,
                500 + math.sin(step * 0.9) * 36,
                36,
                ("leaf", "leaf-2", "leaf-3")[step % 3],
            )
            for step in range(7)
        ) + dot(850, 500, 34, "leaf-3")
        yield "".join(
            dot(
                850 + math.cos(step * 2.4) * (14 + step * 3.6),
                500 + math.sin(step * 2.4) * (14 + step * 3.6),
                4.5,
                "tomato",
            )
            for step in range(12)
        )


@functools.cache
def _row(plant: str, colour: str, x: float, y: float) -> str:
    """Six plants from above."""
    parts = []
    for column in range(6):
        turn = wobble(plant, column, 0, 60)
        parts += [
            leaf(x + column * 25, y, 12.5, 4.2, turn + step * 60, "leaf-2" if step % 2 else "leaf-3")
            for step in range(6)
        ]
        parts.append(dot(x + column * 25, y, 3.8, colour))
    return "".join(parts)


def spiral() -> str:
    """The herb spiral, stones and plants from the back to the front."""
    stones, plants_here = [], []
    for at in range(118):
        turn, far = at * 0.158, 252 - at * 1.95
        x, y = 300 + math.cos(turn) * far, 268 + math.sin(turn) * far * 0.7 - at * 0.75
        rx, ry = wobble("spiral", at, 17, 23), wobble("spiral", at + 80, 11, 15)
        stones.append(
            oval(x, y + 5, rx, ry, 0, "bark")
            + oval(x, y, rx, ry, wobble("spiral", at + 40, -14, 14), "stone" if at % 3 else "path")
        )
    for at, name in enumerate(SPIRAL.split()):
        turn, far = 0.9 + at * 1.02, 206 - at * 13.5
        x, y = 300 + math.cos(turn) * far, 262 + math.sin(turn) * far * 0.7 - at * 6
        plants_here.append(
            (y, f'<use href="plants/{name}.svg#p" transform="translate({num(x - 48)} {num(y - 104)}) scale(.96)"/>')
        )
    mound = f"{oval(300, 268, 292, 212, 0, 'soil')}{oval(300, 252, 270, 192, 0, 'soil-2')}"
    return (
        f'<svg viewBox="0 0 600 500" role="img" aria-label="The herb spiral">{mound}'
        f"{''.join(stones)}{''.join(drawn for _, drawn in sorted(plants_here))}"
        "</svg>"
    )
