"""`contrib/preview/entrypoint.sh` in a container that somebody starts by hand."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.yard import SERVES, inside_yard

if TYPE_CHECKING:
    from support.engine import Engine
    from support.yard import Inside, Yard

SECONDS = 30.0
PLACES_IT = 'printf %s "$SCRIPT" >/entrypoint.sh; chmod 755 /entrypoint.sh; exec /entrypoint.sh "$@"'
SCRIPT = Path(__file__).parents[2] / "contrib" / "preview" / "entrypoint.sh"


@pytest.fixture
def inside(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    return inside_yard(engine, tmp_path, monkeypatch)


@dataclass
class ByHand:
    """A container with the script, in this machine's own network."""

    it: Yard
    environment: dict[str, str] = field(default_factory=dict)
    branch: str = "main"
    id: str = ""

    async def run(self, *command: str, until: str = "-----> Starting") -> str:
        """Start it, and what it has said by its end or when it has come to these words."""
        token = await self.it.house.token()
        given = {
            "GIT_CLONE_URL": f"http://127.0.0.1:{self.it.house.port}/alice/shop.git",
            "GIT_BRANCH": self.branch,
            "GIT_TOKEN": token,
            "PORT": "18080",
        } | self.environment
        wanted = {
            "Image": self.it.engine.image,
            "Entrypoint": ["/bin/sh", "-c", PLACES_IT, "sh"],
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in (given | {"SCRIPT": SCRIPT.read_text()}).items()],
            "HostConfig": {"NetworkMode": "host", "Init": True},
        }
        self.id = (await asyncio.to_thread(self.it.engine.call, "POST", "/containers/create", wanted))[1]["Id"]
        await asyncio.to_thread(self.it.engine.call, "POST", f"/containers/{self.id}/start")
        text, begun = "", time.monotonic()
        while until not in text and time.monotonic() < begun + SECONDS:
            await asyncio.sleep(0.1)
            over = not self.it.engine.inspect(self.id)["State"]["Running"]
            logs = f"/containers/{self.id}/logs?stdout=1&stderr=1"
            said = (await asyncio.to_thread(self.it.engine.call, "GET", logs))[1]
            text = re.sub(rb"[\x00-\x02]\x00\x00\x00....", b"", said, flags=re.DOTALL).decode()
            if over:
                break
        assert token not in text
        return text

    async def git(self, *arguments: str) -> str:
        command = ("git", "-c", "safe.directory=*", "-C", "/workspace", *arguments)
        return (await asyncio.to_thread(self.it.engine.run, self.id, *command)).strip()


def test_a_session_branch_is_made_from_the_branch_where_the_server_has_none(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        deployment, _ = await it.push({"a.txt": "1"})
        hand = ByHand(it, {"SESSION_BRANCH": "try/a-colour"})
        said = await hand.run("sh", "-c", "echo begun; sleep 60", until="begun")
        assert "-----> Cloning main\n" in said
        assert await hand.git("symbolic-ref", "HEAD") == "refs/heads/try/a-colour"
        assert await hand.git("rev-parse", "HEAD") == deployment.oid
        assert await hand.git("config", "branch.try/a-colour.merge") == "refs/heads/try/a-colour"

    inside(test)


def test_a_session_branch_that_the_server_has_is_gone_on_with(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        first, _ = await it.push({"a.txt": "1"})
        session, _ = await it.push({"a.txt": "2"}, branch="try")
        hand = ByHand(it, {"SESSION_BRANCH": "try", "GIT_COMMIT": first.oid, "GIT_DEPTH": "0"})
        await hand.run("sh", "-c", "echo begun; sleep 60", until="begun")
        assert await hand.git("rev-parse", "HEAD") == session.oid
        assert await hand.git("rev-list", "--count", "HEAD") == "2"

    inside(test)


@pytest.mark.parametrize(
    "branch", ["-x", "--upload-pack=touch$IFS/pwned", "a;touch$IFS/pwned", "$(touch${IFS}/pwned)", "ü'\"b"]
)
def test_7_a_branch_may_be_called_what_a_shell_would_run(inside: Inside, branch: str) -> None:
    async def test(it: Yard) -> None:
        deployment, _ = await it.push({"a.txt": "1"}, branch=branch)
        hand = ByHand(it, branch=branch)
        said = await hand.run("sh", "-c", "echo begun; sleep 60", until="begun")
        assert await hand.git("rev-parse", "HEAD") == deployment.oid, said
        assert await hand.git("symbolic-ref", "HEAD") == f"refs/heads/{branch}"
        assert "No such file" in await asyncio.to_thread(it.engine.run, hand.id, "ls", "/pwned")

    inside(test)


def test_commands_are_tried_in_turn_and_the_log_says_which(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        files = {"Procfile": "web: exit 7\n", "package.json": '{"scripts": {"start": "exit 8"}}', "app.py": SERVES}
        await it.push(files)
        said = await ByHand(it, {"HOST": "127.0.0.1", "npm_config_update_notifier": "false"}).run(
            until="the app listens"
        )
        order = ["Starting: exit 7", "status 7 at once", "Starting: npm run start", "status 8 at once"]
        order += ["Starting: python3 app.py", "the app listens"]
        places = [said.find(words) for words in order]
        assert -1 not in places, said
        assert places == sorted(places), said

    inside(test)


def test_dependencies_are_installed_by_lock_file(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        lock = '{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop"}}}'
        await it.push({"package.json": '{"name": "shop"}', "package-lock.json": lock, "index.html": "files"})
        hand = ByHand(it, {"npm_config_update_notifier": "false"})
        said = await hand.run()
        assert "-----> Installing: npm ci" in said, said
        assert "-----> Starting: python3 -m http.server" in said

    inside(test)


def test_14_the_token_is_told_to_the_server_alone_and_to_nothing_that_runs_afterwards(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        await it.push({"a.txt": "1"})
        hand = ByHand(it)
        said = await hand.run(
            "sh", "-c", "echo the environment; env; cat .git/config; echo over; sleep 60", until="over\n"
        )
        assert "the environment\n" in said
        assert "\nGIT_TOKEN" not in said.partition("the environment")[2]
        asked = "GITPERCH_ASKS=http://127.0.0.1:80 GIT_TOKEN=the-token /entrypoint.sh"
        for prompt, answer in {
            "Username for 'http://127.0.0.1:80': ": "preview",
            "Password for 'http://preview@127.0.0.1:80': ": "the-token",
            "Password for 'http://preview@127.0.0.1:8080': ": "",
            "Password for 'http://preview@elsewhere.example': ": "",
            "Password for 'https://preview@127.0.0.1:80': ": "",
        }.items():
            said = await asyncio.to_thread(it.engine.run, hand.id, "sh", "-c", f'{asked} "{prompt}"')
            assert said.strip() == answer, prompt

    inside(test)


def test_a_branch_or_a_commit_that_is_not_there_is_said(inside: Inside) -> None:
    async def test(it: Yard) -> None:
        await it.push({"a.txt": "1"})
        assert "The branch gone could not be cloned." in await ByHand(it, branch="gone").run()
        said = await ByHand(it, {"GIT_COMMIT": "0123456789" * 4}).run()
        assert "The commit 0123456789012345678901234567890123456789 is not on the server any more." in said
        assert "The branch main could not be cloned." in await ByHand(it, {"GIT_TOKEN": "gpt_wrong"}).run()

    inside(test)
