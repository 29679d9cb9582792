"""Script modules are joined so that a page asks once, and mean the same as before."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitperch.pages.assets import frontend_folder
from gitperch.pages.linking import NotLinkable, asks_later, linked, linked_later

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "main.js"


def output(folder: Path, script: str) -> str:
    """What node prints when it runs `script` as a module."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no node to run the joined modules with")
    file = folder / "joined.mjs"
    file.write_text(script)
    return subprocess.run([node, str(file)], capture_output=True, text=True, check=True, timeout=30).stdout


def test_each_module_is_there_once_and_keeps_its_own_names(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        base='/** Told once. */\nconsole.log("base");\nconst hidden = 1;\nexport const one = hidden;\n'
        "export function twice(x) {\n  return 2 * x;\n}\n",
        left='import { one as first } from "./base.js";\nconst hidden = 10;\nexport const left = first + hidden;\n',
        main='import {\n  twice,\n} from "./base.js";\nimport { left } from "./left.js";\n\nconsole.log(twice(left)); // 22\n',
    )
    script = linked(entry)
    assert "Told once" not in script
    assert output(tmp_path, script) == "base\n22\n"


def test_a_text_over_several_lines_keeps_its_blanks(tmp_path: Path) -> None:
    entry = written(tmp_path, main="const text = `a\n  b`;\nif (text) {\n  console.log(text);\n}\n")
    assert output(tmp_path, linked(entry)) == "a\n  b\n"


@pytest.mark.parametrize(
    "text",
    [
        'import * as all from "./base.js";\n',
        'import base from "./base.js";\n',
        "export default 1;\n",
        "export let x = 1;\n",
    ],
)
def test_what_could_mean_something_else_is_refused(tmp_path: Path, text: str) -> None:
    entry = written(tmp_path, base="export const one = 1;\n", main=text)
    with pytest.raises(NotLinkable, match=r"main\.js"):
        linked(entry)


def test_modules_that_need_each_other_are_refused(tmp_path: Path) -> None:
    entry = written(tmp_path, main='import "./other.js";\n', other='import "./main.js";\n')
    with pytest.raises(NotLinkable, match="by way of"):
        linked(entry)


def test_every_page_asks_for_scripts_that_can_be_joined() -> None:
    folder = frontend_folder()
    asked = {
        name
        for page in (folder / "templates").glob("*.html")
        for name in re.findall(r"asset\('([\w/-]+)\.all\.js'\)", page.read_text())
    }
    assert {"js/graph/main", "js/ui/main"} <= asked
    for name in asked:
        script = linked(folder / f"{name}.js")
        # All that it has for others are its own modules, for what it asks for later.
        assert not re.search(r"^(import|export (?!\{ m0))\b", script, re.MULTILINE)


def test_what_comes_later_shares_the_modules_of_what_came_first(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        base="export const kept = [];\n",
        more='import { kept } from "./base.js";\nexport const told = kept.join("+");\n',
        later='import { told } from "./more.js";\n\nexport function tell() {\n  return told;\n}\n',
        main='import { kept } from "./base.js";\n\nkept.push("first");\n'
        'async function go() {\n  const { tell } = await import("./later.js");\n  console.log(tell());\n}\ngo();\n',
    )
    later = tmp_path / "later.js"
    assert asks_later(entry, "later")
    assert not asks_later(entry, "more")
    (tmp_path / "later.after.main.js").write_text(linked_later(later, entry))
    (tmp_path / "main.all.js").write_text(linked(entry))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert "join" not in linked(entry)
    assert output(tmp_path, 'import "./main.all.js";\n') == "first\n"


def test_only_an_entry_asks_for_something_later(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        part='export async function it() {\n  await import("./other.js");\n}\n',
        main='import { it } from "./part.js";\n',
    )
    with pytest.raises(NotLinkable, match=r"part\.js"):
        linked(entry)
