"""Every setting: typed, documented, from one loader. Nobody else reads the environment.

A setting comes from, strongest first: a flag of the command, the environment (`GITPERCH_LISTEN`, `GITPERCH_GIT_CHILDREN`, …),
a line in `DATA/gitperch.toml` (`listen = …`, `[git] children = …`), or the default here. Unknown names stop the start.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "GITPERCH_"
LOCK = "server.lock"  # in the data folder: held by the server that works on it, and says its address


class ConfigError(Exception):
    """A setting cannot be used; the sentence names it and says what to do."""


def setting(default: Any, help: str) -> Any:  # noqa: A002 -- reads as argparse does
    return field(default=default, metadata={"help": help})


# Those below have docstrings also because dataclass else makes some up of all their fields, a millisecond of each command.
@dataclass(frozen=True)
class GitSettings:
    """What git may take, and for how long."""

    children: int = setting(
        12, "git processes at once, and a third as many for pushes; further requests wait their turn"
    )
    wait_seconds: float = setting(30.0, "how long a request waits for its turn before it is told to come back")
    push_max_bytes: int = setting(2 << 30, "largest pack a push may bring, in bytes")
    file_max_bytes: int = setting(100 << 20, "largest single file a push may bring; larger ones belong into LFS")
    lfs_max_bytes: int = setting(2 << 30, "largest object of Git LFS, in bytes")
    repository_max_bytes: int = setting(0, "bytes one repository may hold, Git LFS included; 0: no limit")
    request_seconds: float = setting(3600.0, "longest time one clone, fetch or push may take")
    stall_seconds: float = setting(120.0, "a client that sends or takes nothing for so long is let go")
    pack_threads: int = setting(1, "threads of one pack-objects; each needs memory of its own")
    pack_memory: str = setting("64m", "window memory of one pack-objects, in git's notation")
    large_clones: int = setting(1, "large packs computed at once for clones that nothing kept can answer")
    cache_max_bytes: int = setting(2 << 30, "disk that clones may be kept on for the next who ask the same; 0: none")
    cache_hours: float = setting(24.0, "hours that they are kept at most")
    upkeep_memory: int = setting(384, "megabytes that git may use to pack a repository; a larger one is only rolled up")


@dataclass(frozen=True)
class DeliverySettings:
    """How plugins are told."""

    handler_timeout: float = setting(60.0, "seconds a plugin has to handle one event")
    retry_seconds: float = setting(0.5, "pause before the first retry; doubles each time, eight tries in all")
    keep_days: float = setting(30.0, "days that delivered events are kept for pages that catch up")


@dataclass(frozen=True)
class AccountSettings:
    """Sessions and wrong passwords."""

    session_days: float = setting(30.0, "days a browser stays signed in")
    failures: int = setting(10, "wrong passwords from one address or for one name before it has to wait")
    failure_seconds: float = setting(300.0, "how long it has to wait, and how long failures are remembered")


@dataclass(frozen=True)
class PreviewSettings:
    """What previews may take, and for how long."""

    handover_seconds: float = setting(60.0, "how long the signed hand-over from the host to a private preview is valid")
    cookie_hours: float = setting(12.0, "hours that a visitor of a private preview stays let in")
    answer_seconds: float = setting(
        60.0, "seconds that an app has until its answer begins; the rest may take as long as it likes"
    )
    runner: str = setting(
        "",
        "process or docker runs what a branch asks no runner for, else docker builds Dockerfiles;"
        " docker-only: containers, whatever it asks for",
    )
    builds: int = setting(1, "builds at once; further ones wait, those of each repository in turn")
    running: int = setting(5, "previews with an app that run at once; the one idle longest sleeps to make room")
    memory: str = setting("256m", "memory that one app may use, unless its branch says otherwise")
    memory_max: str = setting("512m", "the most that a branch may ask for")
    idle_minutes: float = setting(60.0, "an app without visitors for so long sleeps until the next one; 0: never")
    stop_days: float = setting(14.0, "an app neither pushed to nor visited for so long is stopped; 0: never")
    merged_days: float = setting(2.0, "the same for a branch that is merged into the default branch; 0: never")
    disk_free: str = setting("1g", "disk to keep free: caches and old logs go before a build has less")
    build_seconds: float = setting(900.0, "longest time one build may take")
    start_seconds: float = setting(120.0, "longest time that an app may take to answer after it was started")
    deployments_kept: int = setting(20, "deployments of a branch that are remembered, with their logs")
    push_seconds: float = setting(120.0, "how long a push from a terminal follows its build; 0: not at all")
    log_max_bytes: int = setting(
        1 << 20, "bytes of its log that are kept for each deployment: its beginning and its end"
    )
    build_megabytes: int = setting(512, "megabytes that a build may use, where its app may not use more")
    cpus: float = setting(
        1.0, "processors that one app may use, such as 0.5; without containers, where the kernel lets it be limited"
    )
    processes: int = setting(256, "processes and threads that one app may have")
    docker: str = setting(
        "unix:///var/run/docker.sock", "the Docker engine, unix:///PATH or tcp://HOST:PORT; empty: none"
    )
    image: str = setting(
        "gitperch-preview-base", "image for apps without a Dockerfile; this one is built when it is needed"
    )
    networks: str = setting(
        "10.213.0.0/16", "where the networks of containers get their addresses; empty: from Docker's own"
    )
    clone_url: str = setting(
        "", "http(s)://HOST[:PORT] where containers clone from; default a door of their network's own"
    )

    @property
    def memory_bytes(self) -> int:
        return size("previews.memory", self.memory)

    @property
    def memory_max_bytes(self) -> int:
        return size("previews.memory_max", self.memory_max)

    @property
    def disk_free_bytes(self) -> int:
        return size("previews.disk_free", self.disk_free)


@dataclass(frozen=True)
class SshSettings:
    """Git over SSH."""

    enabled: bool = setting(False, "serve git over SSH too")
    listen: str = setting("0.0.0.0:2222", "HOST:PORT to listen on for SSH")
    address: str = setting("", "HOST[:PORT] people use for SSH; default the base URL's host and the port of ssh.listen")
    connections: int = setting(100, "SSH connections at once; further ones are turned away")
    connections_per_address: int = setting(20, "how many of them one address may have")
    login_seconds: float = setting(30.0, "time that a client has to show its key")
    idle_seconds: float = setting(600.0, "an SSH connection on which nothing moves for so long is ended")


@dataclass(frozen=True)
class Config:
    """All of it."""

    data: Path = setting(Path("data"), "the folder with everything that has to be kept")
    listen: str = setting("127.0.0.1:8000", "HOST:PORT to listen on")
    base_url: str = setting("", "the address people use; default http://localhost:PORT")
    preview_domain: str = setting("", "previews are at BRANCH-SITE.DOMAIN; default the base URL's host")
    trusted_proxies: tuple[str, ...] = setting((), "addresses whose X-Forwarded-For and -Proto are believed")
    proxy_socket: str = setting("", "PATH of a Unix socket for a proxy on this machine, which is believed as those are")
    secret_key_file: str = setting(
        "",
        "file with the key that settings of previews are sealed with; default DATA/vault.key, made when it is needed",
    )
    demo: bool = setting(False, "make the demo repositories demo/garden and demo/birdhouse at the first start")
    git: GitSettings = field(default_factory=GitSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    accounts: AccountSettings = field(default_factory=AccountSettings)
    previews: PreviewSettings = field(default_factory=PreviewSettings)
    ssh: SshSettings = field(default_factory=SshSettings)

    @property
    def listen_address(self) -> tuple[str, int]:
        return _host_port("listen", self.listen)

    @property
    def ssh_listen_address(self) -> tuple[str, int]:
        return _host_port("ssh.listen", self.ssh.listen)

    @property
    def host_name(self) -> str:
        """The host of `base_url`, without its port."""
        return urlsplit(self.base_url).hostname or "localhost"

    def preview_url(self, label: str) -> str:
        """The address of the preview whose host name is `label` below the preview domain."""
        url = urlsplit(self.base_url)
        port = f":{url.port}" if url.port else ""
        return f"{url.scheme}://{label}.{self.preview_domain}{port}/"

    def ssh_url(self, full_name: str) -> str:
        """The address of the repository `full_name` for git over SSH; in scp's short form where the port is the usual one."""
        url = urlsplit(f"//{self.ssh.address or self.host_name}")
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        port = url.port or (22 if self.ssh.address else self.ssh_listen_address[1])
        return f"git@{host}:{full_name}.git" if port == 22 else f"ssh://git@{host}:{port}/{full_name}.git"


SECTIONS: dict[str, type[Any]] = {
    "git": GitSettings,
    "delivery": DeliverySettings,
    "accounts": AccountSettings,
    "previews": PreviewSettings,
    "ssh": SshSettings,
}


def settings() -> Iterator[tuple[str, str, Any, str]]:
    """Every setting as (dotted name, environment name, default, help), in the order of this file."""
    for owner, cls in [("", Config), *SECTIONS.items()]:
        for f in dataclasses.fields(cls):
            if "help" in f.metadata:
                dotted = f"{owner}.{f.name}" if owner else f.name
                yield dotted, PREFIX + dotted.replace(".", "_").upper(), f.default, f.metadata["help"]


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """The configuration for this process. `flags` are top-level settings given on the command line (None: not given).

    Raises ConfigError with a sentence for an unknown name, a value of the wrong type, or a contradiction.
    """
    known = {env: (dotted, default) for dotted, env, default, _ in settings()}
    from_environment: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            raise ConfigError(
                f"{name} in the environment is no setting of Gitperch. The settings are: {', '.join(sorted(known))}."
            )
        dotted, default = known[name]
        from_environment[dotted] = _parse(name, text, default)
    given = {name: value for name, value in flags.items() if value is not None}
    data = Path(given.get("data") or from_environment.get("data") or Config.data).expanduser().absolute()
    values = _from_file(data / "gitperch.toml") | from_environment | given | {"data": data}
    top: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for section, cls in SECTIONS.items():
        inside = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(section + ".")}
        top[section] = cls(**inside)
    return _completed(Config(**top))


def with_port(config: Config, port: int) -> Config:
    """The same configuration once the port is known that `listen = HOST:0` got."""
    host, _ = config.listen_address
    return _completed(dataclasses.replace(config, listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))


def size(name: str, text: str) -> int:
    """Bytes in git's notation: a number, with k, m or g behind it for its powers of 1024. Raises ConfigError, which says `name`."""
    found = re.fullmatch(r"([0-9]{1,15})([kmg]?)b?", text.lower())
    if not found:
        raise ConfigError(f"{name} is {text!r}; it has to be a number of bytes, such as 256m or 1g.")
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2]]


def _check_previews(previews: PreviewSettings) -> None:
    if previews.runner not in ("", "process", "docker", "docker-only"):
        raise ConfigError(
            f"previews.runner is {previews.runner!r}; it has to be process, docker, docker-only, or left empty."
        )
    for name in ("builds", "running", "deployments_kept"):
        if getattr(previews, name) < 1:
            raise ConfigError(f"previews.{name} is {getattr(previews, name)}; it has to be 1 at least.")
    size("previews.memory", previews.memory)
    size("previews.memory_max", previews.memory_max)
    size("previews.disk_free", previews.disk_free)
    for name, least in (("build_megabytes", 16), ("cpus", 0.01), ("processes", 16)):
        if getattr(previews, name) < least:
            raise ConfigError(f"previews.{name} is {getattr(previews, name)}; it has to be {least} at least.")
    if previews.docker and not re.fullmatch(r"unix:///.+|tcp://[^/]+", previews.docker):
        raise ConfigError(f"previews.docker is {previews.docker!r}; it has to be unix:///PATH or tcp://HOST:PORT.")
    if previews.networks and not _is_pool(previews.networks):
        raise ConfigError(f"previews.networks is {previews.networks!r}; it has to be such as 10.213.0.0/16.")
    if previews.clone_url and not re.fullmatch(r"https?://[^/\s@]+/?", previews.clone_url):
        raise ConfigError(f"previews.clone_url is {previews.clone_url!r}; it has to be http(s)://HOST[:PORT].")


def _is_pool(text: str) -> bool:
    import ipaddress  # late: only a server with other networks than usual needs it

    try:
        return ipaddress.IPv4Network(text).prefixlen <= 27
    except ValueError:
        return False


def _completed(config: Config) -> Config:
    _check_previews(config.previews)
    if config.proxy_socket and not config.proxy_socket.startswith("/"):
        raise ConfigError(
            f"proxy_socket is {config.proxy_socket!r}; it has to be a whole path, such as /run/gitperch/proxy.sock."
        )
    _, port = config.listen_address
    if not config.ssh_listen_address[1]:
        raise ConfigError(
            f"ssh.listen is {config.ssh.listen!r}; its port cannot be 0, since addresses on pages name it."
        )
    if config.ssh.address and not _is_address(config.ssh.address):
        raise ConfigError(
            f"ssh.address is {config.ssh.address!r}; it has to be HOST or HOST:PORT, such as git.example.com."
        )
    base_url = config.base_url.rstrip("/") or ("" if port == 0 else f"http://localhost:{port}")
    if base_url:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path or url.query:
            raise ConfigError(f"base_url is {base_url!r}; it has to be http(s)://HOST[:PORT] without a path.")
        domain = (config.preview_domain or url.hostname).lower().strip(".")
        if "/" in domain or ":" in domain:
            raise ConfigError(
                f"preview_domain is {domain!r}; it has to be a domain alone, without scheme, port or path."
            )
        config = dataclasses.replace(config, preview_domain=domain)
    return dataclasses.replace(config, base_url=base_url)


def _host_port(name: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{name} is {text!r}; it has to be HOST:PORT, such as 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(f"//{text}")
        return bool(url.hostname) and url.port != 0 and not re.search(r"[\s@/]", text)
    except ValueError:  # a port that is no number, or too large
        return False


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": v for inner, v in value.items()}
        else:
            flat[name] = value
    defaults = {dotted: default for dotted, _, default, _ in settings() if dotted != "data"}
    for name, value in flat.items():
        if name not in defaults:
            raise ConfigError(f"{name} in {path} is no setting of Gitperch. The settings are: {', '.join(defaults)}.")
        flat[name] = _checked(f"{name} in {path}", value, defaults[name])
    return flat


def _parse(name: str, text: str, default: Any) -> Any:
    """The value of an environment variable as the type of the setting's default."""
    if isinstance(default, bool):
        if text.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise ConfigError(f"{name} is {text!r}; it has to be true or false.")
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, Path):
        return Path(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            raise ConfigError(f"{name} is {text!r}; it has to be a number.") from None
    return text


def _checked(name: str, value: Any, default: Any) -> Any:
    """A value from TOML, if it has the type of the setting's default."""
    if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        kind = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            str: "a text",
            tuple: "a list of texts",
        }
        raise ConfigError(f"{name} is {value!r}; it has to be {kind[type(default)]}.")
    return value
