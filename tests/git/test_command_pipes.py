"""A command whose reader has seen enough, as in `gitperch doctor | head -1`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.server import Server


def test_a_command_ends_quietly_when_nobody_reads_on(server: Server) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "gitperch", "doctor", "--data", str(server.data)]
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, env=server.environment, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
