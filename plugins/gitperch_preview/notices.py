"""The gateway's own pages: one small file each, with nothing to load and nothing that runs."""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

STYLE = """
:root{color-scheme:light dark;--paper:oklch(.985 .004 95);--raised:oklch(1 0 0);--ink:oklch(.24 .015 260);--soft:oklch(.43 .016 260);
--line:oklch(.905 .008 95);--accent:oklch(.475 .085 205);--water:oklch(.62 .105 195);--breast:oklch(.72 .13 60)}
@media(prefers-color-scheme:dark){:root{--paper:oklch(.19 .012 260);--raised:oklch(.225 .013 260);--ink:oklch(.93 .006 95);
--soft:oklch(.77 .01 260);--line:oklch(.29 .013 260);--accent:oklch(.79 .1 192);--water:oklch(.74 .11 192);--breast:oklch(.78 .12 62)}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-content:center;padding:2rem 1.25rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{width:min(34rem,100vw - 2.5rem)}
svg{display:block;width:6.5rem;height:auto;margin:0 0 1.25rem -.35rem}
h1{font-size:1.25rem;line-height:1.3;font-weight:600;margin:0 0 .5rem;text-wrap:balance}
p{margin:0 0 .75rem;color:var(--soft);overflow-wrap:anywhere}
ul{margin:0 0 1rem;padding:.25rem 0;list-style:none;background:var(--raised);border:1px solid var(--line);border-radius:6px}
li{padding:.45rem .85rem;color:var(--soft);font-size:.875rem}
li+li{border-top:1px solid var(--line)}
code,pre{font:.8125rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;color:var(--ink);overflow-wrap:anywhere}
pre{margin:.35rem 0 0;white-space:pre-wrap}
a{color:var(--accent);text-underline-offset:.2em;display:inline-block;padding:.3rem 0;margin-right:1.25rem}
a:focus-visible{outline:2px solid var(--water);outline-offset:2px;border-radius:3px}
"""
BIRD = """<svg viewBox="0 0 104 64" aria-hidden="true" fill="none" stroke-linecap="round" stroke-linejoin="round">
<path d="M4 54c24-3 66-3 96 0" stroke="var(--line)" stroke-width="3"/><circle cx="24" cy="52.600" r="3.500" fill="var(--paper)"
stroke="var(--line)" stroke-width="2.500"/><circle cx="84" cy="52.700" r="3.500" fill="var(--line)"/>
<path d="M47 51c-9-4-13-13-11-22 1.500-7 7-11 13-10 5 1 8 5 8 10 0 9-2 17-10 22z" fill="var(--breast)"/>
<path d="M36 29c-3 9-6 18-4 29l7-9c6 2 10-3 10-9 0-8-6-12-13-11z" fill="var(--water)"/>
<path d="M37 28c0-8 6-13 13-12 5 .700 7 4 7 8-6 3-13 5-20 4z" fill="var(--water)"/>
<path d="M56 22l21 5-20 2z" fill="var(--soft)"/><circle cx="51" cy="22" r="1.700" fill="var(--paper)"/></svg>"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.lru_cache(8)
def policy(style: str, script: str) -> str:
    """The content security policy of a page with this style and this script, "" for none; a script may ask its own origin."""
    scripts = f" script-src {_hash(script)}; connect-src 'self';" if script else ""
    rest = "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    return f"default-src 'none'; style-src {_hash(style)};{scripts} {rest}"


POLICY = policy(STYLE, "")
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    # As a private preview has it, so that a neighbour's script cannot tell by this which of them are there.
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Life:
    """What makes a page move: more style, a script, and what the head has for a browser without scripts (safe HTML)."""

    style: str = ""
    script: str = ""
    head: str = ""


def notice(
    method: str, status: int, title: str, body: str, *, links: Mapping[str, str] | None = None, **headers: str
) -> Response:
    """A page of ours. `body` is HTML that is safe already; `links` are label → address. Underscores in header names become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return living(method, status, title, body, links or {}, named, Life())


def living(
    method: str, status: int, title: str, body: str, links: Mapping[str, str], headers: Mapping[str, str], life: Life
) -> Response:
    """A page of ours that may change by itself."""
    style, script = STYLE + life.style, f"<script>{life.script}</script>" if life.script else ""
    ways = "".join(f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in links.items())
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title>{life.head}<style>{style}</style>"
        f"<main>{BIRD}<h1>{escape(title)}</h1>{body}<p>{ways}</p></main>{script}</html>\n"
    ).encode("utf-8", "replace")
    sent = HEADERS | {"content-type": "text/html; charset=utf-8", "content-length": str(len(page)), **headers}
    sent["content-security-policy"] = policy(style, life.script)
    return Response(b"" if method == "HEAD" else page, status, sent)


def unknown(method: str) -> Response:
    """No preview, or none for this visitor; nobody can tell which."""
    return notice(
        method,
        404,
        "There is no preview here for you",
        "<p>No branch or commit has a preview at this address, or it is one that you may not see. A preview goes when its branch "
        "does; the branch’s page has the address of one that is there.</p>",
    )


# A worker whose script is missing stays for ever, and may show what it has kept for as long. A new script takes its place at once.
LAST_WORKER = b"""// No preview is here for you: what one has left in this browser makes way.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: "window" });
      await self.registration.unregister();
      for (const page of pages) page.navigate(page.url).catch(() => {});
    })(),
  );
});
"""


def last_worker() -> Response:
    """The script of a service worker that ends itself, and has the pages that the one before it held loaded anew.

    For a browser that asks whether there is a newer script (https://w3c.github.io/ServiceWorker/#update-algorithm): what it gets for
    all else passes through the worker.
    """
    return Response(LAST_WORKER, 200, HEADERS | {"cache-control": "no-store", "content-type": "text/javascript"})


def nothing_to_show(method: str, repository: str, url: str, what: str, problem: str, **headers: str) -> Response:
    """`what` names the branch or commit; `problem` is a sentence, or ""."""
    say = f"<p>{escape(problem)}</p>" if problem else ""
    return notice(
        method,
        404,
        f"{what} of {repository} has nothing to show yet",
        f"{say}<p>Add one of these, push, and load this page again.</p><ul>"
        "<li>an <code>index.html</code> at the top</li>"
        "<li>one in <code>public/</code>, <code>dist/</code>, <code>_site/</code> or <code>docs/</code></li>"
        '<li>a <code>gitperch.toml</code> that says where it is<pre>[site]\nroot = "folder"</pre></li>'
        "<li>for an app, what starts it: a <code>Procfile</code>, a <code>Dockerfile</code>, a <code>package.json</code>, or in "
        '<code>gitperch.toml</code><pre>[preview]\ncommand = "./serve --port $PORT"</pre></li></ul>',
        links={f"Open {repository}": url},
        **headers,
    )


def no_page(method: str, path: str, repository: str, url: str, **headers: str) -> Response:
    return notice(
        method,
        404,
        "This site has no such page",
        f"<p>Nothing is at <code>{escape(path[:300])}</code>. A <code>404.html</code> in the site’s root would be shown here.</p>",
        links={"To its start": "/", f"Open {repository}": url},
        **headers,
    )


def only_reading(method: str) -> Response:
    return notice(
        method,
        405,
        "A preview can only be read",
        f"<p>{escape(method[:20])} is not answered here: this site is files out of a git repository. Use GET or HEAD.</p>",
        allow="GET, HEAD",
    )


def pass_refused(method: str) -> Response:
    return notice(
        method,
        403,
        "This way in is closed",
        "<p>The pass in this address has been used, or is too old: each is good for one entry within a minute. "
        "Open the preview again for a new one.</p>",
        links={"Open the preview": "/"},
        cache_control="no-store",
    )


def link_over(method: str) -> Response:
    return notice(
        method,
        403,
        "This link is over",
        "<p>A share link is good for a time, and can be revoked before. Ask whoever sent it for a new one.</p>",
        cache_control="no-store",
    )


def busy(method: str, message: str) -> Response:
    return notice(method, 503, "Busy for a moment", f"<p>{escape(message)}</p>", retry_after="30")


def broken(method: str, number: str) -> Response:
    return notice(
        method,
        500,
        "Something broke on our side",
        "<p>The server could not read this site from its repository, so nothing is shown. Its log has the details under "
        f"<code>{escape(number)}</code>; tell that number to whoever runs it.</p>",
    )
