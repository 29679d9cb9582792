"""What of a request's headers an app gets, and what of an answer's headers its visitor gets.

Hop-by-hop fields (RFC 9110, section 7.6.1) end here in both directions. Where a request comes from is said by us alone. The host's
cookies and credentials never reach an app, and no app can set a cookie of ours or one for its neighbours.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.types import Scope

    from gitperch_preview.gateway.heads import Answer, Headers

_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy", b"http2-settings")
)
# Where apps look for their visitor's address, of all that proxies ever called it (Rack, PHP and Node's `request-ip` among them).
_ADDRESSES = frozenset(
    b"forwarded forwarded-for x-forwarded x-real-ip x-client-ip client-ip true-client-ip x-cluster-client-ip cf-connecting-ip"
    b" cf-connecting-ipv6 fastly-client-ip x-appengine-user-ip x-original-forwarded-for x-original-host x-remote-addr via".split()
)
# `expect`: whoever waits for 100 has it from the server already.
_NOT_ASKED = _HOP | _ADDRESSES | frozenset((b"host", b"content-length", b"expect", b"sec-websocket-extensions"))
# `date` is the server's to say; the others are orders to a web server in front, which this is not.
_NOT_ANSWERED = _HOP | frozenset((b"date", b"alt-svc", b"x-sendfile"))
_OURS_TOO = (b"cookie", b"authorization")
_PASS, _DROP, _LOOK = 0, 1, 2
# After CONNECT, what follows would be no messages any more.
_REQUEST_LINE = re.compile(rb"(?!CONNECT )[A-Z][!-~]{0,31} (?:/[!-~]*|\*) HTTP/1\.1")
_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)+")
_LENGTH = re.compile(rb"\d{1,18}")
# What follows the name would be in every link that an app makes of it: `name:@elsewhere`.
_HOST = re.compile(rb"[A-Za-z0-9._-]+(?::\d{1,5})?")
# Whatever prefix a browser may have let it have.
_OUR_COOKIE = re.compile(rb"[\s=]*(?:__(?:host|secure)-)?gitperch", re.IGNORECASE)
_TOKEN = b"gpt_"

_asked: dict[bytes, int] = {}
_answered: dict[bytes, int] = {}
_KNOWN, _LONGEST_KNOWN = 1000, 64  # names, and bytes of one: strangers choose them
# Of `Clear-Site-Data`. Cookies would go for all names below the domain that somebody has registered, the host's with them.
_OWN_DATA = frozenset((b'"cache"', b'"storage"', b'"executionContexts"', b'"prefetchCache"', b'"prerenderCache"'))


class Refused(Exception):
    """A request that cannot be passed on without doubt about what it says. The text is a sentence for its sender."""


@dataclass(slots=True)
class Request:
    """A request as an app gets it. `length` of its body in bytes; None: chunked."""

    head: bytes
    method: str
    length: int | None
    host: bytes

    def upgrading(self) -> bytes:
        """The head of a request to open a WebSocket."""
        return self.head[:-2] + b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"

    def fields(self) -> list[tuple[str, str]]:
        """The headers as text, without the host."""
        lines = [line.partition(b": ") for line in self.head.split(b"\r\n")[1:-2]]
        return [(name.decode(), value.decode("latin-1")) for name, _, value in lines if name != b"host"]


def _asked_kind(name: bytes) -> int:
    # Many apps cannot tell `x_forwarded_for` from `x-forwarded-for` (CGI's names for them are the same).
    plain = name.replace(b"_", b"-")
    if plain in _NOT_ASKED or plain.startswith((b"x-forwarded-", b"proxy-")):
        return _DROP
    return _LOOK if plain in _OURS_TOO else _PASS


def _answered_kind(name: bytes) -> int:
    if name in _NOT_ANSWERED or name.startswith((b"proxy-", b"x-accel-")):
        return _DROP
    return _LOOK if name in (b"set-cookie", b"content-length", b"clear-site-data") else _PASS


def _kind(known: dict[bytes, int], make: Callable[[bytes], int], name: bytes) -> int:
    kind = make(name)
    if len(known) < _KNOWN and len(name) <= _LONGEST_KNOWN:
        known[name] = kind
    return kind


async def request(scope: Scope, is_person: Callable[[str], Awaitable[bool]]) -> Request:
    """The request of `scope` for an app, up to its body. Raises Refused.

    `is_person` says whether somebody of that name has an account here.
    """
    lines: list[bytes] = []
    cookies: list[bytes] = []  # in HTTP/2 one by one
    ends: list[tuple[bytes, bytes]] = []  # what ends here, some of which has a say
    for name, value in scope["headers"]:
        kind = _asked.get(name)
        if kind is None:
            kind = _kind(_asked, _asked_kind, name)
        if kind == _PASS:
            lines.append(b"%b: %b\r\n" % (name, value))
        elif kind == _DROP:
            ends.append((name, value))
        elif name == b"cookie":
            cookies.append(without_ours(value))
        elif name == b"authorization" and (kept := await _foreign(value, is_person)):
            lines.append(b"authorization: %b\r\n" % kept)
    if any(cookies):
        lines.append(b"cookie: %b\r\n" % b"; ".join(filter(None, cookies)))
    host, length = _framing(ends, "1.1" if scope["type"] == "websocket" else scope["http_version"])
    if named := _named(ends):
        lines = [line for line in lines if line.partition(b":")[0] not in named]
    return _request(scope, host, lines, length)


def _framing(ends: list[tuple[bytes, bytes]], version: str) -> tuple[bytes, int | None]:
    """The host that is asked, and the length of the body (None: it has to be chunked)."""
    hosts = [value for name, value in ends if name == b"host"]
    lengths = [value for name, value in ends if name == b"content-length"]
    coded = any(name == b"transfer-encoding" for name, _ in ends)
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise Refused("A request names its host once, with a number for a port.")
    if lengths and (coded or len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
        raise Refused("The length of this request’s body is not said in one way only.")
    if lengths:
        return hosts[0], int(lengths[0])
    return hosts[0], 0 if not coded and version in ("1.0", "1.1") else None


def _named(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """What Connection names beside the usual: fields for us alone."""
    values = [value for name, value in headers if name == b"connection"]
    return {part.strip().lower() for value in values for part in value.split(b",")} - _HOP - {b"close", b""}


def _request(scope: Scope, host: bytes, lines: list[bytes], length: int | None) -> Request:
    method = scope.get("method", "GET")  # that of a WebSocket
    target = scope.get("raw_path") or b"/"
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client, secure = scope.get("client"), scope["scheme"] in ("https", "wss")
    line = b"%b %b HTTP/1.1" % (method.encode("ascii", "replace"), target)
    fields = b"host: %b\r\n%bx-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\n" % (
        host,
        b"".join(lines),
        client[0].encode("ascii", "replace") if client else b"unknown",
        b"https" if secure else b"http",
        host,
    )
    if length is None:
        fields += b"transfer-encoding: chunked\r\n"
    elif length or method in ("POST", "PUT", "PATCH"):
        fields += b"content-length: %d\r\n" % length
    # HTTP/2 can carry what would be two lines here, and a whole address as a path.
    if not _REQUEST_LINE.fullmatch(line) or not _FIELDS.fullmatch(fields):
        raise Refused("The address or a header of this request cannot be passed on as it is.")
    return Request(b"%b\r\n%b\r\n" % (line, fields), method, length, host)


def without_ours(cookies: bytes) -> bytes:
    """A Cookie header without the cookies that the host and the doorkeeper of previews set."""
    if b"gitperch" not in cookies.lower():
        return cookies
    return b"; ".join(part.strip() for part in cookies.split(b";") if not _OUR_COOKIE.match(part))


async def _foreign(value: bytes, is_person: Callable[[str], Awaitable[bool]]) -> bytes:
    """An Authorization header, unless it may be for the host: with a token of its own, or by the name of somebody who has an account."""
    scheme, _, rest = value.strip().partition(b" ")
    if _TOKEN in value:
        return b""
    if scheme.lower() == b"basic":
        try:
            pair = base64.b64decode(rest.strip(), validate=True)
        except binascii.Error:
            return b""
        name = pair.partition(b":")[0].decode("utf-8", "replace")
        if _TOKEN in pair or await is_person(name):
            return b""
    return value


def answer(found: Answer, request: Request, *, private: bool) -> Headers:
    """The headers of an app's answer for its visitor. A private preview stays out of shared caches and other pages' frames."""
    headers: Headers = []
    for name, value in found.headers:
        kind = _answered.get(name)
        if kind is None:
            kind = _kind(_answered, _answered_kind, name)
        if kind == _PASS:
            headers.append((name, value))
        elif name == b"set-cookie":
            if cookie := own_cookie(value, request.host):
                headers.append((name, cookie))
        elif name == b"clear-site-data":
            if data := own_data(value):
                headers.append((name, data))
        elif kind == _LOOK and found.status != 204 and (name, value) not in headers:
            headers.append((name, value))
    if named := _named(found.headers):
        headers = [(name, value) for name, value in headers if name not in named]
    return _kept_private(headers) if private else headers


def own_cookie(value: bytes, host: bytes) -> bytes:
    """A Set-Cookie of an app: "" for a name of ours, and without a Domain that reaches beyond `host`."""
    pair, *attributes = value.split(b";")
    if _OUR_COOKIE.match(pair):
        return b""
    if b"domain" not in value.lower():
        return value
    own = host.rpartition(b":")[0] if b":" in host else host
    kept = [part for part in attributes if not _reaches(part, own.lower())]
    return b";".join((pair, *kept))


def own_data(value: bytes) -> bytes:
    """A Clear-Site-Data of an app: what of it is about its own origin."""
    return b", ".join(part for part in map(bytes.strip, value.split(b",")) if part in _OWN_DATA)


def _reaches(attribute: bytes, own: bytes) -> bool:
    name, _, value = attribute.partition(b"=")
    return name.strip().lower() == b"domain" and value.strip().lower().removeprefix(b".") != own


def _kept_private(headers: Headers) -> Headers:
    names = {name for name, _ in headers}
    caching = b",".join(value for name, value in headers if name == b"cache-control")
    framing = b"x-frame-options" in names or any(
        b"frame-ancestors" in value.lower() for name, value in headers if name == b"content-security-policy"
    )
    shared = (b"cache-control", b"surrogate-control", b"cdn-cache-control")
    kept = [(name, value) for name, value in headers if name not in shared]
    words = [word.strip() for word in caching.split(b",")]
    own = [w for w in words if w and not w.lower().startswith((b"public", b"private", b"s-maxage", b"proxy-"))]
    kept.append((b"cache-control", b", ".join((b"private", *(own or [b"no-cache"])))))
    if b"cross-origin-resource-policy" not in names:
        kept.append((b"cross-origin-resource-policy", b"same-origin"))
    if not framing:
        kept.append((b"content-security-policy", b"frame-ancestors 'self'"))
    return kept
