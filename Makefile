# Thin targets. `run` installs what is missing; everything else is a tool's own command line.
PYTHON = .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help install serve test check format lint types contracts house fix contract browser soak fuzz bench docs train

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install:  ## set up .venv (done by the other targets when it is needed)
	@./run install

serve:  ## start the server; data in .limner
	@./run serve

test: install  ## every test but those of `make check`
	@$(PYTHON) -m pytest --ignore=tests/test_house.py --ignore=tests/test_docs.py --ignore=tests/browser

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

contract: install  ## the documented calls and real clients (downloaded first) against a real server; writes their page
	@$(PYTHON) -m pytest tests/contract --clients

browser: install  ## the workbench in a real Chromium, which is installed first where that can be done
	@./tests/browser/install
	@$(PYTHON) -m pytest tests/browser

soak: install  ## 200 kills in a mixed load, 10,000 cancels in a race, 500 event streams of which 100 are stuck (15 minutes)
	@$(PYTHON) -m pytest tests/faults --kills 200 --cancels 10000 --streams 500

fuzz: install  ## ask a real server what its OpenAPI document allows, and what not (a quarter of an hour)
	@$(PYTHON) -m pytest tests/contract/test_openapi.py --examples 600

bench: install  ## measure the queue and the service beside others (a quarter of an hour); see benchmarks/README.md
	@$(PYTHON) -m benchmarks.queue
	@$(PYTHON) -m benchmarks.serving

docs: install  ## write docs/reference anew from the code
	@$(PYTHON) docs/generate.py

train: install  ## train storybook from nothing (hours)
	@.venv/bin/limner train
