# What a developer or a user runs. Everything made here lands in this folder (.venv, .conformance, .state).
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
SUITE ?= smoke
ARGS ?=
WORKERS ?= 2
# Clouds and workers are processes that start again and again: what is compiled once is kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install test lint demo conformance bench clean

help:
	@echo "make install      .venv/bin/pileus and .venv/bin/openstack, from pinned packages"
	@echo "make demo         a cloud on this machine and a real server in it (root; installs QEMU and friends)"
	@echo "make test         the tests, WORKERS=2 at a time (as root: also those that need networks, guests and databases)"
	@echo "make lint         ruff and mypy"
	@echo "make conformance  Tempest against a fresh simulated cloud: SUITE=smoke|identity|image|compute|network|all ARGS=regex"
	@echo "make bench        the benchmarks against a fresh simulated cloud"
	@echo "make clean        remove what these made"

install: $(VENV)/.has-client

# One virtual environment, filled by groups; each stamp stands for one group of pyproject.toml at its pins.
$(VENV)/.has-%: pyproject.toml constraints.txt scripts/pins.py scripts/venv-install
	@scripts/venv-install $(VENV) $*

test: $(VENV)/.has-client $(VENV)/.has-test
	@scripts/install-packages --optional test dataplane image
	$(PY) -m pytest --numprocesses=$(WORKERS) $(ARGS)

lint: $(VENV)/.has-client $(VENV)/.has-lint
	$(VENV)/bin/ruff check .
	$(PY) -m mypy

demo: install
	@scripts/install-packages dataplane image
	$(VENV)/bin/pileus demo

conformance: install $(VENV)/.has-test
	$(PY) -m conformance.run --suite $(SUITE) $(if $(ARGS),--match '$(ARGS)')

# Everything but the real server, which wants `make demo` before it: about six minutes on a quiet machine.
bench: install
	mkdir -p benchmarks/results
	$(PY) -m benchmarks.startup --save benchmarks/results/startup.json
	$(PY) -m benchmarks.run --save benchmarks/results/api.json $(ARGS)
	$(PY) -m benchmarks.run --save benchmarks/results/rally.json --hosts 1000 boot-and-delete
	$(PY) -m benchmarks.identity --save benchmarks/results/identity.json
	$(PY) -m benchmarks.images --save benchmarks/results/images.json
	$(PY) -m benchmarks.objects --save benchmarks/results/objects.json
	$(PY) -m benchmarks.listings --save benchmarks/results/listings.json
	$(PY) -m benchmarks.scheduler > benchmarks/results/scheduler.txt
	$(PY) -m benchmarks.figures

clean:
	rm -rf $(VENV) .conformance .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests conformance benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
