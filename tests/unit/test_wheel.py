"""What a person who installs the wheel gets: all of it, and no top-level name that is not ours."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDED = [
    "gitperch/frontend/templates/graph.html",
    "gitperch/frontend/js/graph/main.js",
    "gitperch/transport/hooks/pre-receive",
    "gitperch/db/migrations/0001_start.sql",
    "gitperch/demo/site/story.txt",
    "gitperch/py.typed",
    "gitperch_preview/plugin.py",
]


def test_the_wheel_holds_everything_and_nothing_foreign(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [name for name in NEEDED if name not in names]
    ours = {"gitperch", "gitperch_graph", "gitperch_live", "gitperch_preview"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == ours
