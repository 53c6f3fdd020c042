# The two commands: `make demo` to see it work, `make test` to check it. `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
TRAIN := .venv-train/bin
DIR ?= .
OUT ?= build/model
TOKENS ?= 10000000
THREADS ?= 2
SIZE ?= 6m
DEVICE ?= cpu
EXCLUDE ?=
BACKEND ?= cpu
export WITHOUT

SET_UP = @command -v $(PYTHON) >/dev/null || { echo "refine_tui needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Name another one: make PYTHON=python3.12 $@" >&2; exit 1; }; $(PYTHON) tests/tooling/set_up.py

.PHONY: help demo run engine test attacks test-slow test-train lint model lock fix clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo         set up what is missing, then open the UI on a throw-away copy of a small project with failing tests'
	@echo 'make run DIR=…    the same on your own project'
	@echo 'make engine BACKEND=…  llama.cpp for cpu, cuda, metal, vulkan or rpc, compiled once for this machine and used from then on'
	@echo 'make test         everything CI runs: format, lint, types, import contracts, all tests'
	@echo 'make attacks      every attack on the sandbox, every guard taken away once; prints the counts (about two minutes)'
	@echo 'make test-slow    the long proofs, whose fast slice make test runs (about ten minutes)'
	@echo 'make test-train   the tests that need torch or transformers: the recipe, chat templates (an environment of its own)'
	@echo 'make model        train that model again, into OUT=build/model; TOKENS, THREADS, SIZE=6m or 19m, DEVICE=cpu or cuda, EXCLUDE=FILE.jsonl'
	@echo 'make fix          format, and mend what the linter can'
	@echo 'make lock         renew the locks in .ci/locks/'
	@echo 'make clean        remove the environments and everything else that was built here'

demo:
	$(SET_UP) app
	@$(BIN)/refine-tui demo

run:
	$(SET_UP) app
	@$(BIN)/refine-tui "$(DIR)"

engine:
	$(SET_UP) app $(BACKEND)
	@$(BIN)/python -c 'from refine_tui.llama.devices import devices; print(*devices(), sep="\n")'

test: lint
	$(BIN)/python -m pytest -n 2 --dist=worksteal -m "not e2e and not train and not slow"
	$(BIN)/python -m pytest -n 2 --dist=loadfile -m "e2e and not train and not slow"

attacks:
	$(SET_UP) dev
	$(BIN)/python -m pytest -q tests/sandbox/test_sandbox_attacks.py tests/sandbox/test_sandbox_guards.py tests/sandbox/test_sandbox_bounds.py

test-slow:
	$(SET_UP) dev
	$(BIN)/python -m pytest -m slow

lint:
	$(SET_UP) dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test-train:
	$(SET_UP) train
	$(TRAIN)/python -m pytest -m train tests/learn tests/prompting/test_prompting_chat_parity.py

model:
	$(SET_UP) train
	$(TRAIN)/refine-tui learn --out "$(OUT)" --size $(SIZE) --device $(DEVICE) --tokens $(TOKENS) --threads $(THREADS) $(EXCLUDE:%=--exclude %)

fix:
	$(SET_UP) dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# An address in a lock would name one machine's registry: the flags keep every kind of them out, and tests/house checks it.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links --upgrade
PROJECT := pyproject.toml .ci/locks/build.in --no-emit-package llama-cpp-python

lock:
	$(SET_UP) dev
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	grep -o 'llama-cpp-python==[0-9.]*' pyproject.toml | $(COMPILE) --no-deps - -o .ci/locks/engine.txt
	$(COMPILE) .ci/locks/engine-build.in -o .ci/locks/engine-build.txt
	$(COMPILE) $(PROJECT) -o .ci/locks/app.txt
	$(COMPILE) $(PROJECT) --extra dev -c .ci/locks/app.txt -o .ci/locks/dev.txt
	$(COMPILE) $(PROJECT) --extra train .ci/locks/train.in --override .ci/locks/train-override.in -c .ci/locks/dev.txt -o .ci/locks/train.txt

clean:
	rm -rf .venv .venv-train .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find refine_tui tests -name __pycache__ -type d -prune -exec rm -rf {} +
