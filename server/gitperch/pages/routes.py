"""Every page's address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from gitperch.host import host_of
from gitperch.pages import account, blame, blob, files_api, history, new, settings, signin
from gitperch.pages.blame import Blame
from gitperch.pages.blob import BlobPage
from gitperch.pages.branches import Branches
from gitperch.pages.cards import Cards
from gitperch.pages.commit import Commits
from gitperch.pages.compare import Compare
from gitperch.pages.diff_view import Drawer
from gitperch.pages.files import Files
from gitperch.pages.graph import Graph
from gitperch.pages.index import Index
from gitperch.pages.last import Last
from gitperch.pages.lines import Lines
from gitperch.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

ROBOTS = "User-agent: *\n" + "".join(
    f"Disallow: /*/*/{page}\n" for page in ("blame/", "commit/", "compare", "history/", "raw/")
)
ROBOTS += "Disallow: /signin\n"


class _AnyPath(PathConvertor):
    """As Starlette's `path`, and line ends as well: git has files with such names."""

    regex = r"[\s\S]*"


def routes() -> list[BaseRoute]:
    """To be put after those of the API, of git and of the plugins: the last ones take any owner and any name."""
    register_url_convertor("any_path", _AnyPath())
    index, graph, refs, last, lines, cards = Index(), Graph(), Branches(), Last(), Lines(), Cards()
    tree, file, lines_of = Files(last), BlobPage(last, lines), Blame(last, lines)
    drawer = Drawer()
    commit, compare = Commits(drawer), Compare(drawer)
    return [
        Route("/api/repos/{owner}/{name}/tree", files_api.folder),
        Route("/api/repos/{owner}/{name}/tree/{rest:any_path}", files_api.folder),
        Route("/api/repos/{owner}/{name}/last-commits/{rest:any_path}", last.stream),
        Route("/api/repos/{owner}/{name}/paths/{rest:any_path}", files_api.paths),
        Route("/api/repos/{owner}/{name}/refs", files_api.refs_named),
        Route("/api/repos/{owner}/{name}/blame/{rest:any_path}", blame.stream),
        Route("/", index.show),
        Route("/favicon.ico", _favicon),
        Route("/robots.txt", _robots),
        Route("/signin", signin.show),
        Route("/signin", signin.sign_in, methods=["POST"]),
        Route("/signout", signin.sign_out, methods=["POST"]),
        Route("/new", new.show),
        Route("/new", new.create, methods=["POST"]),
        Route("/account", account.show),
        Route("/account/password", account.change_password, methods=["POST"]),
        Route("/account/tokens", account.add_token, methods=["POST"]),
        Route("/account/tokens/{token_id:int}/revoke", account.revoke_token, methods=["POST"]),
        Route("/account/keys", account.add_key, methods=["POST"]),
        Route("/account/keys/{key_id:int}/remove", account.remove_key, methods=["POST"]),
        Route("/{owner}", index.of_owner),
        Route("/{owner}/{name}", graph.show),
        Route("/{owner}/{name}/tree", tree.tree),
        Route("/{owner}/{name}/tree/{rest:any_path}", tree.tree),
        Route("/{owner}/{name}/blob/{rest:any_path}", file.show),
        Route("/{owner}/{name}/raw/{rest:any_path}", blob.raw),
        Route("/{owner}/{name}/history", history.show),
        Route("/{owner}/{name}/history/{rest:any_path}", history.show),
        Route("/{owner}/{name}/blame/{rest:any_path}", lines_of.show),
        Route("/{owner}/{name}/branches", refs.branches),
        Route("/{owner}/{name}/tags", refs.tags),
        Route("/{owner}/{name}/commit/{oid}.patch", commit.patch),
        Route("/{owner}/{name}/commit/{oid}.diff", commit.patch),
        Route("/{owner}/{name}/commit/{oid}", commit.show),
        Route("/{owner}/{name}/commit/{oid}/lines", commit.lines),
        Route("/{owner}/{name}/commit/{oid}/about", commit.about),
        Route("/{owner}/{name}/compare", compare.choose),
        Route("/{owner}/{name}/compare/{rest:any_path}", compare.show),
        Route("/{owner}/{name}/card", cards.show),
        Route("/{owner}/{name}/settings", settings.show),
        Route("/{owner}/{name}/settings", settings.change, methods=["POST"]),
        Route("/{owner}/{name}/settings/delete", settings.delete, methods=["POST"]),
        Route("/{owner}/{name}/settings/keys", settings.add_key, methods=["POST"]),
        Route("/{owner}/{name}/settings/keys/{key_id:int}/remove", settings.remove_key, methods=["POST"]),
    ]


async def _favicon(request: Request) -> Response:
    return RedirectResponse(host_of(request).templates.assets.url("img/favicon.svg"), 302)


async def _robots(request: Request) -> Response:
    return PlainTextResponse(ROBOTS)
