"""What belongs to others, or vanishes between being listed and being looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitperch_preview.runners.docker.sites import own_container
from gitperch_preview.runners.process.places import bytes_in

if TYPE_CHECKING:
    from pathlib import Path

OWN, OTHER = "a" * 64, "b" * 64
ROOT = "540 539 0:66 / / rw,relatime - overlay overlay rw,upperdir=/var/lib/docker/overlay2/x\n"
NEIGHBOUR = f"612 540 0:70 / /var/lib/docker/containers/{OTHER}/mounts/shm rw - tmpfs shm rw\n"
HOSTS = f"570 540 8:1 /var/lib/docker/containers/{OWN}/hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        pytest.param(ROOT, "", id="no container"),
        pytest.param(NEIGHBOUR + ROOT, "", id="beside an engine"),
        pytest.param(ROOT + NEIGHBOUR + HOSTS, OWN, id="in a container, beside an engine"),
        pytest.param(HOSTS.replace("/var/lib/docker", ""), OWN, id="an engine on a disk of its own"),
    ],
)
def test_a_server_takes_no_container_for_its_own_but_the_one_it_is_in(mounts: str, found: str) -> None:
    assert own_container(lambda: mounts) == found


def test_what_a_folder_takes_that_is_gone_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    assert bytes_in(tmp_path) >= 4096
    assert bytes_in(tmp_path, since=(tmp_path / "file").stat().st_ctime + 1) == 0
    assert bytes_in(tmp_path / "gone") == 0
