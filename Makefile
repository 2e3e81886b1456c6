# make setup   a virtual environment with everything pinned, ready for all below
# make demo    checks, then one whole iteration of models/AgentA (again: the next one)
# make test    the test suite            make lint    style, types and import contracts
# make bench   how fast this machine runs each part
#
# PYTHON=python3.8 VENV=.venv38 choose another interpreter and folder.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
AGENT := models/AgentA
READY := $(VENV)/.pawnzero-installed

.PHONY: setup demo test lint bench

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 8) and "pawnzero needs Python 3.8 or later; choose one with PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[test,dev]"
	@touch $(READY)

demo: $(READY)
	$(BIN)/python -m training.checks
	$(BIN)/python -m pawnzero run $(AGENT) --iterations 1 --num-selfplay 5 --trainer-iters 100 --eval-games 20

test: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/pawnzero bench
