# Two commands do everything: `make demo` and `make test`. Both set themselves up: in .venv or, where
# a Python of another version is named, beside it: `make test PYTHON=python3.13` in .venv-3.13.
PYTHON ?= python3
version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifneq ($(origin PYTHON),file)
NAMED := $(PYTHON)
override PYTHON := $(shell .ci/pythons --named '$(NAMED)')
$(if $(PYTHON),,$(error there is no $(NAMED) that runs))
endif
VERSION := $(call version,$(PYTHON))
VENV := .venv$(if $(filter-out $(call version,python3),$(VERSION)),-$(VERSION))
BIN := $(VENV)/bin

export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TMPDIR := $(CURDIR)/.cache/tmp
PYTEST = $(BIN)/pytest -n 2 --dist worksteal
COVERAGE ?= --cov --cov-report=term
# Seconds that a test of the longer runs may take, which try much more.
PATIENT := PYTEST_TIMEOUT=7200

MAKEFLAGS += --jobs=2 # mypy, which uses one core, checks while the tests run

.PHONY: demo test test-versions test-deep test-faults test-spark lint types unit bench mutants format clean

demo: $(VENV)/demo.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/python examples/demo.py

test: lint types unit

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

unit: $(VENV)/dev.stamp
	@mkdir -p $(TMPDIR)
	$(PYTEST) $(COVERAGE) $(PYTEST_ARGS)

# The same tests on every Python from 3.11 to 3.14 that this machine has, the newest first.
test-versions:
	@set -e; .ci/pythons | sort -Vr | while read -r version python; do \
		echo "== Python $$version: $$python"; \
		$(MAKE) --no-print-directory unit COVERAGE= PYTHON=$$python </dev/null; \
	done

# What property tests can find with many more examples than there is time for in `make test`.
test-deep: $(VENV)/dev.stamp
	@mkdir -p $(TMPDIR)
	$(PATIENT) REPS_SCALE=60 $(PYTEST) tests/replay/kernel tests/quality $(PYTEST_ARGS)
	$(PATIENT) REPS_SCALE=30 $(PYTEST) tests --ignore tests/replay/kernel --ignore tests/quality --ignore tests/faults $(PYTEST_ARGS)

# The long search for faults: 1,000 kills, 1,000 cuts of power, 10,000 lost replies …
test-faults: $(VENV)/dev.stamp
	@mkdir -p $(TMPDIR)
	$(PATIENT) REPS_FAULTS=long $(PYTEST) tests/faults $(PYTEST_ARGS)

# A cluster of several processes on this machine, one of which is killed. Needs Java, as do the few
# tests of Spark in `make test`.
test-spark: $(VENV)/dev.stamp
	@mkdir -p $(TMPDIR)
	$(PATIENT) REPS_SPARK=cluster $(PYTEST) tests/replay/test_spark.py $(PYTEST_ARGS)

bench: $(VENV)/bench.stamp
	@mkdir -p $(TMPDIR)
	PYTHONPATH=tests $(BIN)/python benchmarks/run.py $(BENCH_ARGS)

# The yardsticks that benchmarks run beside: numba, for a kernel written by hand.
$(VENV)/bench.stamp: pyproject.toml $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]'
	@touch $@

# Mutation testing of the domain and the policies. All of it takes hours, with SECONDS=5 of tests each about one. A part: SAMPLE=500 SEED=1 draws at random,
# MINUTES=30 begins no more after that, MUTANTS="reps_ledger.domain.time.*" names some, AGAIN=1 tries those neither found nor justified.
mutants: $(VENV)/dev.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet 'mutmut>=3.8,<4'
	PYTHONPATH=tests $(BIN)/python -m mutation $(foreach option,SAMPLE SEED MINUTES SECONDS,$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) $($(option)))) \
		$(if $(AGAIN),--again) $(foreach name,$(MUTANTS),'$(name)')

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-* .cache mutants .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@mkdir -p $(TMPDIR)
	$(PYTHON) -m venv --clear $(VENV)

# What python3 is may be another version by now: then everything is made anew.
ifneq ($(wildcard $(VENV)),)
ifneq ($(call version,$(BIN)/python),$(VERSION))
.PHONY: $(BIN)/python $(VENV)/dev.stamp $(VENV)/demo.stamp
endif
endif

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet --editable '.[cli,replay]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/demo.stamp
