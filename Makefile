# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# PyPI's torch for Linux is a CUDA build of several GB, and only the training tests need it: they run where a wheel lies
# in WHEELS or with TRAIN=1, and are skipped visibly elsewhere.
WHEELS ?= ../shared/wheels
TRAIN  ?= $(if $(wildcard $(WHEELS)/torch-*.whl),1,)
comma  := ,
EXTRAS := demo,dev$(if $(TRAIN),$(comma)train$(comma)track$(comma)bench)
PIP    := PIP_FIND_LINKS="$(PIP_FIND_LINKS) $(wildcard $(WHEELS))" $(BIN)/python -m pip --disable-pip-version-check install -q

BENCHED    := demo,dev,bench$(if $(TRAIN),$(comma)train)
BENCH      ?=
BENCH_INTO := --out build/bench --report benchmarks/RESULTS.md --images docs/images --readme README.md

.PHONY: demo test unit check format bench bench-smoke bench-soak clean help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: $(VENV)/demo ## play the sample through Kafka, Faust and the models; DEMO="--once" ends by itself
	@$(BIN)/gretchen demo $(DEMO)

test: $(VENV)/test ## every test: unit, real Kafka, real browser where one is found
	$(BIN)/python -m pytest $(PYTEST)

unit: $(VENV)/test ## the tests that need no broker and no browser
	$(BIN)/python -m pytest -m "not kafka and not browser and not kill" $(PYTEST)

check: $(VENV)/test ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/bench ## how fast it is, beside others, on this machine: 15 minutes; BENCH="--only engine"
	$(BIN)/python -m benchmarks.speed $(BENCH_INTO) $(BENCH)

bench-smoke: $(VENV)/bench ## the same on tiny counts: it runs, and all give equal outputs
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(BIN)/python -m benchmarks.speed --smoke --out "$$folder" $(BENCH)

bench-soak: $(VENV)/bench ## a million records, beside what make bench has measured before
	$(BIN)/python -m benchmarks.speed --only soak $(BENCH_INTO) $(BENCH)

clean: ## remove what make made here
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"gretchen needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}; name another by PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: pyproject.toml | $(BIN)/python
	@echo "installing the serving packages (about a minute, once)"
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing $(EXTRAS) (a few minutes, once)"
	$(PIP) -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)/bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing $(BENCHED) (a few minutes, once)"
	$(PIP) -c constraints.txt -e '.[$(BENCHED)]'
	@touch $@
