"""What a commit's details say beside its message and its changes: refs, times, and, on demand, what takes longer to find out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from gitperch.errors import Busy
from gitperch.git import GitError, names, objects, signatures
from gitperch.git.bounded import looked_up

if TYPE_CHECKING:
    from starlette.responses import Response

    from gitperch.git.commits import Commit, Person
    from gitperch.pages.repository import RepositoryPage

REFS = 50
SECONDS = 3.0
_KINDS = {"ssh": "an SSH key", "openpgp": "an OpenPGP key", "x509": "an X.509 certificate"}

Ref = tuple[str, str]
"""Kind (branch or tag) and short name."""


async def refs_at(page: RepositoryPage, oid: str) -> list[Ref]:
    """Branches and tags that point here, at most `REFS`."""
    arguments = (f"--count={REFS}", f"--points-at={oid}", "--format=%(refname)", "refs/heads", "refs/tags")
    try:
        return _refs(await page.host.git.run("for-each-ref", *arguments, path=page.repository.path, timeout=5))
    except GitError:
        return []


async def show(page: RepositoryPage, commit: Commit, *, fragment: bool) -> Response:
    """The branches and tags that contain the commit, and its signature."""
    containing, whole = await _containing(page, commit.oid)
    return page.response(
        "_commit_about.html" if fragment else "commit_about.html",
        "commit",
        commit=commit,
        branches=[name for kind, name in containing if kind == "branch"],
        tags=[name for kind, name in containing if kind == "tag"][: REFS + 1],
        whole=whole,
        limit=REFS,
        signed=await _signed(page, commit) if commit.signed else None,
    )


def when(person: Person) -> str:
    """By the clock on the wall of who it was: `Sat 21 Nov 2026, 15:24 +0100`; "" out of the calendar's range."""
    sign = -1 if person.zone.startswith("-") else 1
    try:
        offset = timedelta(hours=int(person.zone[1:3]), minutes=int(person.zone[3:5]))
        at = datetime.fromtimestamp(person.at, UTC).astimezone(timezone(sign * offset))
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M} {person.zone}"


async def _containing(page: RepositoryPage, oid: str) -> tuple[list[Ref], bool]:
    """The branches and tags that contain the commit, at most `REFS` + 1 of each; and whether there was time to look at all of them.

    git walks the history once for each branch: the default one is known soon, all of them may be too much.
    """
    head = f"refs/heads/{page.repository.head}"
    asked = [
        ("for-each-ref", f"--contains={oid}", "--format=%(refname)", head),
        ("tag", f"--contains={oid}", "--format=%(refname)"),  # all tags in one walk
        ("for-each-ref", f"--count={REFS + 1}", f"--contains={oid}", "--format=%(refname)", "refs/heads"),
    ]
    listed = [
        await _listed(page, arguments) for arguments in asked
    ]  # one at a time: there are few places for all who look
    found = dict.fromkeys(ref for refs, _ in listed for ref in refs)
    return list(found), all(whole for _, whole in listed)


async def _listed(page: RepositoryPage, arguments: tuple[str, ...]) -> tuple[list[Ref], bool]:
    """The refs that git names, and whether there was time for all of them, or for more than are shown."""
    try:
        output, whole = await looked_up(
            page.host.git, *arguments, path=page.repository.path, limit=256 << 10, seconds=SECONDS
        )
    except (GitError, Busy):
        return [], False
    found = _refs(output)
    return found, whole or len(found) > REFS


async def _signed(page: RepositoryPage, commit: Commit) -> tuple[str, str]:
    """A state (good, unknown, bad) and a sentence about the signature."""
    git, path = page.host.git, page.repository.path
    signature = signatures.signature_of(await git.look_up(path, objects.read, commit.oid, "commit"))
    if not signature:
        return "unknown", "Signed, in a way that is not known here."
    by = f"Signed with {_KINDS[signature.kind]}"
    if signature.kind != "ssh":
        key = f" {signature.key}" if signature.key else ""
        return "unknown", f"{by}{key}. Not checked: this server knows SSH keys only."
    if not signature.key:
        return "unknown", f"{by} that cannot be read, so it is not checked."
    signer = await page.host.ssh_keys.signer(signature.key)
    if not signer:
        return "unknown", f"{by} that nobody here has, so it is not checked: {signature.key}."
    name, text = signer
    good = await signatures.is_by(git, path, commit.oid, text)
    if good is None:
        return (
            "unknown",
            f"It bears the SSH key of {name}; it could not be checked, since this server has no ssh-keygen.",
        )
    if good:
        return "good", f"Signed by {name}, with the SSH key {signature.key}."
    return "bad", f"It bears the SSH key of {name}, but the signature does not fit: do not trust it."


def _refs(listed: bytes) -> list[Ref]:
    found = []
    for line in listed.decode("utf-8", "surrogateescape").splitlines():
        if names.is_ref(line):
            _, folder, short = line.split("/", 2)
            found.append(("branch" if folder == "heads" else "tag", short))
    return found
