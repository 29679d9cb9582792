"""The routes on the host's own site: the way to a private preview, and what Caddy asks before it gets a certificate."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from gitperch.errors import NotFound, Unauthorized
from gitperch.routing import Route
from gitperch_preview import labels, share_routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch_preview.gateway import Gateway
    from gitperch_preview.hosts import Hosts

_FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "via")


def routes(host: Host, hosts: Hosts, gateway: Gateway) -> Sequence[BaseRoute]:
    async def access(request: Request) -> Response:
        """Let a person who may read the repository on to its preview. Anonymous visitors sign in first, whatever they ask for."""
        to = gateway.door.destination(request.query_params.get("to", ""))
        user = await host.sessions.user(request)
        if not user:
            raise Unauthorized("Sign in to see this preview.")
        target = await gateway.target(to.label)
        response = await gateway.door.hand_over(user, to, target.repo) if target else None
        if not response:
            raise NotFound("There is no preview at that address, or it is private and you have no access.")
        return response

    async def ask(request: Request) -> Response:
        """200 when `domain` is the host's own or a preview's name, 404 for any other; only for a proxy on this machine."""
        if not _is_near(request, host.config.trusted_proxies):
            raise NotFound("There is no page here.")
        domain = request.query_params.get("domain", "").lower().rstrip(".")
        known = domain == host.config.host_name or await _is_preview(hosts.label_of(domain))
        return PlainTextResponse("known\n" if known else "unknown\n", 200 if known else 404)

    async def _is_preview(label: str | None) -> bool:
        target = await gateway.target(label) if label else None
        if not target or target.address.branch is not None:
            return target is not None
        # Of a commit's names only the longest: a certificate authority would not make one for each of the others.
        oid = await gateway.commits.reachable(target.repo, target.address.commit or "")
        return bool(oid) and label == labels.commit_label(oid or "", target.address.site)

    return [
        Route("/preview-access", access, include_in_schema=False),
        Route("/preview-ask", ask, include_in_schema=False),
        *share_routes.routes(host, hosts, gateway.door.shares),
    ]


def _is_near(request: Request, trusted: Sequence[str]) -> bool:
    """Whether the proxy itself asks, from this machine or a trusted address; not somebody whose request it passes on."""
    if not request.client or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return request.client.host in trusted or ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
