"""Who comes to the birdhouse: one page, and a stream of visits (server-sent events). Nothing but Python's own library."""

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8"}
BIRDS = [line.split(maxsplit=1) for line in (HERE / "birds.txt").read_text().splitlines()]


class Perch:
    """What has happened; whoever waits is told of the next visit."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.count = 0
        self.visit: dict[str, object] = {}

    def watch(self) -> None:
        while True:
            time.sleep(random.uniform(1.5, 4))
            colour, bird = random.choice(BIRDS)
            with self.news:
                self.count += 1
                self.visit = {"bird": bird, "colour": colour, "count": self.count}
                self.news.notify_all()

    def visits(self) -> Iterator[dict[str, object]]:
        while True:
            with self.news:
                self.news.wait()
                visit = self.visit
            yield visit


perch = Perch()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/visits":
            return self.stream()
        if path == "/health":
            return self.answer(b"well\n", "text/plain")
        file = HERE / ("page.html" if path == "/" else path.strip("/"))
        if file.suffix not in TYPES or file.parent != HERE or not file.exists():
            return self.send_error(404)
        page = file.read_text().replace("{{branch}}", os.environ.get("GITPERCH_BRANCH", "here"))
        return self.answer(page.encode(), TYPES[file.suffix])

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        try:
            for visit in perch.visits():
                self.wfile.write(f"data: {json.dumps(visit)}\n\n".encode())
        except OSError:
            pass  # whoever watched has left


if __name__ == "__main__":
    threading.Thread(target=perch.watch, daemon=True).start()
    at = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    print(f"The birdhouse is open at http://{at[0]}:{at[1]}", flush=True)
    ThreadingHTTPServer(at, Handler).serve_forever()
