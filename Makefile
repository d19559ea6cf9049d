# OnceGate. `make demo` shows it, `make test` proves it. Needs git, make and Python 3.11; everything else goes into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint format reference bench torture lock clean

PY := .venv/bin/python
MADE_FROM := requirements.lock pyproject.toml .ci/install
PACKAGES := gateway field_registry connectors forms policies

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

demo: .venv/.run ## a small city fills its own forms, then serves.  ARGS="--once" ends there, "--json", "--keep DIR"
	@$(PY) -m gateway demo $(ARGS)

test: .venv/.all ## every test.  ARGS="-k consent -n0" passes on to pytest
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

lint: .venv/.all ## style, types, import contracts
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-logo

format: .venv/.all ## put the code in order
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

reference: .venv/.all ## write the tables of gateway/README.md anew from the code
	@WRITE_REFERENCE=1 $(PY) -m pytest -q tests/docs/test_reference.py

bench: .venv/.all ## CPU and latency of the resolve path, then the speed of the log.  ARGS="--rounds 5 --delay 20" for the first
	@$(PY) tests/bench/run.py $(ARGS)
	@$(PY) tests/bench/log.py

torture: .venv/.all ## kill -9 storms, races and tampering, then an offline check.  ARGS="--seconds 60 --postgres"
	@$(PY) tests/bench/torture.py $(ARGS)

lock: ## write requirements.lock anew (needs uv).  ARGS="--upgrade"
	@.ci/lock $(ARGS)

clean: ## remove everything that was made, .venv too
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.run: $(MADE_FROM)
	@.ci/install run

.venv/.all: $(MADE_FROM)
	@.ci/install all
