# `make help` says what there is. PYTHON names the interpreter that builds .venv (3.11 or later).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
# Test processes beside each other; each has a Valkey and databases of its own.
# One of them has the running shop's tests, which mostly wait: three keep two cores busy.
PYTEST_WORKERS ?= 3
# How tests are dealt out is in tests/one_shop.py. The second half runs as on a machine in another time zone.
PYTEST := $(BIN)/python -m pytest --numprocesses $(PYTEST_WORKERS)
# What `make test` runs with fewer rounds.
MONEY_RACES := $(addprefix tests/races/test_,notice_against.py payment_against.py last_payers.py refund_causes.py)
# Checks look at the code, not at anybody's running shop.
CHECK_ENV := PGS_ENV_FILE=/dev/null SQLITE_FOLDER=build/check LOG_LEVEL=WARNING

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean test test-alone test-races test-fast check lock format coverage debian-packages messages \
	bench drill-money bench-engine bench-spread bench-intake bench-drain bench-scale bench-flow bench-memory bench-packet bench-packages

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## Start a whole shop here and play a sale in it (ONCE=1: end after the sale's table)
	@$(BIN)/python manage.py demo $(if $(ONCE),--once)

demo-clean: ## Remove everything the demo keeps, so that the next one starts afresh
	@$(PYTHON) .ci/remove_demo.py

test: $(VENV)/.bench debian-packages ## Run the tests: on SQLite and Valkey, then, slow ones only there, on three MariaDB nodes and redis-server
	PGS_TEST_DATABASES=sqlite $(PYTEST)
	TZ=America/New_York PGS_TEST_DATABASES=mariadb $(PYTEST)

test-alone: $(VENV)/.bench debian-packages ## Run the tests that want the machine for themselves: failovers, kills at every step, rushes at four web processes
	PGS_TEST_DATABASES=mariadb $(BIN)/python -m pytest -m alone
	PGS_LIVE_WEB_WORKERS=4 PGS_TEST_DATABASES=mariadb $(BIN)/python -m pytest -m "not alone" $(addprefix tests/live/test_,rush.py receiving.py kill_under_load.py)

test-races: $(VENV)/.bench debian-packages ## Run 200 rounds each of pay against cancel, pay against deadline, two last seats, three refund causes
	PGS_RACE_ROUNDS=200 PGS_TEST_DATABASES=mariadb $(BIN)/python -m pytest --verbose --durations=8 $(MONEY_RACES)

test-fast: $(VENV)/.fast ## Run the tests on SQLite and Valkey without the slow ones: under a minute
	PGS_TEST_DATABASES=sqlite $(PYTEST) -m "not slow"

check: $(VENV)/.fast ## Format, lint, types, import contracts, settings, migrations, texts, known dangers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	@mkdir -p build/check
	$(CHECK_ENV) DJANGO_SETTINGS_MODULE=config.settings.demo $(BIN)/python manage.py check
	$(CHECK_ENV) DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py makemigrations --check --dry-run
	$(CHECK_ENV) DJANGO_SETTINGS_MODULE=config.settings.test $(BIN)/python manage.py lintmigrations --warnings-as-errors -q ok ignore
	@bash .ci/debian_packages gettext
	$(BIN)/python .ci/check_messages.py
	$(BIN)/bandit --quiet -ll -ii --recursive --configfile pyproject.toml config pgs_admin pgs_data pgs_task pgs_web

format: $(VENV)/.fast ## Format the code and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

coverage: $(VENV)/.fast ## Run the SQLite half and say which lines it never ran
	PGS_TEST_DATABASES=sqlite $(PYTEST) --cov --cov-report=term --cov-report=html

messages: $(VENV)/.fast ## Collect the texts to translate, and compile the translated ones
	@bash .ci/debian_packages gettext
	@mkdir -p build/check
	$(CHECK_ENV) $(BIN)/python manage.py makemessages --locale zh_Hans --no-location --no-obsolete --no-wrap \
		--ignore $(VENV) --ignore build --ignore var
	$(CHECK_ENV) $(BIN)/python manage.py compilemessages --ignore $(VENV)

# Each starts servers of its own and ends them; what they find goes to build/bench. See benchmarks/README.md.
# BENCH="…" hands a benchmark options, such as BENCH="--seconds 30".
bench: ## Run every benchmark one after the other (half an hour; leave the machine alone meanwhile)
	@failed=""; for name in engine packet spread intake drain scale flow memory; do \
		test ! -f benchmarks/bench_$$name.py || $(MAKE) --no-print-directory bench-$$name || failed="$$failed $$name"; done; \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

bench-engine: $(VENV)/.bench bench-packages ## Orders a second that the admission script takes, against deduct and append
	$(BIN)/python -m benchmarks.bench_engine $(BENCH)

bench-spread: $(VENV)/.bench bench-packages ## One activity in buckets on several Redis servers, against the same unspread
	$(BIN)/python -m benchmarks.bench_spread $(BENCH)

bench-intake: $(VENV)/.bench bench-packages ## Orders a second over HTTP, against a row-lock shop and a constant answer
	$(BIN)/python -m benchmarks.bench_intake $(BENCH)

bench-drain: $(VENV)/.bench bench-packages ## Orders a second from the streams into three MariaDB nodes, against LOAD DATA
	$(BIN)/python -m benchmarks.bench_drain $(BENCH)

bench-scale: $(VENV)/.bench bench-packages ## What one act costs with 10, 1,000, 100,000 activities, orders and groups
	$(BIN)/python -m benchmarks.bench_scale $(BENCH)

bench-flow: $(VENV)/.bench bench-packages ## Accept and drain together at a fixed rate: how old an order is when its row is there
	$(BIN)/python -m benchmarks.bench_flow $(BENCH)

bench-memory: $(VENV)/.bench bench-packages ## Ten minutes at 10,000 orders a second: what memory does
	$(BIN)/python -m benchmarks.bench_memory $(BENCH)

bench-packet: $(VENV)/.bench bench-packages ## Helps a second that the script of red packets takes or refuses, against counting only
	$(BIN)/python -m benchmarks.bench_packet $(BENCH)

drill-money: $(VENV)/.bench bench-packages ## Twenty thousand orders on the gateway's worst day: do the books agree? (DRILL="--orders 2000")
	$(BIN)/python -m benchmarks.drill_money $(DRILL)

bench-packages: debian-packages
	@bash .ci/debian_packages wrk

lock: $(VENV)/.fast ## Write the full locked requirements/*.txt from requirements/*.in
	cd requirements && for name in base prod mysql dev bench; do \
		../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--emit-build-options --no-header --output-file $$name.txt $$name.in || exit 1; done

# Stamps: a second `make` installs nothing. pip, not uv: the demo's machine has only what Python brings.
$(VENV)/.base: requirements/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ...")'
	@test -x $(BIN)/python || { echo "Making $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing requirements/base.txt ..."
	@$(PIP_INSTALL) --only-binary :all: --requirement requirements/base.txt
	@touch $@

$(VENV)/.fast: $(VENV)/.base requirements/dev.txt
	@echo "Installing requirements/dev.txt ..."
	@$(PIP_INSTALL) --requirement requirements/dev.txt
	@touch $@

# mysqlclient is built here: it needs the packages of .ci/debian_packages.
$(VENV)/.dev: $(VENV)/.fast requirements/mysql.txt
	@PYTHON=$(BIN)/python bash .ci/debian_packages
	@echo "Installing requirements/mysql.txt ..."
	@$(PIP_INSTALL) --requirement requirements/mysql.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@echo "Installing requirements/bench.txt ..."
	@$(PIP_INSTALL) --only-binary :all: --requirement requirements/bench.txt
	@touch $@

debian-packages: $(VENV)/.base
	@PYTHON=$(BIN)/python bash .ci/debian_packages
