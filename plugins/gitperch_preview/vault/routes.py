"""Settings and secrets over HTTP, for whoever may administer the repository: `/api/repos/OWNER/NAME/previews/env[/NAME]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitperch.errors import BadRequest, NotFound
from gitperch.pages.forms import SECONDS, json_object, read_body
from gitperch.pages.repository import open_repository
from gitperch.routing import Route
from gitperch_preview.vault import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch_preview.vault.service import Setting, Vault

_BODY_LIMIT = 6 * rules.VALUE_LIMIT + 1024  # JSON may write each character as \uXXXX
_PRIVATE = {"cache-control": "no-store"}


def routes(host: Host, vault: Vault) -> Sequence[BaseRoute]:
    async def listing(request: Request) -> Response:
        page = await open_repository(request, "admin")
        settings = await vault.settings(page.repository.id)
        changes = await vault.changes(page.repository.id, 50)
        return JSONResponse(
            {
                "settings": [_shown(setting) for setting in settings],
                "changes": [{"name": c.name, "what": c.what, "by": c.by, "at": c.at} for c in changes],
            },
            headers=_PRIVATE,
        )

    async def one(request: Request) -> Response:
        page = await open_repository(request, "admin")
        return JSONResponse(
            _shown(await _setting(page.repository.id, request.path_params["setting"])), headers=_PRIVATE
        )

    async def put(request: Request) -> Response:
        page = await open_repository(request, "admin")
        host.sessions.check_origin(request)
        name = request.path_params["setting"]
        asked = await _document(request)
        value, secret = asked.get("value"), asked.get("secret", False)
        if not isinstance(value, str):
            raise BadRequest("value has to be a text.", field="value")
        if not isinstance(secret, bool):
            raise BadRequest("secret has to be true or false.", field="secret")
        await vault.put(page.repository.id, {name: value}, secret=secret, by=page.viewer.name)
        return JSONResponse(_shown(await _setting(page.repository.id, name)), headers=_PRIVATE)

    async def remove(request: Request) -> Response:
        page = await open_repository(request, "admin")
        host.sessions.check_origin(request)
        await vault.remove(page.repository.id, request.path_params["setting"], by=page.viewer.name)
        return Response(status_code=204)

    async def _setting(repo_id: int, name: str) -> Setting:
        found = next((setting for setting in await vault.settings(repo_id) if setting.name == name), None)
        if not found:
            raise NotFound(f"{name[: rules.NAME_LIMIT]!r} is not set here.", field="name")
        return found

    place = "/api/repos/{owner}/{name}/previews/env"
    return [
        Route(place, listing),
        Route(f"{place}/{{setting}}", one),
        Route(f"{place}/{{setting}}", put, methods=["PUT"]),
        Route(f"{place}/{{setting}}", remove, methods=["DELETE"]),
    ]


def _shown(setting: Setting) -> dict[str, Any]:
    shown = {"name": setting.name, "secret": setting.secret, "value": setting.value, "size": setting.size}
    return shown | {"set_by": setting.set_by, "set_at": setting.set_at, "problem": setting.problem}


async def _document(request: Request) -> dict[str, Any]:
    body = await read_body(
        request,
        _BODY_LIMIT,
        f"A value can have {rules.VALUE_LIMIT} bytes at most; nothing was set.",
        f"The value did not arrive within {SECONDS:.0f} seconds; nothing was set.",
    )
    return json_object(body, 'The body has to be JSON such as {"value": "…", "secret": true}; nothing was set.')
