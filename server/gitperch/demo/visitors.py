"""What comes and goes in the picture: a scarecrow, bees and birds, and what the seasons bring."""

from __future__ import annotations

from gitperch.demo.shapes import dot, growing, leaf, num, oval, stem, wobble


def scarecrow(_: int) -> str:
    return (
        f"{stem(606, 402, 606, 300, 0, 5, 'wood')}{stem(572, 326, 640, 322, 0, 5, 'wood')}"
        '<path d="M588 322q18-6 36 0l8 48q-26 8-52 0z" fill="var(--cloth)"/>'
        '<path d="M588 322l-20 8 4 12 18-6zM624 322l22 4-3 13-19-5z" fill="var(--cloth)"/>'
        f'{dot(606, 306, 13, "straw")}<path d="M586 299q20-9 40 0l-7-2-4-15q-9-4-18 0l-4 15z" '
        f'fill="var(--bark)"/>{dot(601, 306, 1.5, "bark")}'
        f"{dot(611, 306, 1.5, 'bark')}"
        '<path d="M601 312q5 4 10 0" fill="none" stroke="var(--bark)" stroke-width="1.5" stroke-linecap="round"/>'
    )


def can(_: int) -> str:
    return (
        '<g transform="translate(500 396)"><path d="M0 8h34l-3 34H3z" fill="var(--tin)"/>'
        '<path d="M33 18l22-14 6 3-27 24z" fill="var(--tin)"/>'
        '<path d="M5 10q12-24 25 0" fill="none" stroke="var(--tin)" stroke-width="4"/>'
        '<path d="M52 1l12 7-3 4-12-7z" fill="var(--tin-2)"/>'
        '<path d="M1 16h32v4H1z" fill="var(--tin-2)"/>'
        "</g>"
    )


def bees(_: int) -> str:
    trail = (
        '<path d="M{0} {1}q14-16 26-4t24-8" fill="none" stroke="var(--ink)" stroke-width="1.3" '
        'stroke-dasharray="1 5" stroke-linecap="round" opacity=".55"/>'
    )
    body = (
        '<g class="bee"><ellipse cx="{0}" cy="{1}" rx="6.500" ry="4.500" fill="var(--sun)"/>'
        '<path d="M{2} {3}v8M{4} {3}v8" stroke="var(--bark)" stroke-width="2"/>'
        '<ellipse cx="{0}" cy="{5}" rx="3" ry="4.500" fill="var(--light)" opacity=".8"/>'
        "</g>"
    )
    parts = []
    for x, y in ((96, 392), (346, 300), (888, 384), (670, 372)):
        parts.append(trail.format(x - 52, y + 12) + body.format(x, y, x - 2, y - 4, x + 2, y - 6).replace(".500", ".5"))
    return "".join(parts)


def birds(_: int) -> str:
    flight = "".join(f"M{x} {y}q7-8 13 0 6-8 13 0" for x, y in ((470, 176), (502, 190), (450, 200), (660, 168)))
    # The kingfisher on its perch looks at the pond.
    perch = f"{stem(432, 376, 430, 288, 0, 5, 'wood')}{stem(430, 296, 394, 290, 0, 4, 'wood')}"
    bird = (
        '<path d="M396 290c-8-4-13-12-11-21 2-7 8-11 14-10 6 1 9 6 8 12-1 8-4 14-11 19z" fill="var(--carrot)"/>'
        '<path d="M411 262c7 8 9 18 6 32l-9-9c-6-2-9-9-8-16 1-5 6-8 11-7z" fill="var(--kingfisher)"/>'
        '<path d="M386 262c0-9 8-14 15-12 7 1 10 7 9 13-8 3-16 3-24-1z" fill="var(--kingfisher)"/>'
        '<path d="M387 260l-22 6 21 3z" fill="var(--bark)"/>'
        f"{dot(394, 258, 1.8, 'light')}"
    )
    return f'<path d="{flight}" fill="none" stroke="var(--ink)" stroke-width="2.2" stroke-linecap="round" opacity=".7"/>{perch}{bird}'


def butterflies(_: int) -> str:
    return "".join(
        (
            f'<g class="butterfly" transform="translate({x} {y}) rotate({turn})">{leaf(0, 0, 13, 6, -38, fill)}'
            f"{leaf(0, 0, 10, 5, 28, fill)}{leaf(0, 0, 13, 6, -142, fill)}"
            f'{leaf(0, 0, 10, 5, 152, fill)}<path d="M0-6V7" stroke="var(--bark)" stroke-width="2" '
            'stroke-linecap="round"/></g>'
        )
        for x, y, turn, fill in ((168, 366, 18, "violet-2"), (1004, 352, -14, "sun"), (808, 346, 8, "pink"))
    )


def bunting(_: int) -> str:
    line = '<path d="M0 150q210 70 420 14t400-8 380-26" fill="none" stroke="var(--wood)" stroke-width="2"/>'
    flags = []
    for at in range(27):
        x = 20 + at * 44
        y = 150 + (
            70 * 2 * (x / 420) * (1 - x / 420) + 14 * (x / 420) ** 2
            if x < 420
            else 14 - (x - 420) / 400 * 22 + 34 * ((x - 420) / 400 % 1) * (1 - (x - 420) / 400 % 1)
        )
        flags.append(
            f'<path d="M{x - 11} {num(y)}h24l-12 27z" fill="var(--{("tomato", "sun", "violet-2", "leaf-3", "pink")[at % 5]})"/>'
        )
    return line + "".join(flags)


def pumpkins(_: int) -> str:
    return (
        growing("pumpkin", 470, 372, 0.95)
        + growing("pumpkin", 596, 392, 0.8)
        + growing("pumpkin", 20, 360, 0.9)
        + growing("pumpkin", 1116, 350, 0.85)
    )


def lanterns(_: int) -> str:
    glow = (
        '<circle cx="{0}" cy="{1}" r="26" fill="var(--sun)" opacity=".16"/>'
        '<circle cx="{0}" cy="{1}" r="13" fill="var(--sun)" opacity=".35"/>'
        '<circle cx="{0}" cy="{1}" r="5" fill="var(--light)"/>'
    )
    strings = (
        '<path d="M364 240q170 64 400-30M800 200q100 60 200 34" fill="none" stroke="var(--wood)" stroke-width="1.6"/>'
    )
    lights = "".join(
        glow.format(x, y)
        for x, y in ((420, 262), (490, 270), (562, 263), (634, 247), (704, 229), (850, 225), (905, 238), (960, 239))
    )
    flies = "".join(
        (
            f'<circle class="firefly" cx="{num(wobble("fly", at, 20, 1180))}" cy="{num(wobble("fly", at + 40, 290, 440))}'
            '" r="2.4" fill="var(--sun)"/>'
        )
        for at in range(26)
    )
    return strings + lights + flies


def blossom(_: int) -> str:
    petals = "".join(
        oval(
            wobble("fall", at, 660, 1010),
            wobble("fall", at + 70, 200, 440),
            3.6,
            2.2,
            wobble("fall", at + 20, 0, 180),
            "blossom",
        )
        for at in range(44)
    )
    return (
        f'<g class="petals">{petals}</g>'
        + growing("tulip", 470, 340, 0.7)
        + growing("tulip", 584, 348, 0.7)
        + growing("tulip", 600, 392, 0.86)
        + growing("tulip", 462, 396, 0.86)
    )


def snow(_: int) -> str:
    drifts = (
        '<path d="M0 446q200-24 420-6t420-4 360 0v44H0z" fill="var(--light)"/>'
        '<path d="M984 236l20-44h112l20 44q-16 10-30 2-14 8-30 0-16 10-30 0-16 8-30 0-18 8-32-2z" '
        'fill="var(--light)"/>'
    )
    flakes = "".join(
        dot(
            wobble("flake", at, 0, 1200), wobble("flake", at + 90, 10, 440), wobble("flake", at + 30, 1.4, 3.8), "light"
        )
        for at in range(90)
    )
    cap = '<path d="M196 242l84-46 84 46-6 8-78-42-78 42z" fill="var(--light)"/>'
    return f'{drifts}{cap}<g class="snow">{flakes}</g>'
