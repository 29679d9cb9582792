"""The grammar of preview host names: one DNS label each (RFC 1035: at most 63 letters, digits and hyphens).

`{branch}-{site}` names a branch, `{7 to 40 hex digits}-{site}` a commit. Whatever lost something on the way to such a label ends in
a hash, and none of a branch ever has the form of a commit's, so the two cannot be taken for each other.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

LIMIT = 63
SITE_LIMIT = 40  # leaves a branch, or a commit, 22 characters at least
HASH_LENGTHS = (6, 12, 20)
LONGEST_COMMIT = 40

_OTHER = re.compile(r"[^a-z0-9]+")
_COMMIT = re.compile(r"([0-9a-f]{7,40})-(.+)")


def plain(text: str) -> str:
    """`text` in the letters, digits and single hyphens of a label; "" where nothing of it is left."""
    letters = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return _OTHER.sub("-", letters).strip("-")


def site_label(name: str, repo_id: int, attempt: int) -> str:
    """The part of a repository in its host names. `attempt` 0 is the plain name where that loses nothing; later ones differ."""
    short = plain(name)
    if attempt == 0 and short == name and len(short) <= SITE_LIMIT:
        return short
    return _with_hash(short or "site", "", f"site {repo_id}", max(attempt - 1, 0), SITE_LIMIT)


def branch_label(branch: str, site: str, repo_id: int, attempt: int) -> str:
    """The host name of a branch on the site `site`. `attempt` counts up while a label is taken."""
    short = plain(branch)
    label = f"{short}-{site}"
    if attempt == 0 and short == branch and len(label) <= LIMIT and not is_commit_form(label):
        return label
    key, nth = f"branch {repo_id} {branch}", max(attempt - 1, 0)
    label = _with_hash(short or "branch", f"-{site}", key, nth, LIMIT)
    return _with_hash(f"branch-{short}", f"-{site}", key, nth, LIMIT) if is_commit_form(label) else label


def is_commit_form(label: str) -> bool:
    return bool(_COMMIT.fullmatch(label))


def commit_parts(label: str) -> tuple[str, str] | None:
    """(hex digits, site) of a label that has the form of a commit's."""
    match = _COMMIT.fullmatch(label)
    return (match[1], match[2]) if match else None


def commit_label(oid: str, site: str) -> str:
    """The one address of a commit on `site`: as many digits as fit."""
    return f"{oid[: min(LONGEST_COMMIT, LIMIT - 1 - len(site))]}-{site}"


def _with_hash(text: str, tail: str, key: str, attempt: int, limit: int) -> str:
    attempt = min(attempt, len(HASH_LENGTHS) - 1)
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    end = f"{tail}-{base64.b32encode(digest).decode().lower()[: HASH_LENGTHS[attempt]]}"
    return text[: limit - len(end)].strip("-") + end
