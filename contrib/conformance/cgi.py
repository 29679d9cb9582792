"""Runs the CGI programs that come with git's tests: answers that are wrong on purpose (RFC 3875)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

REASON = b"reason-phrase"  # not a header: what stands behind the status in HTTP/1.1


async def run(
    program: Path, path_info: str, environment: Mapping[str, str], scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer a request by `program`, which sees `environment` and what CGI says of the request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    process = await asyncio.create_subprocess_exec(
        str(program),
        cwd=program.parent,
        env={**environment, **variables(scope, path_info, len(body))},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(body)
    status, headers, content = parsed(output)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def variables(scope: Scope, path_info: str, length: int) -> dict[str, str]:
    found = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": scope["method"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "PATH_INFO": path_info,
        "REMOTE_ADDR": scope["client"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        **({"HTTPS": "on"} if scope["scheme"] == "https" else {}),
        **({"CONTENT_LENGTH": str(length)} if scope["method"] == "POST" else {}),
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            found[key] = value.decode("latin-1")
        elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            found[f"HTTP_{key}"] = value.decode("latin-1")
    return found


def parsed(output: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of what a program said, with or without a status line of its own; folded lines are joined."""
    status, rest = 200, output
    headers: list[tuple[bytes, bytes]] = []
    while rest:
        line, _, rest = rest.partition(b"\n")
        line = line.rstrip(b"\r")
        if not line:
            break
        if line.startswith((b" ", b"\t")) and headers:
            headers[-1] = (headers[-1][0], b" ".join((headers[-1][1], line.strip())).strip())
            continue
        name, _, value = line.partition(b" " if line.startswith(b"HTTP/") else b":")
        if line.startswith(b"HTTP/") or name.lower() == b"status":
            code, _, reason = value.strip().partition(b" ")
            status = int(code)
            headers.append((REASON, reason))
        elif name.lower() != b"content-length":
            headers.append((name.lower(), value.strip()))
    return status, headers, rest
