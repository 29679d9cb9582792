"""What is found to run in a project of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.recipes import Files, found, lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "command"),
    [
        (
            {"requirements.txt": "fastapi\nuvicorn[standard]>=0.2", "main.py": "app = FastAPI()\n"},
            "uvicorn main:app --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "FastAPI==1",
                "app/main.py": "from fastapi import FastAPI\n\napi: FastAPI = FastAPI(title='x')\n",
            },
            "uvicorn app.main:api --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "-r base.txt\n",
                "base.txt": "starlette\nhypercorn\n",
                "asgi.py": "app = starlette.applications.Starlette()\n",
            },
            "hypercorn --bind $HOST:$PORT asgi:app",
        ),
        (
            {
                "requirements.txt": "fastapi\nuvicorn",
                "app/main.py": "def get_application() -> FastAPI:\n    ...\n\n\napp = get_application()\n",
            },
            "uvicorn app.main:app --host $HOST --port $PORT",
        ),
        (
            {"requirements.txt": "fastapi", "main.py": "def create_app():\n    return FastAPI()\n"},
            "uvicorn main:create_app --factory --host $HOST --port $PORT",
        ),
        (
            {"requirements.txt": "flask\ngunicorn", "wsgi.py": "app = Flask(__name__)\n"},
            "gunicorn --bind $HOST:$PORT wsgi:app",
        ),
        (
            {"requirements.txt": "flask\ngunicorn", "app/__init__.py": "def create_app(x=None):\n    pass\n"},
            "gunicorn --bind $HOST:$PORT 'app:create_app()'",
        ),
        (
            {"requirements.txt": "Flask", "app.py": "app = Flask(__name__)\n"},
            "flask --app app run --host $HOST --port $PORT",
        ),
        (
            {
                "requirements.txt": "Django\ngunicorn",
                "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
                "shop/wsgi.py": "",
            },
            "gunicorn shop.wsgi:application --bind $HOST:$PORT",
        ),
        ({"requirements.txt": "Django", "manage.py": ""}, "python manage.py runserver --noreload $HOST:$PORT"),
        ({"requirements.txt": "datasette"}, "datasette . --host $HOST --port $PORT"),
        (
            {"requirements.txt": "streamlit", "Hello.py": "import streamlit as st\n", "a.py": ""},
            "streamlit run Hello.py --server.address $HOST --server.port $PORT",
        ),
        (
            {
                "pyproject.toml": "[project]\nname='x'\ndependencies=['starlette>=0.3']\n",
                "app.py": "app = Starlette()\n",
            },
            "uvicorn app:app --host $HOST --port $PORT",
        ),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\nfastapi = '*'\nuvicorn = '*'\n",
                "main.py": "app = FastAPI()\n",
            },
            "uvicorn main:app --host $HOST --port $PORT",
        ),
    ],
)
def test_python_servers_are_recognised(tmp_path: Path, files: Files, command: str) -> None:
    recipe = found(tmp_path, files)
    assert recipe.kind == "process", recipe
    assert lines(recipe)[0].startswith(f".venv/bin/{command}")
    assert recipe.environment["PYTHONUNBUFFERED"] == "1"


@pytest.mark.parametrize(
    ("files", "install"),
    [
        (
            {"requirements.txt": "fastapi\nuvicorn"},
            ["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt"],
        ),
        (
            {"requirements.txt": "fastapi"},
            ["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt uvicorn"],
        ),
        (
            {"pyproject.toml": "[project]\ndependencies=['fastapi[standard] >=0.1; python_version>\"3\"']"},
            ["python3 -m venv .venv", ".venv/bin/pip install 'fastapi[standard] >=0.1; python_version>\"3\"'"],
        ),
        (
            {"pyproject.toml": "[build-system]\n[project]\ndependencies=['fastapi', 'uvicorn']"},
            ["python3 -m venv .venv", ".venv/bin/pip install ."],
        ),
        (
            {"pyproject.toml": "[project]\ndependencies=['fastapi']", "uv.lock": ""},
            ['PATH="$PATH:$PWD/.venv-tools/bin" uv sync --frozen'],
        ),
        (
            {"pyproject.toml": "[tool.poetry.dependencies]\nfastapi='*'", "poetry.lock": ""},
            ['PATH="$PATH:$PWD/.venv-tools/bin" poetry install --no-root --no-interaction'],
        ),
    ],
)
def test_python_is_installed_by_lock_file(tmp_path: Path, files: Files, install: list[str]) -> None:
    recipe = found(tmp_path, {"main.py": "app = FastAPI()\n", **files})
    assert [command.line for command in recipe.install][-len(install) :] == install
