"""What a start leaves in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RESTED = """
import hashlib, json, re, ssl, zlib
from pathlib import Path
import pygit2
from gitperch import memory

def resident():
    return int(re.search(r"Rss: +(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])

before = resident()
memory.rest()
after = resident()
assert after < before - 2000, (before, after)
memory.rest()
# All of it still works: what was let go comes back.
assert hashlib.scrypt(b"a", salt=b"b", n=2, r=8, p=1).hex()[:2]
assert zlib.decompress(zlib.compress(b"a" * 100)) == b"a" * 100
ssl.create_default_context()
folder = Path("there.git")
repository = pygit2.init_repository(folder, bare=True)
assert repository[repository.create_blob(b"hello")].data == b"hello"
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel does not say")
def test_libraries_pages_that_a_start_needed_are_let_go_and_come_back(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESTED], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
