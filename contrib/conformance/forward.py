"""A CGI program that passes its request on to the server that started it, below /behind/, and prints what that answers."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection


def main() -> None:
    given = os.environ
    address = f"127.0.0.1:{given['SERVER_PORT']}"
    secure = given.get("HTTPS") == "on"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a certificate that the tests have made
    server = HTTPSConnection(address, context=context) if secure else HTTPConnection(address)
    headers = {name[5:].replace("_", "-"): value for name, value in given.items() if name.startswith("HTTP_")}
    headers |= {"Content-Type": given["CONTENT_TYPE"]} if "CONTENT_TYPE" in given else {}
    headers.pop("EXPECT", None)
    query = f"?{given['QUERY_STRING']}" if given.get("QUERY_STRING") else ""
    body = sys.stdin.buffer.read() if given["REQUEST_METHOD"] == "POST" else None
    server.request(given["REQUEST_METHOD"], f"/behind{given['PATH_INFO']}{query}", body, headers)
    answer = server.getresponse()
    out = sys.stdout.buffer
    out.write(f"Status: {answer.status} {answer.reason}\r\n".encode())
    for name, value in answer.getheaders():
        if name.lower() not in ("transfer-encoding", "date", "server", "connection"):
            out.write(f"{name}: {value}\r\n".encode("latin-1"))
    out.write(b"\r\n")
    shutil.copyfileobj(answer, out)


main()
