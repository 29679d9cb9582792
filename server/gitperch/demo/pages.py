"""The pages of the site."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from gitperch.demo import content, plans
from gitperch.demo.scene import HEIGHT, WIDTH, scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What the name and the lost page are drawn with, before anything is planted.
BRAND = frozenset(("beetroot", "carrot", "apple"))
NAVIGATION = (
    ("plants", "Plants"),
    ("beds", "Beds"),
    ("herbs", "Herb spiral"),
    ("calendar", "Calendar"),
    ("journal", "Journal"),
    ("about", "About"),
)
MONTHS = "JFMAMJJASOND"


def say(state: Mapping[str, int], name: str) -> str:
    """The sentence `name`, in the version of this moment; the first where none is given."""
    return content.texts()[name][state.get(f"text.{name}", 1) - 1]


def entry_numbers(state: Mapping[str, int]) -> list[int]:
    return [at for at in range(len(content.entries())) if state.get(f"entry.{at + 1}")]


def planted(state: Mapping[str, int]) -> list[str]:
    return [name for name in content.plants() if state.get(f"plant.{name}")]


def drawing(name: str, label: str = "") -> str:
    says = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return f'<svg viewBox="0 0 100 120" {says}><use href="plants/{name}.svg#p"/></svg>'


def page(state: Mapping[str, int], here: str, heading: str, body: str, before: str = "") -> str:
    title = say(state, "title")
    links = "".join(
        f'\n      <a href="{name}.html"{" aria-current=page" if name == here else ""}>{label}</a>'
        for name, label in NAVIGATION
        if state.get(f"page.{name}")
    )
    navigation = f"\n    <nav>{links}\n    </nav>" if links else ""
    brand = f"{drawing('beetroot')}\n      " if state.get("css.header") else ""
    top = f'  <header class="top">\n    <a class="name" href="index.html">{brand}{escape(title)}</a>{navigation}\n  </header>\n'
    skip = '  <a class="skip" href="#content">To the content</a>\n' if state.get("css.focus") else ""
    icon = '\n  <link rel="icon" href="favicon.svg">' if state.get("favicon") else ""
    notice = (
        '  <div class="notice">Harvest festival <span>Saturday, from noon, at the long table. Bring a chair and a spoon.</span></div>\n'
        if state.get("notice")
        else ""
    )
    foot = _footer(state) if state.get("css.footer") else ""
    name = f"{escape(heading)} · {escape(title)}" if heading and heading != title else escape(title)
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{name}</title>
  <link rel="stylesheet" href="garden.css">{icon}
</head>
<body>
{skip}{notice}{top}{before}  <main id="content">
{body}  </main>
{foot}</body>
</html>
"""


def _footer(state: Mapping[str, int]) -> str:
    more = (
        ' Kept with <a href="about.html">care</a> by Ada, Joaquim, Mei, Noor and Tomasz.'
        if state.get("page.about")
        else ""
    )
    return f"  <footer>\n    <p>{escape(say(state, 'title'))}, behind platform two.{more}</p>\n  </footer>\n"


def index(state: Mapping[str, int]) -> str:
    headline, tagline = escape(say(state, "headline")), escape(say(state, "tagline"))
    painted = scene(state)
    hero = ""
    body = []
    if painted:
        words = f'<div class="words"><h1>{headline}</h1><p>{tagline}</p></div>'
        hero = (
            f'  <div class="hero">\n    {words}\n    <svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="The garden">'
            + _from_files(painted).replace("/><", "/>\n<")
            + "</svg>\n  </div>\n"
        )
    else:
        body.append(f"    <h1>{headline}</h1>\n    <p>{tagline}</p>\n")
    if state.get("strip"):
        columns = (
            ("The gate is open" if state.get("text.welcome", 1) > 1 else "Visit", "visit"),
            ("Whoever digs, eats", "share"),
            ("Learn with us", "learn"),
        )
        cells = "".join(
            f"      <div><h3>{title}</h3><p>{escape(say(state, name))}</p></div>\n" for title, name in columns
        )
        body.append(f'    <section class="strip">\n{cells}    </section>\n')
    names = planted(state)
    if names:
        shown = (
            names
            if not state.get("page.plants")
            else [name for name in ("tomato", "carrot", "sunflower", "lettuce", *reversed(names)) if name in names]
        )
        shown = list(dict.fromkeys(shown))[: 8 if state.get("page.plants") else 40]
        more = '    <p><a href="plants.html">All the plants</a></p>\n' if state.get("page.plants") else ""
        body.append(f"    <h2>In the ground now</h2>\n{_cards(shown)}{more}")
    numbers = entry_numbers(state)
    if numbers:
        body.append(f"    <h2>From the journal</h2>\n{_entries(numbers[-1:])}")
    return page(state, "index", "", "".join(body), hero)


def _from_files(painted: str) -> str:
    """The picture with its plants taken from their files."""
    pieces = painted.split('<use href="#')
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition('"')
        out.append(f'<use href="plants/{name}.svg#p"{rest}')
    return "".join(out)


def _cards(names: list[str]) -> str:
    cards = []
    for name in names:
        about = content.plants()[name]
        cards.append(
            f'      <li class="card" data-kind="{about["kind"]}">\n        <div class="drawing">{drawing(name)}</div>\n'
            f'        <div class="about"><h3>{about["name"]}'
            f"</h3><em>{about['latin']}</em><p>{escape(about['note'])}"
            "</p></div>\n      </li>\n"
        )
    return f'    <ul class="cards">\n{"".join(cards)}    </ul>\n'


def _entries(numbers: list[int]) -> str:
    rows = []
    for at in numbers:
        entry = content.entries()[at]
        rows.append(
            f'      <li>\n        <div class="drawing">{drawing(entry["plant"])}'
            f'</div>\n        <p class="when">Week {at + 1}, {entry["who"]}'
            "</p>\n"
            f"        <h3>{escape(entry['title'])}</h3>\n        <p>{escape(entry['text'])}</p>\n      </li>\n"
        )
    return f'    <ol class="journal">\n{"".join(rows)}    </ol>\n'


def plants(state: Mapping[str, int]) -> str:
    return page(
        state,
        "plants",
        "Plants",
        f"    <h1>Plants</h1>\n    <p>{escape(say(state, 'plants'))}</p>\n{_cards(planted(state))}",
    )


def journal(state: Mapping[str, int]) -> str:
    rows = _entries(entry_numbers(state)[::-1])
    return page(
        state, "journal", "Journal", f"    <h1>Journal</h1>\n    <p>{escape(say(state, 'journal'))}</p>\n{rows}"
    )


def about(state: Mapping[str, int]) -> str:
    visit = f"    <h2>Visit</h2>\n    <p>{escape(say(state, 'visit'))}</p>\n"
    return page(
        state,
        "about",
        "About",
        f'    <div class="figure">{drawing("apple")}</div>\n    <h1>About</h1>\n    <p>{escape(say(state, "about"))}</p>\n{visit}',
    )


def lost(state: Mapping[str, int]) -> str:
    body = (
        f'    <div class="figure">{drawing("beetroot")}'
        f"</div>\n    <h1>{escape(say(state, 'lost'))}</h1>\n    <p>{escape(say(state, 'lost-help'))}"
        ' <a href="/">To the start</a></p>\n'
    )
    # It is shown at any depth, so its addresses begin at the top.
    return re.sub(r'href="(?![/#])', 'href="/', page(state, "404", "Nothing here", body))


def beds(state: Mapping[str, int]) -> str:
    number = state.get("beds", 9)
    keys = []
    for at, (name, grown) in enumerate(plans.BEDS[:number]):
        here = ", ".join(
            content.plants()[plant]["name"].lower() for plant in grown.split() if state.get(f"plant.{plant}")
        )
        keys.append(f"      <li><b>{at + 1}</b> {escape(name)} <span>{here or 'resting'}</span></li>\n")
    plan = (
        '    <div class="plan" tabindex="0"><svg viewBox="0 0 1000 600" role="img" aria-label="The '
        f'beds from above">{"".join(plans.beds(state, number))}'
        "</svg></div>\n"
    )
    return page(
        state,
        "beds",
        "Beds",
        f'    <h1>Beds</h1>\n    <p>{escape(say(state, "beds"))}</p>\n{plan}    <ol class="keys">\n{"".join(keys)}    </ol>\n',
    )


def calendar(state: Mapping[str, int]) -> str:
    rows = []
    for name in planted(state):
        about = content.plants()[name]
        sow, harvest = _span(*about["months"][:2]), _span(*about["months"][2:])
        cells = "".join(f"<td>{_bar(month, sow, harvest)}</td>" for month in range(1, 13))
        rows.append(f'        <tr><th scope="row">{about["name"]}</th>{cells}</tr>\n')
    head = "".join(f'<th scope="col">{letter}</th>' for letter in MONTHS)
    table = (
        '    <div class="year" tabindex="0"><table>\n        <thead>'
        f"<tr><th></th>{head}</tr></thead>\n        <tbody>\n{''.join(rows)}        </tbody>\n "
        "   </table></div>\n"
    )
    legend = '    <p class="legend"><span><i></i>sow or plant</span><span><i class="harvest"></i>harvest</span></p>\n'
    return page(
        state,
        "calendar",
        "Calendar",
        f"    <h1>Calendar</h1>\n    <p>{escape(say(state, 'calendar'))}</p>\n{legend}{table}",
    )


def _span(first: int, last: int) -> list[int]:
    """The months from `first` to `last`, over the new year if need be."""
    return [(first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1)]


def _bar(month: int, sow: list[int], harvest: list[int]) -> str:
    kinds = [kind for kind, months in (("sow", sow), ("harvest", harvest)) if month in months]
    if not kinds:
        return ""
    months = [m for span in (sow, harvest) if month in span for m in (span[0], span[-1])]
    ends = [end for end, at in (("first", 0), ("last", 1)) if month in months[at::2] and len(kinds) == 1]
    return f'<i class="{" ".join(["both" if len(kinds) == 2 else kinds[0], *ends])}"></i>'


def herbs(state: Mapping[str, int]) -> str:
    svg = plans.spiral()
    steps = (
        "Mark a circle of three metres where the sun stays longest.",
        "Rubble first, for the drains of the upper turn; then sand, then our own soil.",
        "Lay the stones dry, from the outside in, each turn a hand higher.",
        "Thyme and lavender on top, where it is hot and poor; mint at the foot, where the water ends up.",
    )[: state.get("page.herbs", 1) * 2]
    says = "".join(f"<li>{step}</li>" for step in steps)
    body = (
        "    <h1>The herb spiral</h1>\n    <p>Seven climates in three square metres: dry at "
        f'the top, damp at the foot, and a warm side for the basil.</p>\n    <div class="spiral">{svg}'
        f"<ol>{says}</ol></div>\n"
    )
    return page(state, "herbs", "Herb spiral", body)


PAGES: dict[str, Callable[[Mapping[str, int]], str]] = {
    "index": index, "plants": plants, "beds": beds, "calendar": calendar, "journal": journal, "about": about, "herbs": herbs, "404": lost,
}  # fmt: skip
