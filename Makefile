# Two commands do everything: `make demo` and `make test`. Both set themselves up in .venv.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TMPDIR := $(CURDIR)/.cache/tmp

.PHONY: demo test test-deep test-faults lint types unit bench mutants format clean

demo: .venv/demo.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/python examples/demo.py

test: lint types unit

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

unit: .venv/dev.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term $(PYTEST_ARGS)

# What property tests can find with many more examples than there is time for in `make test`.
test-deep: .venv/dev.stamp
	@mkdir -p $(TMPDIR)
	REPS_EXAMPLES=5000 $(BIN)/pytest -n 2 --dist worksteal tests/replay/kernel tests/quality $(PYTEST_ARGS)
	REPS_EXAMPLES=300 $(BIN)/pytest -n 2 --dist worksteal tests/testing/test_catalogue_laws.py $(PYTEST_ARGS)
	REPS_HYPOTHESIS=deep $(BIN)/pytest -n 2 --dist worksteal tests/domain tests/rules tests/policies tests/projections tests/charters $(PYTEST_ARGS)

# The long search for faults: 1,000 kills, 1,000 cuts of power, 10,000 lost replies …
test-faults: .venv/dev.stamp
	@mkdir -p $(TMPDIR)
	REPS_FAULTS=long $(BIN)/pytest -n 2 --dist worksteal tests/faults $(PYTEST_ARGS)

bench: .venv/bench.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

# The yardsticks that benchmarks run beside: numba, for a kernel written by hand.
.venv/bench.stamp: pyproject.toml .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --editable '.[dev,bench]'
	@touch $@

# Mutation testing of the domain and the policies. All of it takes hours, with SECONDS=5 of tests each about one. A part: SAMPLE=500 SEED=1 draws at random,
# MINUTES=30 begins no more after that, MUTANTS="reps_ledger.domain.time.*" names some, AGAIN=1 tries those neither found nor justified.
mutants: .venv/dev.stamp
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet 'mutmut>=3.8,<4'
	PYTHONPATH=tests $(BIN)/python -m mutation $(foreach option,SAMPLE SEED MINUTES SECONDS,$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) $($(option)))) \
		$(if $(AGAIN),--again) $(foreach name,$(MUTANTS),'$(name)')

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .cache mutants .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@mkdir -p $(TMPDIR)
	$(PYTHON) -m venv .venv

.venv/demo.stamp: pyproject.toml | .venv/bin/python
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet --editable '.[cli,replay]'
	@touch $@

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	@mkdir -p $(TMPDIR)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/demo.stamp
