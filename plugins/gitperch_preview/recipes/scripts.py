"""What a script of package.json starts: a server that is known, with the flags for $HOST and $PORT, another one, or none."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPTH = 5  # scripts that run scripts that run scripts
LONGEST = 4096  # characters; a longer script is taken as it is
_HOST_PORT = "--host $HOST --port $PORT"
_CRA = {"BROWSER": "none", "WDS_SOCKET_PORT": "0", "DANGEROUSLY_DISABLE_HOST_CHECK": "true"}
_WEBPACK = f"{_HOST_PORT} --allowed-hosts all --client-web-socket-url auto://0.0.0.0:0/ws"


@dataclass(frozen=True)
class Server:
    """`name` as a person calls it. `flags` follow the script. `files`: it hands out files as they lie, and nothing else.

    `develops`: it works from the sources, so that nothing has to be built before.
    """

    name: str
    flags: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: bool = False
    develops: bool = False


@dataclass(frozen=True)
class _Known:
    """A program, and the words after it that start a server ("" for none, or for a folder)."""

    words: frozenset[str]
    flags: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    files: bool = False


def _known(words: str, flags: str = "", environment: Mapping[str, str] | None = None, *, files: bool = False) -> _Known:
    return _Known(frozenset("" if word == "-" else word for word in words.split()), flags, environment or {}, files)


# "-" stands for no word at all. Flags are those of each program's own command line; without any, it reads PORT.
_PROGRAMS = {
    "vite": _known("- dev serve preview", f"{_HOST_PORT} --strictPort"),
    "astro": _known("- dev start preview", _HOST_PORT),
    "next": _known("- dev start", "--hostname $HOST --port $PORT"),
    "nuxt": _known("- dev start preview", _HOST_PORT),
    "nuxi": _known("dev start preview", _HOST_PORT),
    "react-router": _known("dev", _HOST_PORT),
    "remix": _known("vite:dev", _HOST_PORT),
    "vinxi": _known("dev start", _HOST_PORT),
    "waku": _known("dev start", _HOST_PORT),
    "svelte-kit": _known("dev preview", _HOST_PORT),
    "react-scripts": _known("start", "", _CRA),
    "react-app-rewired": _known("start", "", _CRA),
    "craco": _known("start", "", _CRA),
    "vue-cli-service": _known("serve", _HOST_PORT),
    "webpack-dev-server": _known("-", _WEBPACK),
    "webpack": _known("serve server s", _WEBPACK),
    "webpack-cli": _known("serve server s", _WEBPACK),
    "rspack": _known("serve server s dev", _HOST_PORT),
    "rsbuild": _known("- dev preview", _HOST_PORT),
    "parcel": _known("- serve", _HOST_PORT),
    "ng": _known("serve s dev", _HOST_PORT),
    "ember": _known("serve server s", _HOST_PORT),
    "gatsby": _known("develop serve", _HOST_PORT),
    "docusaurus": _known("start", f"{_HOST_PORT} --no-open"),
    "vitepress": _known("- dev serve preview", _HOST_PORT),
    "vuepress": _known("dev", _HOST_PORT),
    "storybook": _known("dev", f"{_HOST_PORT} --ci"),
    "eleventy": _known("--serve", "--port=$PORT"),
    "hugo": _known("server serve", "--bind $HOST --port $PORT --baseURL $GITPERCH_URL --appendPort=false"),
    "wrangler": _known("dev", "--ip $HOST --port $PORT"),
    "quasar": _known("dev", "--hostname $HOST --port $PORT"),
    "json-server": _known("-", _HOST_PORT),
    "serve": _known("-", "--listen tcp://$HOST:$PORT", files=True),
    "http-server": _known("-", "-a $HOST -p $PORT", files=True),
    "live-server": _known("-", "--host=$HOST --port=$PORT --no-browser", files=True),
    "sirv": _known("-", _HOST_PORT, files=True),
    "lite-server": _known("-", files=True),
    "browser-sync": _known("start -", f"{_HOST_PORT} --no-open", files=True),
    "servor": _known("-", files=True),
}
_PROGRAMS["sirv-cli"] = _PROGRAMS["sirv"]
_PROGRAMS["@11ty/eleventy"] = _PROGRAMS["eleventy"]
# They build, watch, test or open a window: nothing listens.
_NO_SERVERS = frozenset(
    """
    tsc vue-tsc svelte-check rollup esbuild webpack webpack-cli rspack tsup tsdown unbuild microbundle babel swc ncc pkg
    jest vitest mocha ava tap cypress playwright karma eslint prettier biome stylelint sass node-sass lessc stylus
    postcss tailwindcss chokidar onchange cpx copyfiles husky lerna changeset np release-it vsce
    electron electron-forge electron-builder react-native tauri web-ext rimraf rm mkdir cp mv cat echo printf exit true
    false sleep cd export set test [ vite astro next nuxt nuxi rsbuild parcel eleventy hugo ng storybook vitepress
    docusaurus gatsby svelte-kit vue-cli-service react-scripts react-app-rewired craco
    """.split()
)
_BUILDS = frozenset(
    {"build", "export", "lint", "test", "check", "generate", "prepare", "sync", "info", "watch", "optimize"}
)
_WRAPPERS = frozenset({"npx", "bunx", "cross-env", "env", "exec", "nice", "time", "dotenv", "dotenvx", "env-cmd"})
_OPERATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", ";;", "|&"})
_STARTS = frozenset(
    {"react-scripts", "react-app-rewired", "craco", "docusaurus", "astro"}
)  # their `start` is what others call `dev`
_FIXED = re.compile(r"(\bPORT=|(?<=\s)--port[= ])\d{2,5}\b")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
_RUN = {("npm", "run"), ("npm", "run-script"), ("pnpm", "run"), ("yarn", "run"), ("bun", "run")}


def server(script: str, known: Mapping[str, str], depth: int = DEPTH) -> Server | None:
    """The server that `script` starts; None where it certainly starts none. One that is not known has the name of its program.

    `known` are the scripts beside it, which it may run.
    """
    commands, last_operator = _commands(script)
    if not commands or not depth:
        return Server("a script")
    found = [_judged(_bare(words), known, depth) for words in commands]
    if not any(found):
        return None
    last = found[-1]
    if last and last_operator not in ("|", "|&") and not script.rstrip().endswith("&"):
        return last if len(found) == 1 else replace(last, files=False)
    return Server(next(it.name for it in found if it))


def listening(script: str, flags: str) -> str:
    """The script with $PORT where it says a port itself, and `flags` behind it."""
    moved = _FIXED.sub(lambda match: f"{match[1]}$PORT", script.strip())
    if "--port" in flags:
        moved = moved.replace(" --port $PORT", "").replace(" --port=$PORT", "")
    return f"{moved} {flags}".rstrip()


def alias(script: str) -> str | None:
    """The name of the other script that this one runs and nothing else (`npm run serve`); None for anything else."""
    commands, _ = _commands(script)
    words = commands[0] if len(commands) == 1 else []
    return _called(words) if len(words) < 4 else None


def _called(words: Sequence[str]) -> str | None:
    """The script that a command has its package manager run."""
    if len(words) > 2 and (words[0], words[1]) in _RUN:
        return words[2]
    if len(words) > 1 and words[0] in _MANAGERS and (words[0] != "npm" or words[1] == "start"):
        return words[1]
    return None


def _commands(script: str) -> tuple[list[list[str]], str]:
    """The simple commands of a script, as words, and the operator before the last; nothing for one that cannot be taken apart."""
    if len(script) > LONGEST:
        return [], ""
    lexer = shlex.shlex(script.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    operator = ""
    try:
        for word in lexer:
            if word in _OPERATORS:
                if commands[-1]:
                    commands.append([])
                operator = word if word != ")" else operator
            else:
                commands[-1].append(word)
    except ValueError:
        return [], ""
    return [words for words in commands if words], operator


def _bare(words: Sequence[str]) -> list[str]:
    """A simple command without what only sets it up: assignments, `npx`, `cross-env`, the path to the program."""
    left = list(words)
    while left:
        first = left[0]
        if _ASSIGNMENT.fullmatch(first):
            left = left[1:]
        elif first in _WRAPPERS or (first in _MANAGERS and left[1:2] in (["exec"], ["dlx"], ["x"])):
            left = left[1 if first in _WRAPPERS else 2 :]
            if "--" in left:
                left = left[left.index("--") + 1 :]
            while left and left[0].startswith("-"):
                left = left[1:]
        elif first in ("node", "bun") and (after := _module(left[1:])):
            left = after
        elif first in ("bun", "yarn", "pnpm") and len(left) > 1 and left[1] in _PROGRAMS:
            left = left[1:]
        else:
            break
    return [_program(left[0]), *left[1:]] if left else []


def _module(words: Sequence[str]) -> list[str] | None:
    """`node --inspect node_modules/vite/bin/vite.js dev` → `vite dev`."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[1:]
    inside = rest and ("node_modules/" in rest[0] or rest[0] in _PROGRAMS)
    return rest if inside else None


def _program(word: str) -> str:
    if word.startswith("@"):
        return word
    return word.rpartition("/")[2].removesuffix(".js").removesuffix(".mjs").removesuffix(".cjs").partition("@")[0]


def _judged(words: Sequence[str], scripts: Mapping[str, str], depth: int) -> Server | None:
    if not words:
        return None
    program, rest = words[0], words[1:]
    called = _called(words)
    if called and called in scripts:
        inner = server(scripts[called], scripts, depth - 1)
        return inner and Server(inner.name)  # flags would not arrive there
    known = _PROGRAMS.get(program)
    if known:
        word = next((it for it in rest[:1] if not it.startswith("-")), "")
        plain = "" in known.words and word not in _BUILDS
        if word in known.words or plain or known.words & set(rest):
            serves_built = known.files or word == "preview" or (word == "start" and program not in _STARTS)
            return Server(program, known.flags, known.environment, known.files, not serves_built)
    if program == "esbuild" and any(it.startswith(("--serve", "--servedir")) for it in rest):
        return Server(program, "--serve=$HOST:$PORT")
    if program.startswith("python") and "http.server" in rest:
        return Server("http.server", "--bind $HOST $PORT", files=True)
    return None if program in _NO_SERVERS else Server(program)
