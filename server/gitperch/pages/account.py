"""One's own account: the password, tokens for git and the API, and keys for git over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from gitperch.accounts.access import Viewer
from gitperch.accounts.tokens import SCOPES
from gitperch.errors import BadRequest, Conflict, NotFound, TooMany, Unauthorized
from gitperch.host import host_of
from gitperch.pages.forms import Form, read_form
from gitperch.pages.visitor import signed_in
from gitperch.ssh.host_keys import fingerprints

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.accounts.people import User
    from gitperch.host import Host
    from gitperch.repositories import Repository

DAYS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "": "never"}


async def show(request: Request) -> Response:
    user = await signed_in(request)
    return await _page(request, user, done=request.query_params.get("done", ""))


async def change_password(request: Request) -> Response:
    user = await signed_in(request)
    form = await read_form(request)
    host = host_of(request)
    if form["password"] != form["again"]:
        wrong = {"again": "The two new passwords are not the same; type the new one again."}
        return await _page(request, user, errors=wrong)
    try:
        await host.access.sign_in(user.name, form["current"], request)
    except (Unauthorized, TooMany) as error:
        wrong = {"current": "This is not your present password." if error.status == 401 else error.message}
        return await _page(request, user, errors=wrong)
    try:
        await host.people.set_password(user, form["password"])
    except BadRequest as error:
        return await _page(request, user, errors={"password": error.message})
    host.access.forget_passwords()
    response = RedirectResponse("/account?done=password", 303)
    # All sessions of this person have ended, this one too; whoever changed the password stays signed in.
    await host.sessions.begin(user, response)
    return response


async def add_token(request: Request) -> Response:
    user = await signed_in(request)
    form = await read_form(request)
    host = host_of(request)
    wrong = {}
    if form["days"] not in DAYS:
        wrong["days"] = "Choose one of the times offered."
    if not form.text("name"):
        wrong["token-name"] = "Give the token a name, so that you know later what to revoke."
    if wrong:
        return await _page(request, user, errors=wrong, form=form)
    days = float(form["days"]) if form["days"] else None
    try:
        repository = await _repository(host, user, form.text("repository"))
        secret = await host.tokens.add(user, form.text("name"), [form["scope"] or "all"], repository, days)
    except BadRequest as error:
        return await _page(request, user, errors={error.field or "token-name": error.message}, form=form)
    return await _page(request, user, secret=secret, secret_name=form.text("name"))


async def revoke_token(request: Request) -> Response:
    user = await signed_in(request)
    await read_form(request)
    await host_of(request).tokens.revoke(user, request.path_params["token_id"])
    return RedirectResponse("/account?done=revoked#tokens", 303)


async def add_key(request: Request) -> Response:
    user = await signed_in(request)
    form = await read_form(request)
    needs_ssh(host_of(request))
    try:
        await host_of(request).ssh_keys.add_to_person(user, form["key"], form["title"])
    except (BadRequest, Conflict) as error:
        return await _page(request, user, errors={f"ssh-{error.field}": error.message}, ssh_form=form)
    return RedirectResponse("/account?done=key#keys", 303)


async def remove_key(request: Request) -> Response:
    user = await signed_in(request)
    await read_form(request)
    await host_of(request).ssh_keys.remove_from_person(user, request.path_params["key_id"])
    return RedirectResponse("/account?done=key-removed#keys", 303)


def needs_ssh(host: Host) -> None:
    """Raises NotFound where SSH is off: a server that does without it is not to load for a key what it is made of."""
    if not host.config.ssh.enabled:
        raise NotFound("git over SSH is off on this server; whoever runs it can switch it on with ssh.enabled.")


async def _repository(host: Host, user: User, full_name: str) -> Repository | None:
    """The repository that a token is to be limited to. Raises BadRequest for one this person cannot read."""
    if not full_name:
        return None
    owner, _, name = full_name.partition("/")
    found = await host.repositories.find(owner, name)
    if not found or not await host.access.may(Viewer(user), found, "read"):
        raise BadRequest(f"There is no repository {full_name[:120]!r} that you may read.", field="repository")
    return found


async def _page(request: Request, user: User, errors: dict[str, str] | None = None, **more: Any) -> Response:
    host = host_of(request)
    context: dict[str, Any] = {
        "secret": "",
        "secret_name": "",
        "done": "",
        "form": Form(days="90", scope="write:repository"),
    }
    context |= {"ssh_form": Form()} | more
    return host.templates.response(
        request,
        "account.html",
        status=422 if errors else 200,
        headers={"cache-control": "no-store"} if context["secret"] else None,
        user=user,
        tokens=await host.tokens.listing(user),
        repositories=[repository.full_name for repository in await host.repositories.readable(user)],
        scopes=SCOPES,
        days=DAYS,
        keys=await host.ssh_keys.of_person(user),
        host_keys=fingerprints(host.config.data),
        errors=errors or {},
        **context,
    )
