"""What a person who installs the wheel gets: all of it, and no top-level name that is not ours."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = {"server": "", "plugins": "", "frontend": "gitperch/frontend/"}


def sources() -> set[str]:
    """Every file that the server is made of, by its name in the wheel."""
    return {
        place + path.relative_to(ROOT / source).as_posix()
        for source, place in PLACES.items()
        for path in (ROOT / source).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_everything_and_nothing_foreign(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert not sources() - names
    ours = {"gitperch", "gitperch_graph", "gitperch_insights", "gitperch_live", "gitperch_preview"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == ours
