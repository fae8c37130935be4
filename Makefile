# Every target says what it does in `make help`. Only python3 and a C compiler are needed beforehand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-all bench lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The core is built into src/pykcov, so a changed C file is a reason to install again.
$(VENV)/ready: pyproject.toml setup.py $(wildcard src/pykcov/core/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

# Files of C and Python that the checkers read.
C_FILES = $(shell git ls-files '*.c' '*.h')
PYTHON_TREES = src tests tools benchmarks examples noxfile.py setup.py

lint: $(VENV)/ready ## ruff, mypy --strict and clang-format; changes nothing
	$(BIN)/ruff check $(PYTHON_TREES)
	$(BIN)/ruff format --check $(PYTHON_TREES)
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)

format: $(VENV)/ready ## let ruff and clang-format rewrite the files
	$(BIN)/ruff check --fix $(PYTHON_TREES)
	$(BIN)/ruff format $(PYTHON_TREES)
	$(BIN)/clang-format -i $(C_FILES)

test: lint ## from nothing: own .venv, install with test dependencies, every check and test
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/ready ## the tests on every supported CPython found on this machine
	$(BIN)/python -m pip install --quiet nox
	$(BIN)/nox

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) build dist .nox .demo src/*.egg-info src/pykcov/*.so
