"""What lies outside a data folder goes with it, once another server starts; and nothing else does."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.runners.process import places, strays
from gitperch_preview.runners.process.cell import Cell, name_of, uids
from gitperch_preview.runners.process.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Places]:
    """The places of a server with a data folder of that name, as they are after its start, where apps have a user of their own."""
    monkeypatch.setattr(places, "ELSEWHERE", tmp_path / "apps")
    (tmp_path / "apps").mkdir(mode=0o711)

    def start(name: str) -> Places:
        folder = tmp_path / name / "process"
        folder.mkdir(parents=True, exist_ok=True)
        made = Places(folder, Cell(name_of(folder.resolve()), own_user=True, bubblewrap=False, groups=None))
        made.prepare()
        asyncio.run(made.tidy())
        return made

    return start


def test_the_apps_of_a_data_folder_that_is_gone_go_and_all_others_stay(
    started: Callable[[str], Places], tmp_path: Path
) -> None:
    gone, other = started("gone"), started("other")
    (gone.deployment(1) / "app").mkdir(parents=True)
    (gone.deployment(1) / "app" / "file").write_text("x")
    (gone.deployment(1) / "app" / "way").symlink_to(other.root)
    foreign = [tmp_path / "apps" / name for name in ("gitperch-0123456789ab", "lost+found", "no note")]
    for folder in foreign:
        folder.mkdir()
    # It says that it is of a folder which is gone; its name says that this is not true.
    (foreign[0] / strays.NOTE).write_text(str(tmp_path / "gone" / "process"))
    (tmp_path / "apps" / "link").symlink_to(gone.root)
    shutil.rmtree(tmp_path / "gone")

    started("third")
    assert not gone.root.exists()
    assert (other.root / "checkouts").is_dir()
    assert all(folder.is_dir() for folder in foreign)
    assert (tmp_path / "apps" / "link").is_symlink()


def test_nothing_goes_from_a_folder_that_others_may_write_to(started: Callable[[str], Places], tmp_path: Path) -> None:
    gone = started("gone")
    shutil.rmtree(tmp_path / "gone")
    (tmp_path / "apps").chmod(0o777)
    assert strays.strays(tmp_path / "apps") == []
    (tmp_path / "apps").chmod(0o711)
    assert strays.strays(tmp_path / "apps") == [gone.root]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can start another user's process"
)
def test_apps_that_still_run_keep_their_files(started: Callable[[str], Places], tmp_path: Path) -> None:
    gone = started("gone")
    shutil.rmtree(tmp_path / "gone")
    uid = uids(gone.root.name)[5]
    app = subprocess.Popen(["setpriv", f"--reuid={uid}", "--clear-groups", "--", "sleep", "300"])
    try:
        until = time.monotonic() + 20
        while Path(f"/proc/{app.pid}").stat().st_uid != uid:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert strays.strays(tmp_path / "apps") == []
    finally:
        app.kill()
        app.wait()
    assert strays.strays(tmp_path / "apps") == [gone.root]
