"""An image is built without what the repository's `.dockerignore` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch_preview.contract import Recipe
from support.yard import SERVES, inside_yard, page

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.engine import Engine
    from support.yard import Yard


def test_what_dockerignore_names_is_not_in_the_image(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(it: Yard) -> None:
        lines = (f"FROM {engine.image}", "WORKDIR /app", "COPY . .", 'CMD ["python3", "app.py"]', "")
        files = {
            "app.py": SERVES,
            "Dockerfile": "\n".join(lines),
            "docs/a.md": "a",
            "docs/b.md": "b",
            "private.key": "k",
        }
        ignored = {".dockerignore": "docs\n!docs/b.md\n*.key\nDockerfile\n.dockerignore\n"}
        deployment, log = await it.push(files | ignored, Recipe("image", dockerfile="Dockerfile"))
        running = await it.up(deployment, log)
        container = str(running.handle["container"])
        assert engine.run(container, "find", ".", "-type", "f").split() == ["./app.py", "./docs/b.md"]
        assert await page(running.upstream, "/docs/b.md") == "b"
        assert "What .dockerignore names is left out" in log.text

    inside_yard(engine, tmp_path, monkeypatch)(test)
