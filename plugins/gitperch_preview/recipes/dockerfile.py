"""`Dockerfile`: which port it exposes, and whether it does no more than hand out files (docs.docker.com/reference/dockerfile)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch_preview.recipes.tree import Tree

NAME = "Dockerfile"
_FILE_SERVERS = re.compile(
    r"(docker\.io/)?(library/|bitnami/|nginxinc/|joseluisq/)?"
    r"(nginx|nginx-unprivileged|httpd|caddy|lighttpd|static-web-server)([:@].*)?"
)
_CONFIGURES = re.compile(r"\.conf\b|Caddyfile|/etc/|templates/", re.IGNORECASE)
_COPYING = {"FROM", "COPY", "ADD", "EXPOSE", "LABEL", "MAINTAINER", "WORKDIR", "STOPSIGNAL", "HEALTHCHECK"}


@dataclass(frozen=True)
class Dockerfile:
    """`port` is the first that it exposes. `copies`: it puts the repository's files into a web server's image, and does nothing else."""

    port: int | None
    copies: bool


def read(tree: Tree) -> Dockerfile | None:
    """None where there is none. Raises Unusable."""
    text = tree.text(NAME)
    if text is None:
        return None
    joined = re.sub(r"\\[ \t]*\n", " ", re.sub(r"(?m)^[ \t]*#.*\n?", "", text))
    lines = [line.split() for line in joined.split("\n") if line.strip()]
    stages = [number for number, words in enumerate(lines) if words[0].upper() == "FROM"]
    last = lines[stages[-1] :] if stages else []
    exposed = [word for words in last if words[0].upper() == "EXPOSE" for word in words[1:]]
    ports = [int(match[1]) for word in exposed if (match := re.fullmatch(r"(\d{1,5})(/tcp)?", word.lower()))]
    images = [word for word in last[0][1:] if not word.startswith("--")] if last else []
    copies = len(stages) == 1 and bool(images) and bool(_FILE_SERVERS.fullmatch(images[0]))
    return Dockerfile(
        next((port for port in ports if 0 < port < 65536), None),
        copies and all(words[0].upper() in _COPYING and not _CONFIGURES.search(" ".join(words)) for words in lines),
    )
