.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Bytecode is written by the install step, so that every later start is quick.
INSTALLER := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python
PIP := $(INSTALLER) -m pip --disable-pip-version-check --quiet

.PHONY: help demo test fix crash bench simulate replicas lint types layers tests mutate

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## Everything against the built-in emulator: no account, no network
	@$(BIN)/offpeakd demo

test: lint types layers tests ## Format, lint, types, import contracts, every test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/basedpyright

layers: $(VENV)/.dev
	$(BIN)/lint-imports

tests: $(VENV)/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal -q
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='src/offpeakd/core/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95

fix: $(VENV)/.dev ## Format, and mend what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

KILLS ?= 1000
crash: $(VENV)/.dev ## Kill the daemon KILLS times under load; SEED=… repeats a run
	cd tests && ../$(BIN)/python -m crash --kills $(KILLS) $(if $(SEED),--seed $(SEED))

bench: $(VENV)-bench/.ready ## Benchmarks beside hand-written loops and peers
	$(VENV)-bench/bin/python -m benchmarks

mutate: $(VENV)-mutate/.ready ## Change the core in small ways, and see whether a test notices
	HYPOTHESIS_PROFILE=mutate nice -n 19 $(VENV)-mutate/bin/mutmut run --max-children $(or $(WORKERS),1) $(MUTANTS)
	@$(VENV)-mutate/bin/mutmut results

simulate: $(VENV)/.dev ## A simulated installation in trouble: SEEDS=20000, SEED=17 or CONTROLS=100
	@PYTHONPATH=src:tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),$(if $(CONTROLS),--controls $(CONTROLS),--seeds $(or $(SEEDS),1000)))

replicas: $(VENV)/.dev ## Daemons on one PostgreSQL in trouble: DAEMONS=5 TARGETS=20 REQUESTS=50000 TIMES=60
	@PYTHONPATH=src:tests $(BIN)/python -m replicas --daemons $(or $(DAEMONS),5) --targets $(or $(TARGETS),20) --requests $(or $(REQUESTS),50000) --times $(or $(TIMES),60) $(if $(SEED),--seed $(SEED))

lock: $(VENV)/.dev ## Renew the locked requirements (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/runtime.txt
	uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/dev.txt
	uv pip compile -q pyproject.toml --group bench --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/bench.txt
	uv pip compile -q pyproject.toml --group mutate --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/mutate.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "offpeakd needs Python 3.11 or newer; this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment: on Debian, apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "Installing the locked requirements into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(INSTALLER) -m compileall -q src
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "Installing the locked development requirements into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# The peers have an environment of their own: none of them shall be at hand by accident.
$(VENV)-bench/.ready: $(VENV)/bin/python requirements/build.txt requirements/bench.txt pyproject.toml
	@echo "Installing the locked requirements of the benchmarks into $(VENV)-bench …"
	@$(BIN)/python -m venv $(VENV)-bench
	@env -u PYTHONDONTWRITEBYTECODE $(VENV)-bench/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/build.txt -r requirements/bench.txt
	@env -u PYTHONDONTWRITEBYTECODE $(VENV)-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

# Our own package is not installed there: the tests shall find the mutated tree alone.
$(VENV)-mutate/.ready: $(VENV)/bin/python requirements/mutate.txt
	@echo "Installing the locked requirements of mutation testing into $(VENV)-mutate …"
	@$(BIN)/python -m venv $(VENV)-mutate
	@env -u PYTHONDONTWRITEBYTECODE $(VENV)-mutate/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/mutate.txt
	@touch $@
