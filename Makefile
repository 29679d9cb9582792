# make run    the server, with a demo repository, on http://localhost:8000
# make test   everything that is checked: lint, types, the whole test suite
# make bench  the tables of docs/performance.md (REPO=PATH for a bare repository of your own, ARGS="--only transport" for one of them)
# make soak   eight clients of every kind for ten minutes (MINUTES=30), then nothing may be lost, left behind or have grown

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test bench soak clean

run: .venv/.run
	@$(BIN)/gitperch serve --demo $(ARGS)

test: .venv/.dev
	@contrib/test-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	@if [ -x node_modules/.bin/tsc ]; then set -x; node_modules/.bin/tsc --project tsconfig.json; fi
# What failed beside two others on two cores is asked once more alone: a fault fails again, a test that waited too little is named.
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS) || \
	{ [ $$? = 1 ] && $(BIN)/pytest --last-failed --maxfail 1 $(ARGS); }

bench: .venv/.dev
	@contrib/test-tools bench
	$(BIN)/python -m contrib.bench $(if $(REPO),--repo $(REPO)) $(ARGS)

soak: .venv/.dev
	$(BIN)/python -m contrib.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

.venv/.run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gitperch needs Python 3.11 or later; say which with: make run PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv || { echo "The venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned dependencies into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.run requirements-dev.lock
	@echo "Installing what the tests need into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf .venv node_modules
