# Every job of this project; CI runs the same targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
DAYS ?= 60
JOBS ?= auto
DUCKDB_OTHER ?= duckdb>=1.5,<1.6

.PHONY: install demo test fast lint format types validate docs cookbook other-duckdb bench check lock clean

# Locked versions into a fresh environment; only the package registry is asked.
install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# A world of six features with planted faults, judged by the job that users run.
demo: install
	$(BIN)/llmops-health demo --folder $(DEMO) --days $(DAYS)

# Frames and matrices are small: a second thread would only wait for the cores that other tests have.
ALONE := POLARS_MAX_THREADS=1 OPENBLAS_NUM_THREADS=1

test: install
	$(ALONE) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadscope

# Without the tests marked slow.
fast: install
	$(ALONE) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadscope -m "not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar sql/core sql/summary sql/views

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install
	$(BIN)/mypy

# The code location loads, with and without a configuration.
validate: install
	DAGSTER_DISABLE_TELEMETRY=1 $(BIN)/dagster definitions validate -w workspace.yaml

# The reference pages, from docstrings, models, contract and SQL headers.
docs: install
	$(BIN)/python -m llmops_health.reference docs

# The answers that the cookbook prints, from the demo.
cookbook: demo
	$(BIN)/python -m llmops_health.reference.cookbook docs/cookbook.md $(DEMO)/health.duckdb

# SQL and storage on the other DuckDB line that we support.
other-duckdb: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --no-deps --target $(VENV)/other-duckdb "$(DUCKDB_OTHER)"
	PYTHONPATH=$(VENV)/other-duckdb $(BIN)/python -m pytest -q -m "not slow" \
		llmops_health_tests/test_sqlfiles.py llmops_health_tests/storage llmops_health_tests/ingest llmops_health_tests/text/test_macros.py

# The goals of speed, into docs/benchmarks.md: half an hour on a machine with nothing else to do.
bench: install
	$(BIN)/python -m benchmarks

check: lint types validate test other-duckdb

# Resolves pyproject.toml again; needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-annotate --no-header --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) demo build dist
