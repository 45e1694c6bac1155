# `make up` opens the app, `make test` runs every test.
.DEFAULT_GOAL := help
SHELL := /bin/bash
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
  $$p -c '$(FITS)' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
WORKSPACE ?= workspace
WORKS ?= start predict drift ingest mlflow client single tracking_start search histories table limits cbpe domain hours trend history serving peers event_files sleeping rollouts
# Tests wait for processes for a third of their time: one more of them than a small machine has cores.
TESTERS ?= 3
WHOLE := tests/journeys tests/processes# these run whole instances: not beside the others
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Where Python is told to keep no compiled files, every process compiles all of Pilothouse again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help up test check bench proof docs format journeys chromium clean constraints

help: ## List these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(BIN)/.installed ## Install what is missing and open the app; on first start run the demo
	$(BIN)/pilothouse up --workspace $(WORKSPACE) --demo

# Beside one another, several threads each would spend most of their time waiting.
test: export OMP_NUM_THREADS = 1
test: $(BIN)/.ready chromium ## Install what is missing and run every test
	$(BIN)/python tests/compile_before.py
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(WHOLE:%=--ignore=%) || $(BIN)/python tests/rerun_failed.py $$?
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(WHOLE) || $(BIN)/python tests/rerun_failed.py $$?

check: $(BIN)/.ready ## Check lint, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(BIN)/.ready ## Measure Pilothouse beside a reference
	@for work in $(WORKS); do $(BIN)/python tests/bench/run.py $$work; done

proof: export PROOFS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pilothouse-proofs
proof: $(BIN)/.ready ## Run the long tests; compare models of every format with MLflow's answers
	$(BIN)/python -m pytest -m proof
	PYTHONPATH=tests $(BIN)/python tests/proofs/prove.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/damaged.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/exports.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/ci_files.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/run_exports.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/serving_exports.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/dashboard.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/clients.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/objects.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/monitoring_exports.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/ray_jobs.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/spark_parts.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/jupyterhub_service.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/brokers.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/lineage_events.py
	PYTHONPATH=tests $(BIN)/python tests/proofs/engines.py

docs: $(BIN)/.ready ## Write the reference pages that are generated from the code
	PYTHONPATH=tests $(BIN)/python -m harness.reference_pages

format: $(BIN)/.ready ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

journeys: $(BIN)/.ready chromium ## Run only the tests in a browser
	$(BIN)/python -m pytest -m journey

constraints: $(BIN)/.ready ## Write constraints.txt from the installed packages
	$(BIN)/python -m pip freeze --exclude-editable --exclude pilothouse | grep -E '^[A-Za-z0-9_.-]+==' | LC_ALL=C sort -f > constraints.txt

clean: ## Remove the environment and caches; workspaces are kept
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

chromium:
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	else echo "chromium is missing and cannot be installed from here: the journeys will be skipped"; fi
endif

$(BIN)/python:
	@test -n "$(PYTHON)" \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	  && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); } \
	  || { echo "python3-venv is missing: install it (apt-get install python3-venv)"; exit 1; }

$(BIN)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

# Tests load a part of what is installed, and compile that: to compile all of it takes a minute.
$(BIN)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@touch $@ $(BIN)/.installed
