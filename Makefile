PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --root-user-action=ignore
RUNTIME ?= local
FEATURES ?= features

.PHONY: help setup test verify lint format bench attest-meilisearch lock clean

help: ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --only-binary :all: --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.done ## install the project and every server the runtime needs
	$(BIN)/engineroom setup --runtime $(RUNTIME)

test: setup ## the project's own tests
	$(BIN)/pytest tests/

verify: setup ## bring up a stack, run the features, print the verdict and the report's path
	$(BIN)/engineroom verify --runtime $(RUNTIME) $(FEATURES)

lint: $(VENV)/.done ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.done ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## print the measurements into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

attest-meilisearch: setup ## run the search features against MEILISEARCH_BIN and write the attestation
	$(BIN)/engineroom attest meilisearch

lock: $(VENV)/.done ## renew requirements.lock from pyproject.toml
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --output-file requirements.lock pyproject.toml

clean: ## remove what this checkout made (not the toolchain cache)
	rm -rf $(VENV) evidence .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
