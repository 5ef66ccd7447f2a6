# The commands of xborder. `make run` and `make test` need only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run test up bench bench-10m clean

run: $(INSTALLED)  ## install into .venv and run the whole pipeline over the examples
	$(BIN)/xborder demo demo-home

test: $(INSTALLED)  ## the whole suite, ruff and mypy included
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

up: $(INSTALLED)  ## Dagster UI and the page on ./xborder-home (made when missing)
	$(BIN)/xborder up --home xborder-home

bench: $(INSTALLED)  ## measure against competitors and the floor; writes docs/benchmarks.md
	$(BIN)/python -m bench --write-docs

bench-10m: $(INSTALLED)  ## ten million order lines, end to end
	$(BIN)/python -m bench.bench_pipeline --ten-million --write-docs

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "xborder needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

clean:  ## remove what the commands made (homes stay)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
