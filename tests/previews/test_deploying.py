"""A push of an app: what is said, what answers, and what stays when something goes wrong."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from support.previews import app, checkouts, held, processes, running, wait
from support.server import commit

if TYPE_CHECKING:
    from pathlib import Path

    from support.previews import Site
    from support.server import Server


def told(said: str) -> list[str]:
    """What the server has said to a pusher, without empty lines."""
    lines = [line.removeprefix("remote: ").rstrip() for line in said.splitlines() if line.startswith("remote: ")]
    return [line for line in lines if line]


def test_a_pushed_app_answers_at_its_address(site: Site) -> None:
    oid = site.push(app("one"))
    ready = site.until("ready")
    assert ready["oid"] == oid
    assert ready["serving"] == ready["deployment"]
    assert ready["runner"] == "process"
    assert ready["isolation"]
    assert ready["memory"] > 1 << 20
    assert site.text() == "one"
    assert site.text("env?GITPERCH_BRANCH") == "main"
    assert site.text("env?GITPERCH_COMMIT") == oid
    assert site.text("env?GITPERCH_URL") == site.url()
    page = site.server.get(f"/{site.server.admin}/{site.name}/branches", user=site.server.admin)
    assert site.url() in page.text


def test_a_branch_gets_no_more_memory_than_the_server_allows(site: Site) -> None:
    said = site.said(app("hungry", toml='memory = "64g"\n'))
    assert "memory: 512 MB, the most that this server allows (previews.memory_max)" in said
    assert site.state() == "ready"


def test_a_script_reads_what_was_found_and_does_not_wait(site: Site) -> None:
    with held() as builds:
        commit(site.work, app("slow", build=builds))
        said = site.server.git("push", site.remote, "HEAD:refs/heads/main", cwd=site.work)
        assert site.state() != "ready"
    lines = told(said)
    assert "-----> Building main (gitperch.toml command)" in lines
    assert lines[-1].startswith("=====> http://main-")
    assert "Preview" not in said


def test_a_person_follows_the_build_to_its_end(site: Site) -> None:
    said = site.said(app("followed", build="echo building one; sleep 0.3; echo building two"))
    assert site.state() == "ready"
    lines = told(said)
    building = lines.index("       building one")
    assert "       building two" in lines[building:]
    assert lines[-1] == f"=====> {site.url()}"


def test_a_person_reads_why_a_build_failed_and_what_stays(site: Site) -> None:
    site.push(app("good"))
    site.until("ready")
    said = site.said(app("bad", build="echo about to fail; exit 7"))
    assert "about to fail" in said
    problem = site.previews()["main"]["problem"]
    assert "exit 7" in problem
    assert f" !     {problem}" in said
    assert f"The version before stays at {site.url()}" in said
    assert site.text() == "good"


def test_a_failed_version_leaves_the_old_one_and_nothing_of_itself(site: Site) -> None:
    site.push(app("old"))
    old = site.until("ready")
    for broken in (
        app("broken", before="raise SystemExit('no')"),
        app("silent", before="import time; time.sleep(100)", toml="health = {attempts = 2, pause = 0.1}\n"),
        app("sick", toml="health = {path = '/', attempts = 2}\n") | {"app.py": "import time; time.sleep(50)"},
    ):
        oid = site.push(broken)
        failed = site.until("failed", oid=oid)
        assert failed["problem"]
        assert failed["serving"] == old["deployment"]
        assert site.text() == "old"
    wait(lambda: checkouts(site.server) & {str(n) for n in range(old["deployment"] + 1, 100)} == set(), "tidied")
    wait(lambda: max(processes(site.server).values(), default=0) <= old["deployment"], "no process of theirs")
    oid = site.push(app("new"))
    site.until("ready", oid=oid)
    assert site.text() == "new"


def test_the_new_version_takes_over_without_a_failed_request(site: Site) -> None:
    site.push(app("first"))
    site.until("ready")
    first = site.previews()["main"]["deployment"]
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def hammer() -> None:
        url = site.url()
        while not stop.is_set():
            answer = site.server.get(url)
            seen.append((answer.status, answer.text))

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    oid = site.push(app("second", before="import time; time.sleep(0.5)"))
    site.until("ready", oid=oid)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in seen} == {200}
    assert {text for _, text in seen} == {"first", "second"}
    assert seen[-1] == (200, "second")
    wait(lambda: first not in running(site.server), "the old one's end")


def test_of_several_commands_the_one_that_stays_up_serves(site: Site) -> None:
    files = app("by script")
    files["gitperch.toml"] = "[preview]\ncommand = ['exit 4', 'python3 app.py']\n"
    site.push(files)
    ready = site.until("ready")
    log = site.log(ready)
    assert "Starting exit 4" in log
    assert "Trying the next command" in log
    assert site.text() == "by script"


def test_fifty_pushes_to_one_branch_end_in_one_build_of_the_last(site: Site) -> None:
    with held() as builds:
        files = app("counted", build=builds)
        for number in range(50):
            files["number"] = str(number)
            last = site.push(files)
    ready = site.until("ready", oid=last)
    assert site.text() == "counted"
    folder = site.server.data / "plugins/preview/logs"
    checked_out = [path for path in folder.glob("*/*.log") if "Checking out" in path.read_text() and _of(site, path)]
    reached = [path for path in checked_out if "-----> Ready" in path.read_text()]
    assert [path.stem for path in reached][-1:] == [str(ready["deployment"])]
    assert len(reached) <= 2, "the last, and perhaps the first, before it was known to be one of many"
    assert running(site.server).count(ready["deployment"]) == 1


def _of(site: Site, path: Path) -> bool:
    """Whether a log is of this site."""
    return path.parent.name == str(max(int(folder.name) for folder in path.parent.parent.iterdir()))


def test_two_branches_are_two_apps(site: Site) -> None:
    site.push(app("main one"))
    site.push(app("side one"), "feature/side")
    site.until("ready")
    site.until("ready", "feature/side")
    assert (site.text(), site.text(branch="feature/side")) == ("main one", "side one")
    site.push(app("side two"), "feature/side")
    wait(lambda: site.text(branch="feature/side") == "side two", "the second version")
    assert site.text() == "main one"
    assert site.text("env?GITPERCH_BRANCH", "feature/side") == "feature/side"


def test_a_deleted_branch_leaves_nothing(site: Site) -> None:
    site.push(app("kept"))
    site.push(app("gone"), "gone")
    site.until("ready")
    gone = site.until("ready", "gone")
    site.delete("gone")
    wait(lambda: "gone" not in site.previews(), "the preview's end")
    wait(lambda: gone["deployment"] not in processes(site.server).values(), "the app's end")
    wait(lambda: str(gone["deployment"]) not in checkouts(site.server), "the check-out's end")
    logs = site.server.data / "plugins/preview/logs"
    wait(lambda: not list(logs.glob(f"*/{gone['deployment']}.log")), "the log's end")
    assert site.server.get(gone["url"]).status != 200
    assert site.text() == "kept"


def test_a_branch_that_becomes_files_and_an_app_again(site: Site) -> None:
    site.push(app("an app"))
    first = site.until("ready")
    for name in ("app.py", "gitperch.toml"):
        (site.work / name).unlink()
    site.push({"index.html": "files"})
    wait(lambda: "main" not in site.previews(), "the app's end")
    assert site.server.get(first["url"]).text == "files"
    wait(lambda: first["deployment"] not in processes(site.server).values(), "the process's end")
    oid = site.push(app("again"))
    site.until("ready", oid=oid)
    assert site.text() == "again"


def test_a_recipe_that_cannot_be_says_so_in_the_push(site: Site) -> None:
    commit(site.work, {"gitperch.toml": "[preview]\nport = 'many'\n", "index.html": "x"})
    said = site.server.git("push", site.remote, "HEAD:refs/heads/main", cwd=site.work)
    failed = site.until("failed")
    assert "port" in failed["problem"]
    assert failed["problem"] in said


def test_pushes_of_files_are_as_they_were(apps: Server, site: Site) -> None:
    commit(site.work, {"index.html": "files"})
    said = apps.git("push", site.remote, "HEAD:refs/heads/main", cwd=site.work)
    assert "Preview  http://main-" in said
    assert "----->" not in said
    url = next(line.split()[-1] for line in said.splitlines() if "Preview" in line)
    assert apps.get(url).text == "files"
    assert site.previews() == {}


def test_while_a_version_is_built_the_old_one_is_woken_and_started_again(site: Site) -> None:
    site.push(app("old"))
    site.until("ready")
    site.act("sleep")
    site.until("sleeping")
    with held() as builds:
        oid = site.push(app("new", build=builds))
        site.until("building", oid=oid)
        assert site.text() == "old"
        assert site.state() == "building"
        before = site.text("id")
        site.server.get(f"{site.url()}exit")
        site.another(before)
        assert site.state() == "building"
    site.until("ready", oid=oid)
    assert site.text() == "new"
    wait(lambda: running(site.server).count(site.previews()["main"]["serving"]) == 1, "one app")


NODE = """
const http = require("http");
const server = http.createServer((request, response) => response.end(request.url === "/healthz" ? "well" : "node " + process.version));
setTimeout(() => server.listen(process.env.PORT, process.env.HOST), 300);
"""


def test_a_node_app_is_asked_for_its_health(site: Site) -> None:
    settings = '[preview]\nhealth = "/healthz"\n'
    package = '{"name": "shop", "private": true, "scripts": {"start": "node server.js"}}'
    said = site.said({"server.js": NODE, "package.json": package, "gitperch.toml": settings})
    assert "Building main (package.json scripts.start)" in said
    assert f"=====> {site.url()}" in said
    assert site.text().startswith("node v")
    sick = {"server.js": NODE.replace("response.end(", "response.writeHead(500).end(")}
    oid = site.push({**sick, "gitperch.toml": '[preview]\nhealth = {path = "/healthz", attempts = 30, pause = 0.2}\n'})
    failed = site.until("failed", oid=oid, seconds=60)
    assert "GET /healthz was answered with 500" in failed["problem"]
    assert site.text().startswith("node v")
