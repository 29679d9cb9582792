"""A Vite project as create-vite makes it (template vanilla), and what npm has for it, fetched once from its registry and kept."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from support.engine import CACHE

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

PACKAGE = json.dumps(
    {
        "name": "vite-starter",
        "version": "0.0.0",
        "private": True,
        "type": "module",
        "scripts": {"dev": "vite", "build": "vite build", "preview": "vite preview"},
        "devDependencies": {"vite": "^8.3.4"},
    }
)
INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <link rel="icon" href="data:," />
    <title>Vite + JS</title>
  </head>
  <body>
    <div id="app"></div>
    <script type="module" src="/src/main.js"></script>
  </body>
</html>
"""
COUNTER = """export function setupCounter(element) {
  let counter = 0
  const setCounter = (count) => {
    counter = count
    element.innerHTML = `Count is ${counter}`
  }
  element.addEventListener('click', () => setCounter(counter + 1))
  setCounter(0)
}
"""


def project(title: str) -> dict[str, str | bytes]:
    """Its files, with a page that has `title`."""
    main = f"""import './style.css'
import {{ setupCounter }} from './counter.js'

document.querySelector('#app').innerHTML = `<h1>{title}</h1><button id="counter" type="button"></button>`
setupCounter(document.querySelector('#counter'))
"""
    return {
        "package.json": PACKAGE,
        "index.html": INDEX,
        ".gitignore": "node_modules\ndist\n",
        "src/main.js": main,
        "src/counter.js": COUNTER,
        "src/style.css": "h1 { color: teal; }\n",
    }


def kept() -> tuple[Path | None, str]:
    """The folder with its lock file and npm's cache; or None, and what is missing."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return None, "a Vite project needs node and npm; get them with contrib/test-tools"
    folder = CACHE / f"vite-{hashlib.sha256(PACKAGE.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            (folder / "package.json").write_text(PACKAGE)
            why_not = _fetch(npm, folder)
            if why_not:
                return None, f"Vite cannot be had from npm's registry: {why_not}"
            shutil.rmtree(folder / "node_modules")
            # Whoever the app runs as adds to its copy.
            subprocess.run(["chmod", "-R", "a+rwX", str(folder / "npm")], check=True)
            (folder / "whole").touch()
    return folder, ""


def _fetch(npm: str, folder: Path) -> str:
    """Install into `folder`; "" or what npm says."""
    (folder / "package.json").write_text(PACKAGE)
    command = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"]
    # As anybody has it, without what this user has set.
    command += [f"--userconfig={folder / 'none'}", f"--cache={folder / 'npm'}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=90)
    except subprocess.TimeoutExpired:
        return "no answer in time"
    return (done.stderr.splitlines() or ["?"])[-1] if done.returncode else ""


def lend(server: Server, repo_id: int, folder: Path) -> None:
    """Give a repository's builds what npm has kept."""
    cache = server.data / f"plugins/preview/process/caches/{repo_id}"
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-r", "--preserve=mode", "--reflink=auto", str(folder / "npm"), str(cache)], check=True)
