# Every target sets up what it needs by itself: `make demo` on a fresh clone is enough.
# Wanted from the machine: Python 3.11 or newer, make, git. No root, no account.
# Another Python: make demo PYTHON=/path/to/python3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-in
SPARK_STAMP := $(VENV)/.spark-installed-in
# Files of tests run side by side; each file stays whole, because its tests share what they made.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The stamp holds the folder it was made in. A moved or copied checkout needs its .venv anew,
# because the commands inside it hold absolute paths.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(STAMP) ## Reconcile a made-up provider end to end, over real HTTP, no account needed
	@$(BIN)/reconcile demo

.PHONY: ui
ui: $(STAMP) ## Open the Dagster UI on this machine: your reconcile.toml, or else the demo's
	@$(BIN)/reconcile ui

.PHONY: test
test: $(STAMP) ## Run the tests, all but the slow ones
	@$(BIN)/pytest -m "not slow and not spark" --ignore=tests/browser $(PARALLEL)

.PHONY: test-spark
test-spark: $(SPARK_STAMP) ## Compare Spark with DuckDB on twenty made-up worlds; wants Java 17
	@$(BIN)/pytest tests/spark

.PHONY: test-browser
test-browser: $(STAMP) ## Take the review app through a month end in a real browser
	@sh scripts/browser.sh
	@$(BIN)/pytest tests/browser -m "not slow" $(PARALLEL)

.PHONY: faults
faults: $(STAMP) ## Try every fault there is a test for, and write docs/faults.md
	@sh scripts/browser.sh
	@$(BIN)/pytest -m "fault and not spark" --faults-page docs/faults.md --canaries $(PARALLEL)

.PHONY: long-run
long-run: $(STAMP) ## Two simulated years, every night and every month end; is anything growing?
	@$(BIN)/python -m benchmarks.months

.PHONY: benchmarks
benchmarks: $(STAMP) ## Measure everything, for hours (QUICK=--quick: minutes), and write docs/benchmarks.md
	@sh scripts/benchmarks.sh '$(VENV)' .benchmarks/packages
	@PYTHONPATH=.benchmarks/packages $(BIN)/python -m benchmarks.report $(QUICK) $(ONLY)

.PHONY: mutation
mutation: $(STAMP) ## Put small mistakes into the code; write what no test noticed to docs/mutation.md
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/mutation/run.py $(AGAIN) $(ONLY)

.PHONY: test-full
test-full: $(STAMP) ## Run every test with many more generated examples; write docs/faults.md
	@sh scripts/browser.sh
	@$(BIN)/pytest -m "not spark" --hypothesis-profile=thorough --canaries --faults-page docs/faults.md \
	  $(PARALLEL)

.PHONY: check
check: lint format types sql ## Check style, types and SQL; changes nothing

.PHONY: lint
lint: $(STAMP)
	@$(BIN)/ruff check .

.PHONY: format
format: $(STAMP)
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(STAMP)
	@$(BIN)/mypy

.PHONY: sql
sql: $(STAMP)
	@$(BIN)/sqlfluff lint sql/

.PHONY: renew
renew: $(STAMP) ## Write anew what is generated and compared by tests: .env.example, the asset graph
	@$(BIN)/python -c "from reconcile_pipeline.settings_template import template as t; \
		from reconcile_pipeline.systems.registry import SYSTEMS; print(t(SYSTEMS)[1], end='')" > .env.example
	@RENEW_SNAPSHOTS=1 $(BIN)/pytest -q tests/architecture

.PHONY: setup
setup: $(STAMP) ## Only make .venv and install the locked packages

.PHONY: lock
lock: ## Renew the three locks from pyproject.toml (newer versions: UPGRADE=--upgrade)
	@test -x $(BIN)/uv || { echo "Run 'make setup' first: it brings the tool that writes the lock." >&2; exit 1; }
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-strip-extras --no-emit-index-url \
	  --custom-compile-command 'make lock' --quiet $(UPGRADE) -o requirements.lock
	@$(BIN)/python -c "import tomllib; print('setuptools', *tomllib.load(open('pyproject.toml', \
	  'rb'))['project']['optional-dependencies']['spark'], sep='\n')" \
	  | $(BIN)/uv pip compile - --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-strip-extras --no-emit-index-url \
	  --custom-compile-command 'make lock' --quiet $(UPGRADE) -o requirements-spark.lock
	@$(BIN)/uv pip compile --group benchmarks --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url \
	  --custom-compile-command 'make lock' --quiet $(UPGRADE) -o requirements-benchmarks.lock

.PHONY: clean
clean: ## Remove .venv, caches and the demo's state; your own .reconcile stays
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutation \
	  .reconcile/demo
	@find reconcile_pipeline tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON='$(PYTHON)' sh scripts/setup.sh '$(VENV)' '$(STAMP)'

$(SPARK_STAMP): requirements-spark.lock scripts/spark.sh $(STAMP)
	@sh scripts/spark.sh '$(VENV)' '$(SPARK_STAMP)'
