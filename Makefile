# newsloom: what a developer types. Needs Python 3.11+ (with venv) and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test faults servers lint bench screenshots lock clean

install: .venv/installed            ## .venv with the pinned packages and the newsloom command

demo: install                       ## the whole pipeline on the bundled samples
	$(BIN)/newsloom demo

test: .venv/installed-dev           ## all tests, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

faults: .venv/installed-dev         ## killed processes, stopped servers: many more rounds than `make test`
	NEWSLOOM_KILLS=20 $(BIN)/python -m pytest --timeout 3000 tests/faults

servers: .venv/installed-dev        ## a Kafka broker and an Elasticsearch node to try by hand; needs a JDK 21 and Maven
	$(BIN)/python -m tests.servers

lint: .venv/installed-dev           ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/installed-dev          ## the figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

screenshots: .venv/installed-dev    ## docs/images, from the samples; needs Chromium
	$(BIN)/python -m tests.browser.screenshots

lock: .venv/installed-dev           ## the pinned packages anew, from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra build --extra accurate $(LOCK) -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra build --extra accurate --extra dev $(LOCK) -c requirements.txt -o requirements-dev.txt
LOCK := --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

clean:                              ## removes what the other targets made, but no articles
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "newsloom needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@
