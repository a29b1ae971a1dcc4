# Aviary's targets; `make` alone lists them. ARGS="…" is passed on: make up ARGS="--port 9000 --demo".
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
# PYTHON=… picks the interpreter; else the first on PATH that is new enough. (A pyenv shim of another version just fails.)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$p" && break; done)

# Outside the tree, so that clones share what cargo has compiled.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aviary/target
# rustup's default place, for shells that have not read its environment file.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# Folders too: a deleted file changes only its folder's time.
CORE := $(shell find native -not -path '*/target*' 2>/dev/null)

.PHONY: help setup up up-cluster test test-bench test-cluster soak check format proto bench bench-native report clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: $(VENV)/.core ## make .venv from the lock and build the core (quick when nothing changed)
	@:

up: setup ## run the whole platform in the foreground until Ctrl-C
	@exec $(BIN)/aviary up $(ARGS)

up-cluster: setup ## start Cassandra, Kafka, Redis, S3 and a fleet of processes on them, until Ctrl-C
	@exec scripts/up-cluster.sh $(ARGS)

test: setup ## run the tests (heavy suites apart: see CONTRIBUTING.md)
	@$(BIN)/pytest $(ARGS)

test-cluster: setup ## run the tests against real servers, which are fetched first (see CONTRIBUTING.md)
	@$(BIN)/python -m tests.backends fetch
	@$(BIN)/pytest -m cluster -n 2 --dist loadgroup $(ARGS)

soak: setup ## keep loads, faults on real servers and hostile input going, each for minutes
	@BOLERO_RANDOM_TEST_TIME_MS=300000 cargo test --release --locked --quiet --manifest-path native/Cargo.toml --no-default-features --lib fuzz
	@$(BIN)/python -m tests.backends fetch
	@$(BIN)/pytest -m soak -n 0 $(ARGS)

check: setup ## all that can be said without running the product: format, lint, types, layers, contracts, core
	@$(BIN)/python scripts/check.py $(ARGS)

format: setup ## rewrite Python and Rust in the one format
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet
	@cargo fmt --manifest-path native/Cargo.toml

proto: $(VENV)/.locked ## generate services/aviary/{api,events} from proto/
	@$(BIN)/python scripts/proto.py

bench: setup $(VENV)/.bench ## measure and record into benchmarks/record/
	@$(BIN)/python -m benchmarks $(ARGS)

report: setup ## write benchmarks/record/report.html from the newest records
	@$(BIN)/python -m benchmarks.report $(ARGS)

bench-native: ## run criterion's benchmarks of the core; ARGS="-- page" picks some
	@cargo bench --locked --quiet --manifest-path native/Cargo.toml --no-default-features $(ARGS)

test-bench: setup $(VENV)/.bench ## run the tests of the benchmarks and their peers, with the packages that these need
	@$(BIN)/pytest tests/benchmarks $(ARGS)

clean: ## remove what the targets made in this folder
	rm -rf $(VENV) .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f services/aviary/_native.*.so
	find services tests scripts benchmarks -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/.locked: requirements/dev.lock
	@scripts/prerequisites.sh "$(PYTHON)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "installing the locked packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# PIP_NO_INDEX: maturin installs what pyproject.toml names, and all of that came from the lock already.
$(VENV)/.core: $(VENV)/.locked pyproject.toml $(CORE)
	@scripts/prerequisites.sh $(BIN)/python
	@echo "building the core"
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" PIP_NO_INDEX=1 PIP_QUIET=1 $(BIN)/maturin develop --release --locked --quiet
	@touch $@

# No isolation: the one source package builds with the setuptools of the lock instead of one fetched unpinned.
$(VENV)/.bench: requirements/bench.lock $(VENV)/.locked
	@echo "installing the benchmarks' packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r $<
	@touch $@
