# Thin targets. `run` installs what is missing; everything else is a tool's own command line.
PYTHON = .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help install serve test check format lint types contracts house fix contract soak bench docs train

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install:  ## set up .venv (done by the other targets when it is needed)
	@./run install

serve:  ## start the server; data in .limner
	@./run serve

test: install  ## every test but those of `make check`
	@$(PYTHON) -m pytest --ignore=tests/test_house.py --ignore=tests/test_docs.py

check: install  ## formatting, lint, types, import contracts, the rules of the house; changes nothing
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types format lint contracts house

format: install
	@.venv/bin/ruff format --check --quiet . || { echo "make: some files are not formatted; run: make fix" >&2; exit 1; }

lint: install
	@.venv/bin/ruff check --quiet .

types: install
	@.venv/bin/mypy

contracts: install
	@.venv/bin/lint-imports --no-logo

house: install
	@$(PYTHON) -m pytest -q tests/test_house.py tests/test_docs.py

fix: install  ## format, and repair what the linter can
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

contract: install  ## the documented calls, with curl, against a real server
	@$(PYTHON) -m pytest tests/contract

soak: install  ## kill worker and server at 200 random moments of a mixed load (five minutes)
	@$(PYTHON) -m pytest tests/faults/test_soak.py --kills 200

bench: install  ## measure; see benchmarks/
	@for file in benchmarks/*.py; do $(PYTHON) "$$file" || exit 1; done

docs: install  ## write docs/reference anew from the code
	@$(PYTHON) docs/generate.py

train: install  ## train storybook from nothing (hours)
	@.venv/bin/limner train
