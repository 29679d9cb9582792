"""The grammars of names: what may become part of a path, a ref or a command line. Checked here and nowhere else."""

from __future__ import annotations

import re

from gitperch.errors import BadRequest

# No leading dot or dash, nothing a path, a URL or a shell would read as more than a name.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
_RESERVED_OWNERS = frozenset(
    """about account activity api assets attachments avatars explore favicon.ico healthz help login logout
    metrics new org preview-access preview-ask repo robots.txt settings signin signout static user users""".split()
)
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# git-check-ref-format(1)
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|/$|\.$")
REF_LIMIT = 1000
HIDDEN_REFS = "refs/gitperch/"  # the server's own: never pushed, imported, advertised or told to a plugin
PATH_LIMIT = 4096


def repository_name(name: str) -> str:
    """The name of a repository, as given without a final `.git`. Raises BadRequest that names the field."""
    name = name.removesuffix(".git")
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".lock", ".wiki", ".bundle")):
        raise BadRequest(
            f"The repository name {name[:120]!r} cannot be used: it has to be 1 to 100 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit, without '..' and without a final '.', '.lock', '.wiki' or '.bundle'.",
            field="name",
        )
    return name


def owner_name(name: str) -> str:
    """The name of a person or a team. Raises BadRequest that names the field."""
    if not _NAME.fullmatch(name) or ".." in name or len(name) > 40 or name.endswith(".git"):
        raise BadRequest(
            f"The user name {name[:120]!r} cannot be used: it has to be 1 to 40 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit.",
            field="name",
        )
    if name.lower() in _RESERVED_OWNERS:
        raise BadRequest(f"The user name {name!r} is an address of this server's own; choose another.", field="name")
    return name


def is_ref(name: str) -> bool:
    """Whether `name` is a full ref name (`refs/…`) that git would accept, short enough for a file system."""
    return (
        name.startswith("refs/")
        and name.count("/") >= 2
        and not _BAD_REF.search(name)
        and len(name.encode("utf-8", "surrogateescape")) <= REF_LIMIT
    )


def is_any_ref(name: str) -> bool:
    """Whether git accepts `name` below `refs/`, as long as it may be, and as shallow as `refs/stash`."""
    return name.startswith("refs/") and not _BAD_REF.search(name)


def is_oid(text: str) -> bool:
    """Whether `text` is a full object id, SHA-1 or SHA-256, in lower-case hex."""
    return bool(_OID.fullmatch(text))


def tree_path(path: str) -> str:
    """A path inside a tree, without a leading or trailing slash; "" is the root. Raises BadRequest."""
    path = path.strip("/")
    parts = path.split("/") if path else []
    if (
        "\x00" in path
        or len(path.encode("utf-8", "surrogateescape")) > PATH_LIMIT
        or any(p in ("", ".", "..") for p in parts)
    ):
        raise BadRequest("The path cannot be used: no empty, '.' or '..' parts, at most 4096 bytes.", field="path")
    return path
