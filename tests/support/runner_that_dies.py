"""A server's process in which a runner starts an app that was built before; it says the handle, and then waits to be killed.

Arguments: the runner's folder, the log, deployment and repository by number, the command, programs that are to be missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gitperch.config import Config
from gitperch.tasks import Supervisor
from gitperch_preview.contract import Command, Deployment, Recipe
from gitperch_preview.runners.process import ProcessRunner
from support.processes import TestLog, lack


async def main(folder: str, log: str, deployment_id: str, repo_id: str, line: str, *lacking: str) -> None:
    lack(*lacking)
    host: Any = SimpleNamespace(
        tasks=Supervisor(), config=Config(), git=SimpleNamespace(environment={"PATH": os.environ["PATH"]})
    )
    repository: Any = SimpleNamespace(id=int(repo_id))
    deployment = Deployment(int(deployment_id), repository, "main", "", "", "", Recipe("process"), 256 << 20)
    running = await ProcessRunner(host, Path(folder)).start(deployment, TestLog(Path(log)), Command(line, "a test"))
    sys.stdout.write(json.dumps(dict(running.handle)) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(600)


asyncio.run(main(*sys.argv[1:]))
