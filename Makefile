# The targets that people and CI call. `make demo` and `make test` need Python 3.11-3.13 and a package index, no more.

PYTHON ?= python3
BIN := .venv/bin
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
endif
STAMP := .venv/.installed
CLIENT := editor-clients/vscode

.PHONY: demo test check lint docs client bench bench-actions bench-typing clean

demo: $(STAMP)
	$(BIN)/sidesight demo

test: check
	$(BIN)/python -m pytest

check: lint client

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

client: $(CLIENT)/node_modules/.installed
	cd $(CLIENT) && npm run check && npm run package

$(CLIENT)/node_modules/.installed: $(CLIENT)/package-lock.json
	cd $(CLIENT) && npm ci --no-audit --no-fund
	touch $@

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,dev]'
	touch $@

# The checked actions beside the bare model, row by row; goes on where it was stopped. ROWS=40 for more of each set.
bench-actions: $(STAMP)
	$(BIN)/python bench/actions.py --rows $(or $(ROWS),12)

# Overhead, prompt layouts, typing beside llama.vim's way, eight editors at once: about an hour on two cores.
bench-typing: $(STAMP)
	$(BIN)/python bench/overhead.py
	$(BIN)/python bench/layouts.py
	$(BIN)/python bench/replay.py
	$(BIN)/python bench/soak.py

clean:
	rm -rf .venv build dist *.egg-info $(CLIENT)/node_modules
