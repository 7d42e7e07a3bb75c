# Roundsman. `make demo` and `make test` are all a newcomer needs; each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REQUIREMENTS := requirements/dev.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint bench clients lock clean

help:            ## what can be made
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

setup: $(VENV)/.ready  ## the environment in .venv, with the `roundsman` command

$(VENV)/.ready: $(REQUIREMENTS) requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Roundsman needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r $(REQUIREMENTS)
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup      ## a simulated fleet and the server; Ctrl-C stops both
	@$(BIN)/roundsman demo $(ARGS)

clients: setup   ## the official clients that the tests drive, each in its own folder
	@$(BIN)/python tests/clients/install.py

test: setup clients ## everything the tests need, then all tests
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: setup      ## format, lint, types, import rules, dependencies, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/codespell

check: lint test ## what .ci/run calls

format: setup    ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup     ## ratios against floors measured in the same run
	@$(BIN)/python -m bench $(ARGS)

lock: setup      ## the locked requirements, from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements/uv.in -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements/clients-shared.in -o requirements/clients-shared.txt
	$(BIN)/python tests/clients/install.py --lock

clean:
	rm -rf $(VENV) .clients .pytest_cache .ruff_cache
