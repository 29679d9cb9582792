"""READMEs of strangers: drawn as their authors meant, and harmless."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitperch.pages import markdown
from gitperch.pages.sanitizer import sanitized

VOID = ("br", "hr", "img")


def render(text: str) -> str:
    return str(markdown.render(text, "/o/n/{}/main/", "docs"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A b\n# A b", '<h1 id="md-a-b">A b</h1>\n<h1 id="md-a-b-1">A b</h1>\n'),
        ("[x](a.md#y)", '<p><a href="/o/n/blob/main/docs/a.md#md-y" rel="nofollow noopener">x</a></p>\n'),
        ("[x](../../../a)", '<p><a href="/o/n/blob/main/a" rel="nofollow noopener">x</a></p>\n'),
        ("[x](/top%20level)", '<p><a href="/o/n/blob/main/top%20level" rel="nofollow noopener">x</a></p>\n'),
        ("![x](i.png)", '<p><img src="/o/n/raw/main/docs/i.png" loading="lazy" alt="x"></p>\n'),
        ("[x](https://e.org/?a=1&b=2)", '<p><a href="https://e.org/?a=1&amp;b=2" rel="nofollow noopener">x</a></p>\n'),
        ("- [x] done\n- [ ] open", "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>\n"),
        (
            '<p align="center"><img width=99 src=a.svg></p>',
            '<p align="center"><img width="99" src="/o/n/raw/main/docs/a.svg" loading="lazy"></p>',
        ),
        ("`<b>` & <b>bold</b>", "<p><code>&lt;b&gt;</code> &amp; <b>bold</b></p>\n"),
        (
            "|a|\n|-:|\n|1|",
            '<table>\n<thead>\n<tr>\n<th align="right">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align="right">1</td>\n</tr>\n</tbody>\n</table>\n',  # noqa: E501 -- one value
        ),
    ],
)
def test_markdown_is_drawn(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<a href='java&#x0a;script:alert(1)'>x</a>",
        "<a href=' javascript:alert(1)'>x</a>",
        "<a href=data:text/html,alert(1)>x</a>",
        "[x](<javascript:alert(1)>)",
        "<iframe src=https://alert.example></iframe>",
        "<form action=/signout><button>alert</button></form>",
        "<p style='position:fixed'>alert</p>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<b onclick=alert(1)//",
        "<base href=https://alert.example>",
        "<meta http-equiv=refresh content='0;url=https://alert.example'>",
        "<input autofocus onfocus=alert(1)>",
    ],
)
def test_nothing_dangerous_comes_through(text: str) -> None:
    seen = Seen()
    seen.feed(render(text))
    seen.close()
    assert seen.tags <= {"p", "a", "b", "img"}
    assert {name for name, _ in seen.attributes} <= {"href", "src", "rel", "loading", "title", "alt"}
    assert all(value.startswith("/o/n/") for name, value in seen.attributes if name in ("href", "src"))


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_an_id_cannot_stand_in_for_an_element_of_the_page() -> None:
    assert 'id="md-main"' in render('<a id="main"></a>')
    assert 'id="md-live"' in render('<a name="live"></a>')


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


PIECES = """<div> </div> <p> </p> <table> </td> <li> </article> </section> <script> </script> <!-- --> <a\thref='x'> </a>
    <svg> </svg> <img\tsrc=y> text < &lt;script&gt; " <details> </main> <b""".split(" ")


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_whatever_is_written_comes_out_balanced(parts: list[str]) -> None:
    html = sanitized("".join(parts), lambda address, _: address, "md-")
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert "<script" not in html
    assert "</main" not in html


def test_the_readme_is_markdown_before_plain_text() -> None:
    assert markdown.readme_of(["readme.txt", "README.md", "README"]) == "README.md"
    assert markdown.readme_of(["Readme.rst", "readme"]) == "readme"
    assert markdown.readme_of(["README.md.bak", "main.py"]) is None
