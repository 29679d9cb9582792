"""What a container is made from: its limits, its place, and the files that are put into it before it starts."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import time
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker import names
from gitperch_preview.runners.docker.images import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitperch_preview.contract import Command, Deployment
    from gitperch_preview.runners.docker.names import Names

PORT = 8080
USER = 1000  # of what is not an image of the repository's own; no image has to know it
WORKSPACE, HOME, CACHES, TOOLS = "/workspace", "/home/preview", "/caches", "/gitperch"
_JOB = f"{TOOLS}/job"
GRACE_SECONDS = 10
_PERIOD = 100_000  # microseconds, of the kernel's CPU accounting
_CACHE_FOLDERS = {
    "npm_config_cache": "npm",
    "npm_config_store_dir": "pnpm",
    "YARN_CACHE_FOLDER": "yarn",
    "YARN_GLOBAL_FOLDER": "yarn-global",
    "BUN_INSTALL_CACHE_DIR": "bun",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "POETRY_CACHE_DIR": "poetry",
    "COREPACK_HOME": "corepack",
}


def limits(memory: int, cpus: float) -> dict[str, int]:
    """Memory without swap, and CPU time, as `POST /containers/create` and `/containers/ID/update` have them."""
    return {"Memory": memory, "MemorySwap": memory, "NanoCpus": int(cpus * 10**9)}


def build_limits(memory: int, cpus: float) -> dict[str, int]:
    """The same as `POST /build` has them."""
    return {"memory": memory, "memswap": memory, "cpuperiod": _PERIOD, "cpuquota": int(cpus * _PERIOD)}


def walled(network: str, memory: int, cpus: float, processes: int) -> dict[str, Any]:
    """The HostConfig of every container: no capabilities, no way to get any, nothing of the host's."""
    return {
        **limits(memory, cpus),
        "NetworkMode": network,
        "PidsLimit": processes,
        "CpuShares": 512,  # half of what the server gets where both want all
        "OomScoreAdj": 500,  # and it goes first where the machine's memory ends
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "Privileged": False,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "2m", "max-file": "2"}},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
    }


def of_base(
    deployment: Deployment, names_: Names, image: str, clone_url: str, host_config: Mapping[str, Any]
) -> dict[str, Any]:
    """A container of the base image, which clones. Nothing here is secret: `docker inspect` shows it."""
    port = deployment.recipe.port or PORT
    plain = {
        "GIT_CLONE_URL": clone_url,
        "GIT_BRANCH": deployment.branch,
        "GIT_COMMIT": deployment.oid,
        "SESSION_BRANCH": deployment.branch,
        "PORT": str(port),
        "HOST": "0.0.0.0",  # noqa: S104 -- of its own network
        "HOME": HOME,
        "WORKSPACE": WORKSPACE,
        "ROOT": deployment.recipe.root,
        "JOB": _JOB,
        "TOLD": "1",
        "LANG": "C.UTF-8",
        "npm_config_update_notifier": "false",
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
        **{variable: f"{CACHES}/{folder}" for variable, folder in _CACHE_FOLDERS.items()},
    }
    caches = {
        "Type": "volume",
        "Source": names_.caches(deployment.repository.id),
        "Target": CACHES,
        "VolumeOptions": {"NoCopy": True, "Labels": names_.labels_of_site(deployment.repository)},
    }
    return {
        "Image": image,
        "User": f"{USER}:{USER}",
        "WorkingDir": "/",
        "Entrypoint": ["/bin/sh", f"{TOOLS}/entrypoint.sh"],
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in plain.items()],
        "Hostname": "preview",
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "Labels": names_.labels(deployment),
        "HostConfig": {**host_config, "Mounts": [caches]},
    }


def of_image(
    deployment: Deployment, names_: Names, port: int, command: Command | None, host_config: Mapping[str, Any]
) -> dict[str, Any]:
    """A container of the repository's own image: as it says, or with `command`. Its environment is all in its configuration."""
    environment = {**_checked(deployment.environment), "PORT": str(port), "HOST": "0.0.0.0"}  # noqa: S104 -- of its own network
    wanted: dict[str, Any] = {
        "Image": names_.image(deployment.id),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Hostname": "preview",
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": dict(host_config),
    }
    if command:
        wanted |= {"Entrypoint": ["/bin/sh", "-c"], "Cmd": [command.line]}
    fits = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    return {**wanted, "Labels": {**names_.labels(deployment), names.FITS: fits}}


def preparing(deployment: Deployment, token: str, made: str) -> bytes:
    """What a new container of the base image gets, as an archive for `/`: the script, folders that are its user's, and its first job.

    That is to clone, install, build and release, then to say the word `made` and be ready for the first command.
    """
    recipe = deployment.recipe
    release = [recipe.release] if recipe.release else []
    with _Packing() as packing:
        packing.folder(TOOLS, 0, 0o755)
        packing.file(f"{TOOLS}/entrypoint.sh", (shipped() / "entrypoint.sh").read_bytes(), 0, 0o555)
        for folder in (_JOB, WORKSPACE, HOME, CACHES):
            packing.folder(folder, USER, 0o700)
        packing.file(f"{_JOB}/token", token.encode(), USER, 0o400)
        packing.file(f"{_JOB}/made", made.encode(), USER, 0o400)
        for command in recipe.commands[:1]:
            packing.file(f"{_JOB}/first", command.line.encode("utf-8", "surrogateescape"), USER, 0o400)
        _job(packing, deployment, {"install": recipe.install, "build": recipe.build, "release": release})
    return packing.done


def starting(deployment: Deployment, command: Command) -> bytes:
    """The job of every later run: to start the app."""
    with _Packing() as packing:
        _job(packing, deployment, {"start": [command]})
    return packing.done


def _job(packing: _Packing, deployment: Deployment, steps: Mapping[str, Sequence[Command]]) -> None:
    exports = "".join(f"export {n}={shlex.quote(v)}\n" for n, v in _checked(deployment.environment).items())
    packing.file(f"{_JOB}/environment", exports.encode("utf-8", "surrogateescape"), USER, 0o400)
    for kind, commands in steps.items():
        for number, command in enumerate(commands, 1):
            name = f"{_JOB}/{kind}.{number:02d}"
            packing.file(name, command.line.encode("utf-8", "surrogateescape"), USER, 0o400)
            packing.file(f"{name}.from", command.source.encode("utf-8", "replace"), USER, 0o400)


def _checked(environment: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in environment.items():
        if not name.isascii() or not name.isidentifier() or "\0" in value:
            raise RunnerError(
                f"The variable {name[:60]!r} cannot be in an environment; change it in the preview's settings."
            )
    return environment


class _Packing:
    """A small archive in memory."""

    def __init__(self) -> None:
        import tarfile  # late, here and below: most servers start no container

        self._buffer = io.BytesIO()
        self._archive = tarfile.open(fileobj=self._buffer, mode="w")  # noqa: SIM115 -- closed in __exit__
        self.done = b""

    def __enter__(self) -> _Packing:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        self.done = self._buffer.getvalue()

    def folder(self, path: str, owner: int, mode: int) -> None:
        self._add(path, owner, mode, None)

    def file(self, path: str, content: bytes, owner: int, mode: int) -> None:
        self._add(path, owner, mode, content)

    def _add(self, path: str, owner: int, mode: int, content: bytes | None) -> None:
        import tarfile

        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.uid = entry.gid = owner
        entry.mode, entry.type = mode, tarfile.DIRTYPE if content is None else tarfile.REGTYPE
        entry.size, entry.mtime = len(content or b""), int(time.time())
        self._archive.addfile(entry, io.BytesIO(content or b""))
