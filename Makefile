# Everything is set up by the target that needs it, in .venv and in the test engine's cache folder (see tests/engine).
#
#   make demo          run notebooks/quickstart.ipynb headless, on Docker when it is there, else on the local engine
#   make test          lint and every test, on real engines
#   make lint          ruff and mypy
#   make bench         every benchmark; NAME=first_line runs one
#   make dev           set up .venv for working on the project

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
VIEW := jupyter_amltrain/widget/static
ENGINE := PYTHONPATH=tests:. $(BIN)/python -m engine

# The whole front end is built for wheels only (tests/test_wheel.py); a development install has what cells show, by the Node
# of the extra "dev".
export SKIP_JUPYTER_BUILDER := 1

.PHONY: help demo test lint bench dev clean

help:
	@sed -n 's/^#   //p' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp
	$(BIN)/python notebooks/run_demo.py notebooks/quickstart.ipynb

test: lint
	$(BIN)/python -m pytest tests
	AMLTRAIN_HOME=$(CURDIR)/build/nbval $(ENGINE) exec $(BIN)/python -m pytest --nbval-lax notebooks

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: dev
	@for benchmark in $(or $(NAME),$(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py))); do \
	  echo "== $$benchmark"; $(ENGINE) exec $(BIN)/python -m benchmarks.$$benchmark; \
	done

dev: $(VENV)/dev.stamp $(VIEW)/run_view.js
	@echo "Ready: source $(BIN)/activate"

clean:
	rm -rf $(VENV) build dist $(VIEW) labextension/node_modules

$(VIEW)/run_view.js: labextension/package.json labextension/yarn.lock labextension/build_cell.mjs $(shell find labextension/src labextension/style -type f) | $(VENV)/dev.stamp
	cd labextension && export PATH="$(CURDIR)/$(BIN):$$PATH" && jlpm install --immutable && jlpm build:cell

$(VENV)/%.stamp: pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[$*]' || $(BIN)/python -m pip install --editable '.[$*]'
	touch $@

# Installed by pip, and pip again where uv fails above: pip knows this machine's index and certificate settings.
$(BIN)/uv:
	python3 -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv && python3 -m venv $(VENV); \
	  else \
	    echo "python3 cannot make a virtual environment: install Debian's python3-venv and try again." >&2; exit 1; \
	  fi; }
	$(BIN)/python -m pip install --quiet uv
