"""Signing in, accounts, tokens and settings: what the forms do, and what they refuse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.server import PASSWORD, commit
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


@pytest.fixture
def alice(server: Server) -> Visitor:
    visitor = Visitor(server)
    assert visitor.sign_in().status == 303
    return visitor


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/alice/thing?x=1", "/alice/thing?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/%0d%0aX: y".replace("%0d%0a", "\r\n"), "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_back_to_local_paths_only(server: Server, given: str, leads_to: str) -> None:
    answer = Visitor(server).post("/signin", {"name": server.admin, "password": PASSWORD, "next": given})
    assert (answer.status, answer.headers["location"]) == (303, leads_to)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_wrong_password_keeps_the_name_and_says_so_at_the_field(server: Server) -> None:
    answer = Visitor(server).post("/signin", {"name": "<alice>", "password": "wrong", "next": "/new"})
    assert answer.status == 422
    assert 'value="&lt;alice&gt;"' in answer.text
    assert 'name="next" value="/new"' in answer.text
    assert re.search(r'id="password-error" role="alert">.*is not right', answer.text, re.DOTALL)


def test_signing_out_ends_the_session(alice: Visitor) -> None:
    kept = alice.cookie
    assert alice.post("/signout", {}, page="/").status == 303
    alice.cookie = kept
    assert alice.get("/account").headers["location"] == "/signin?next=/account"


@pytest.mark.parametrize(
    "path", ["/signout", "/new", "/account/password", "/account/tokens", "/account/tokens/1/revoke"]
)
def test_a_form_of_another_site_or_session_does_nothing(alice: Visitor, path: str) -> None:
    foreign = alice.post(path, {"name": "gift"}, page="/new", Origin="https://evil.example")
    assert foreign.status == 403
    stale = alice.post(path, {"name": "gift", "csrf": "0" * 32}, page="/new")
    assert stale.status == 403
    assert "another session" in stale.text
    assert alice.get("/account").status == 200


def test_a_token_cannot_do_what_only_a_person_may(server: Server, alice: Visitor) -> None:
    token = server.cli("token", "add", server.admin, "--scope", "read:repository").split()[-1]
    with_token = Visitor(server, headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
    for path in ("/new", "/account"):
        assert with_token.get(path).status == 401
    assert with_token.post("/new", {"name": "stolen"}, page="/signin").status == 401
    assert "stolen" not in alice.get("/").text


def test_a_repository_is_made_by_its_form_and_a_bad_name_comes_back(alice: Visitor) -> None:
    bad = alice.post("/new", {"name": "../x", "description": "Kept “as typed”", "visibility": "public"})
    assert bad.status == 422
    assert "cannot be used" in bad.text
    assert "Kept “as typed”" in bad.text
    assert re.search(r'value="public" checked', bad.text)
    assert alice.post("/new", {"name": "made", "visibility": "private"}).headers["location"] == "/alice/made"
    assert alice.get("/alice/made").status == 200
    again = alice.post("/new", {"name": "made"})
    assert again.status == 422
    assert "exists already" in again.text


def test_a_new_token_is_shown_once_works_for_git_and_can_be_revoked(server: Server, alice: Visitor) -> None:
    form = {"name": "laptop <1>", "scope": "read:repository", "days": "30", "repository": ""}
    answer = alice.post("/account/tokens", form, page="/account")
    found = re.search(r"gpt_[0-9a-f]{40}", answer.text)
    assert found
    assert answer.headers["cache-control"] == "no-store"
    alice.post("/new", {"name": "for-token"})
    server.git("ls-remote", server.remote("alice/for-token", "alice", found[0]))
    page = alice.get("/account").text
    assert found[0] not in page
    assert "laptop &lt;1&gt;" in page
    number = re.search(r"/account/tokens/(\d+)/revoke", page)
    assert number
    assert alice.post(f"/account/tokens/{number[1]}/revoke", {}, page="/account").status == 303
    assert (
        server.get("/alice/for-token.git/info/refs?service=git-upload-pack", user="alice", password=found[0]).status
        == 401
    )


def test_a_token_needs_a_name_a_known_scope_and_a_repository_one_may_read(alice: Visitor) -> None:
    for form, field in (
        ({"name": " ", "scope": "all", "days": "30"}, "token-name-error"),
        ({"name": "x", "scope": "root", "days": "30"}, "scope-error"),
        ({"name": "x", "scope": "all", "days": "12345"}, "days-error"),
        ({"name": "x", "scope": "all", "days": "", "repository": "alice/nowhere"}, "repository-error"),
    ):
        answer = alice.post("/account/tokens", form, page="/account")
        assert answer.status == 422
        assert f'id="{field}"' in answer.text


def test_changing_the_password_ends_other_sessions_and_old_basic_sign_ins(server: Server) -> None:
    server.add_user("carol")
    here, elsewhere = Visitor(server), Visitor(server)
    here.sign_in("carol")
    elsewhere.sign_in("carol")
    refs = "/carol/none.git/info/refs?service=git-upload-pack"
    assert server.get(refs, user="carol").status == 404
    new = "a-new-password-1"
    wrong = here.post("/account/password", {"current": "no", "password": new, "again": new}, page="/account")
    assert "not your present password" in wrong.text
    unlike = here.post("/account/password", {"current": PASSWORD, "password": new, "again": "x"}, page="/account")
    assert "not the same" in unlike.text
    short = here.post("/account/password", {"current": PASSWORD, "password": "x", "again": "x"}, page="/account")
    assert "at least 8" in short.text
    done = here.post("/account/password", {"current": PASSWORD, "password": new, "again": new}, page="/account")
    assert done.headers["location"] == "/account?done=password"
    assert here.get("/account").status == 200
    assert elsewhere.get("/account").status == 303
    assert server.get(refs, user="carol").status == 401
    assert server.get(refs, user="carol", password=new).status == 404


def test_settings_change_what_they_say_and_are_for_administrators(
    server: Server, alice: Visitor, tmp_path: Path
) -> None:
    alice.post("/new", {"name": "set"})
    commit(tmp_path, {"a": "1"})
    server.git("push", "-q", server.remote("alice/set"), "main", "main:stable", cwd=tmp_path)
    form = {"description": "A <garden>", "visibility": "public", "open_previews": "1", "default_branch": "stable"}
    assert alice.post("/alice/set/settings", form).status == 303
    page = alice.get("/alice/set/settings").text
    assert "A &lt;garden&gt;" in page
    assert "<option selected>stable" in page
    assert re.search(r'name="open_previews" value="1" checked', page)
    wrong = alice.post("/alice/set/settings", form | {"default_branch": "gone"})
    assert wrong.status == 422
    assert 'id="default_branch-error"' in wrong.text
    assert Visitor(server).get("/alice/set").status == 200
    assert Visitor(server).get("/alice/set/settings").status == 303
    server.add_user("dora")
    dora = Visitor(server)
    dora.sign_in("dora")
    assert dora.get("/alice/set/settings").status == 403
    assert "Settings" not in dora.get("/alice/set/branches").text


def test_a_repository_is_deleted_only_after_its_name_was_typed(alice: Visitor) -> None:
    alice.post("/new", {"name": "doomed"})
    refused = alice.post("/alice/doomed/settings/delete", {"confirmation": "doomed"}, page="/alice/doomed/settings")
    assert refused.status == 422
    assert "Nothing was deleted" in refused.text
    done = alice.post("/alice/doomed/settings/delete", {"confirmation": "alice/doomed"}, page="/alice/doomed/settings")
    assert done.status == 303
    assert alice.get("/alice/doomed").status == 404
