# One place for every chore; `make help` lists them. A fresh clone needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := --no-deps --no-compile --require-hashes  # a lock has everything: nothing is to be resolved
COMPILED = $(BIN)/python -m compileall -q -j 0 $(VENV)/lib || true  # on all cores; what does not compile says so when it is used
SOURCES := mlops_tui bots store runbooks templates

# Where the environment forbids it, each of the thousand processes that the tests start would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types collected house bench lock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.installed  ## a year of New York flights through the whole loop; ARGS=--headless tells it without a screen
	@$(BIN)/mlops-tui demo $(ARGS)

test: $(VENV)/.tested  ## all tests; ARGS="tests/monitoring -x" for some
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: lint types  ## everything CI asks for: ruff, mypy, import contracts, tests
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(VENV)/.tested  ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.tested  ## mypy, strict
	$(BIN)/mypy

collected: $(VENV)/.tested  # read and compiled once, before each of pytest's processes would do so at the same time
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null || true  # what is wrong, the tests say

house: $(VENV)/.tested  ## modules and functions that have grown larger than we aim for
	@$(BIN)/python -m pytest -q tests/test_house.py

bench: $(VENV)/.tested  ## the measurements behind tests/bench/RESULTS.md, as JSON; they take minutes
	@for script in tests/bench/*.py; do echo "# $$script"; $(BIN)/python "$$script" || exit 1; done

# The locks name versions and hashes, never an index: they install from whichever index pip is set up for.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links

lock: $(VENV)/.created  ## renew both lock files; ARGS=--upgrade moves the versions
	$(PIP) install uv
	$(COMPILE) $(ARGS) --extra demo --group build pyproject.toml -o requirements.lock
	$(COMPILE) $(ARGS) --group test -c requirements.lock -o requirements-test.lock

clean:  ## remove the environment and every cache
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a step runs again only when what it was made from has changed.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "mlops-tui needs Python 3.11 or newer. Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.locked: $(VENV)/.created requirements.lock
	@echo "Installing the locked packages, once; this takes about a minute."
	@$(PIP) install $(LOCKED) -r requirements.lock
	@$(COMPILED)
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed requirements-test.lock
	@echo "Installing what the tests need, once."
	@$(PIP) install $(LOCKED) -r requirements-test.lock
	@$(COMPILED)
	@touch $@
