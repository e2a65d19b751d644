PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --root-user-action=ignore
RUNTIME ?= local
FEATURES ?= features

# The services with a builder of their own; one whose code is not here has nothing to test.
GIT := $(if $(wildcard stack/services/git/Cargo.lock),git)
API := $(if $(wildcard stack/services/api/go.sum),api)
WEB := $(if $(shell grep -s '"build":' stack/services/web/package.json),web)
# Where the toolchain's servers and builders are, for commands that are not ours.
WITH_TOOLS = tools=$$($(BIN)/python -m stack.toolchain.env) && eval "$$tools" && cd stack/services

.PHONY: help setup test test-python test-git test-api test-web verify lint lint-python lint-git lint-api lint-web
.PHONY: builder-rust builder-go builder-npm format bench soak-telemetry soak-recovery attest-meilisearch lock clean

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

test: test-python $(addprefix test-,$(GIT) $(API) $(WEB)) ## the project's own tests, and those of its services

test-python: setup
	$(BIN)/pytest tests/

test-git: setup builder-rust
	$(WITH_TOOLS)/git && cargo test --locked

test-api: setup builder-go
	$(WITH_TOOLS)/api && go test ./...

test-web: stack/services/web/node_modules/.package-lock.json
	$(WITH_TOOLS)/web && $$NPM test

verify: setup ## bring up a stack, run the features, print the verdict and the report's path
	$(BIN)/engineroom verify --runtime $(RUNTIME) $(FEATURES)

lint: lint-python $(addprefix lint-,$(GIT) $(API) $(WEB)) ## ruff, mypy, import-linter; the linters of the services

lint-python: $(VENV)/.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-git: builder-rust
	$(WITH_TOOLS)/git && cargo fmt --check
	$(WITH_TOOLS)/git && cargo clippy --all-targets --locked -- -D warnings

lint-api: builder-go
	$(WITH_TOOLS)/api && unformatted=$$(gofmt -l .) && { [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }; }
	$(WITH_TOOLS)/api && go vet ./... && go tool staticcheck ./...

lint-web: stack/services/web/node_modules/.package-lock.json
	$(WITH_TOOLS)/web && $$NPM run lint

builder-rust builder-go builder-npm: builder-%: $(VENV)/.done
	@$(BIN)/engineroom setup $*

stack/services/web/node_modules/.package-lock.json: stack/services/web/package-lock.json | builder-npm
	$(WITH_TOOLS)/web && $$NPM ci --no-fund --no-audit
	@touch $@

format: $(VENV)/.done ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## print the measurements into benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

soak-telemetry: setup ## fire every alert by its fault, move every panel by its stimulus (about 40 minutes)
	ENGINEROOM_SOAK=true $(BIN)/engineroom verify --runtime $(RUNTIME) features/telemetry

soak-recovery: setup ## harm what takes a set at random moments; TRIALS and SEED say how often and which
	$(BIN)/python -m steps.recovery_trials --trials $(or $(TRIALS),200) --seed $(or $(SEED),1)

attest-meilisearch: setup ## run the search features against MEILISEARCH_BIN and write the attestation
	$(BIN)/engineroom attest meilisearch

lock: $(VENV)/.done ## renew requirements.lock from pyproject.toml
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --output-file requirements.lock pyproject.toml

clean: ## remove what this checkout made (not the toolchain cache)
	rm -rf stack/services/web/node_modules stack/services/web/.next
	rm -rf $(VENV) evidence .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
