"""The site as files, for one moment of its history.

A moment is a mapping of what there is (`plant.tomato`, `page.beds`, `css.hero`, `scene.pond`, `text.title`, …) to its version.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from gitperch.demo import content, pages, shapes
from gitperch.demo.scene import HEIGHT, WIDTH, scene

if TYPE_CHECKING:
    from collections.abc import Mapping

STYLES = tuple(
    "base header hero strip cards beds calendar journal spiral footer focus motion print bunting redesign".split()
)
THEMES = ("spring", "winter", "festival")
FONTS = {
    "display": ("Georgia, serif", '"Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif'),
    "text": ("sans-serif", 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'),
}
_VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")


def files(state: Mapping[str, int]) -> dict[str, str]:
    """Path → content of every file but the picture that README shows (`picture`)."""
    made = {f"{name}.html": page(state) for name, page in pages.PAGES.items() if state.get(f"page.{name}")}
    made["garden.css"] = stylesheet(state)
    made |= {f"plants/{name}.svg": plant_file(name) for name in _planted(state)}
    made |= {target: content.text(f"files/{name}") for name, target in _plain(state)}
    if state.get("favicon"):
        made["favicon.svg"] = plant_file("carrot" if state["favicon"] == 1 else "sunflower")
    return made


def _planted(state: Mapping[str, int]) -> list[str]:
    """The plants whose drawings some page needs: those that are listed, and those in the picture."""
    pictured = set(re.findall(r'href="#([a-z]+)"', scene(state))) if state.get("page.index") else set()
    journal = {content.entries()[at]["plant"] for at in pages.entry_numbers(state)}
    return [name for name in content.plants() if state.get(f"plant.{name}") or name in pictured | journal | pages.BRAND]


def _plain(state: Mapping[str, int]) -> list[tuple[str, str]]:
    """(file below `site/files`, path in the repository): their versions are files of their own."""
    targets = {
        "readme": "README.md",
        "settings": "gitperch.toml",
        "redirects": "_redirects",
        "contributing": "CONTRIBUTING.md",
        "licence": "LICENCE.txt",
    }
    return [(f"{key}.{state[key]}", target) for key, target in targets.items() if state.get(key)]


@functools.cache
def plant_file(name: str) -> str:
    """One plant as a file that can be looked at by itself; pages show its group `p` in colours of their own."""
    drawing = shapes.plant(name, content.plants()[name]["draw"])
    light = content.palette()["light"]
    colours = "".join(f"--{used}:{light[used]};" for used in sorted(set(_VARIABLE.findall(drawing))))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 108 124"><style>svg{{{colours}}}</style>\n<g id="p">'
        + drawing.replace("/><", "/>\n<")
        + "</g>\n</svg>\n"
    )


def picture(state: Mapping[str, int]) -> str:
    """The garden as one file with fixed colours, for README."""
    inside = scene(state)
    used = sorted(set(re.findall(r'href="#([a-z]+)"', inside)))
    symbols = "".join(f'<g id="{name}">{shapes.plant(name, content.plants()[name]["draw"])}</g>' for name in used)
    light = content.palette()["light"]
    whole = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><defs>{symbols}</defs>{inside}</svg>\n'
    )
    return _VARIABLE.sub(lambda name: light[name[1]], whole).replace("/><", "/>\n<")


def stylesheet(state: Mapping[str, int]) -> str:
    parts = [f":root {{\n  color-scheme: light{' dark' if state.get('css.dark') else ''};\n{_tokens(state)}}}\n"]
    if state.get("css.dark"):
        parts.append(f"@media (prefers-color-scheme: dark) {{\n:root {{\n{_lines(content.palette()['dark'])}}}\n}}\n")
    for theme in THEMES:
        if state.get(f"theme.{theme}"):
            colours = content.palette()[theme]
            parts.append(f":root {{\n{_lines(colours['light'])}}}\n")
            parts.append(f"@media (prefers-color-scheme: dark) {{\n:root {{\n{_lines(colours['dark'])}}}\n}}\n")
    if state.get("theme.night"):
        parts.append(f":root {{\n  color-scheme: dark;\n{_lines(content.palette()['dark'])}}}\n")
    parts += [content.text(f"css/{name}.css") for name in STYLES if state.get(f"css.{name}")]
    return "\n".join(parts)


def _tokens(state: Mapping[str, int]) -> str:
    colours = dict(content.palette()["light"])
    for group, before in content.palette()["first"].items():
        if state.get(f"token.{group}", 1) < 2:
            colours |= before
    fonts = {name: versions[min(state.get(f"font.{name}", 1), 2) - 1] for name, versions in FONTS.items()}
    return _lines(colours | fonts)


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"  --{name}: {value};\n" for name, value in values.items())
