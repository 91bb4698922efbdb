# Crashbench. `make` or `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras \
  --no-emit-index-url --no-emit-find-links --no-header

.DEFAULT_GOAL := help
LIBRARY ?= pgqueuer
.PHONY: help setup wheel adapters crash-recovery smoke run calibrate reproduce matrix results report test test-scenarios test-conformance test-crash-points test-more-points test-dask test-wheel nightly crash-points faults lint types contracts verify docs mutator mutation bench lock clean

help: ## list the targets; how long they take is as measured on two cores
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with the pinned dependencies (half a minute)

$(STAMP): requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Crashbench needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu:" \
	       "apt-get install python3-venv" >&2; exit 2; }
	@echo "installing the pinned packages into $(VENV), about half a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	@touch $@

wheel: setup ## build the wheel into dist/: what pip, pipx and uvx install anywhere
	@rm -rf build
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

adapters: setup ## install or build what every bundled library needs: Python, Go, Node.js (some three minutes)
	$(BIN)/crashbench adapters --build $(ARGS)

crash-recovery: setup ## the main job: kill pgqueuer's worker, say what became of every job (two and a half minutes)
	$(BIN)/python -m orchestrator --mode=parent

smoke: setup ## the same shape in half a minute, pgqueuer tuned
	$(BIN)/crashbench run --scenario crash_recovery_short

run: setup ## any run: make run ARGS="--scenario crash_recovery_exact --preset stock"
	$(BIN)/crashbench run $(ARGS)

calibrate: setup ## run the five control queues: what is found against what must be found (a minute)
	$(BIN)/crashbench calibrate

matrix: setup ## many runs, interleaved, resumable: make matrix ARGS="--repetitions 6"
	$(BIN)/crashbench matrix $(ARGS)

crash-points: setup ## kill and stall the worker at every round trip: make crash-points LIBRARY=pgqueuer (some ten minutes)
	$(BIN)/crashbench crash-points $(LIBRARY) $(ARGS)

faults: setup ## try every fault on a library, a short run each: make faults LIBRARY=pgqueuer (some ten minutes)
	$(BIN)/crashbench faults $(LIBRARY) $(ARGS)

results: setup ## write RESULTS.md and docs/results/ from what make matrix, make crash-points and make faults have measured
	@$(BIN)/crashbench results $(or $(RESULTS),results/matrix) $(wildcard results/crash-points-*.json results/faults/faults-*.json) --pages docs/results > RESULTS.md.tmp \
	  && mv RESULTS.md.tmp RESULTS.md || { rm -f RESULTS.md.tmp; exit 1; }

report: setup ## write report.html, charts and all jobs of each run: make report RESULTS=results
	$(BIN)/crashbench report $(or $(RESULTS),results/matrix) --output report.html

test: setup ## the tests (some eight minutes)
	$(BIN)/pytest -q -n 2 --dist worksteal $(ARGS)

test-scenarios: setup ## every short scenario, once each, three at a time: they mostly wait (some eight minutes)
	$(BIN)/pytest -q -m "" -n 3 tests/acceptance/test_short_scenarios.py $(ARGS)

test-conformance: adapters ## every library, and adapters that are wrong on purpose (some six minutes)
	$(BIN)/pytest -q -m "not every_check" -n 2 tests/queues/test_conformance.py $(ARGS)

test-faults: setup ## every fault on control queues, its no-op, its parent's death (some four minutes)
	$(BIN)/pytest -q -m every_fault -n 2 tests/queues tests/acceptance $(ARGS)

test-crash-points: setup ## every crash point of the controls and of pgqueuer (some six minutes)
	$(BIN)/pytest -q -m every_point -o faulthandler_timeout=880 tests/acceptance/test_crash_points.py $(ARGS)

test-more-points: setup ## places of the body, late requests, the rescuer's race: controls (some ten minutes)
	$(BIN)/pytest -q -m every_point -o faulthandler_timeout=880 tests/acceptance/test_body_points.py tests/acceptance/test_delayed_points.py tests/acceptance/test_rescue_enumerated.py tests/queues/test_rescuers_race.py $(ARGS)

test-dask: setup ## everything that is spread, over a real Dask scheduler and two workers (some five minutes)
	$(BIN)/pytest -q -m on_dask -n 2 -o faulthandler_timeout=1480 tests/acceptance/test_*_on_dask.py $(ARGS)

nightly: adapters test-more-points ## what make test-more-points has, wrong adapters asked everything, crash points of every library (hours); findings do not stop it
	$(BIN)/pytest -q -m every_check -n 2 tests/queues/test_conformance.py
	for cell in "pgqueuer tuned" "pgqueuer stock" "procrastinate tuned" "river tuned" \
	  "river transactional" "graphile_worker tuned"; do \
	  set -- $$cell; \
	  $(BIN)/crashbench crash-points $$1 --preset $$2 --repetitions 2 || \
	    case $$? in 1|4) ;; *) exit 1 ;; esac; \
	done

test-wheel: setup ## install the wheel elsewhere and use it as an ordinary user (two minutes)
	$(BIN)/pytest -q -m from_wheel -o faulthandler_timeout=1780 tests/acceptance/test_installed_wheel.py $(ARGS)

lint: setup ## ruff: style, complexity, swallowed exceptions, stray prints
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy --strict on code and tests
	$(BIN)/mypy

contracts: setup ## imports point one way
	$(BIN)/lint-imports

verify: setup ## generated documents and schemas are what the types say
	$(BIN)/python -m orchestrator.documents --check
	$(BIN)/python -m analysis schema --check

docs: setup ## write PROTOCOL.md, HISTORY.md, scenarios/README.md and the JSON schemas from the types
	$(BIN)/python -m orchestrator.documents
	$(BIN)/python -m analysis schema

mutator: setup ## change recorded histories at random: who notices, and what nobody does
	$(BIN)/python -m tests.histories.mutator $(ARGS)

mutation: setup ## change what judges, and see that tests fail: make mutation FILES=analysis/ledger/flags.py
	$(BIN)/python -m tests.mutation $(FILES) $(ARGS)

bench: setup ## speed and memory, as ratios to limits measured in the same run
	$(BIN)/python -m tests.benchmarks $(ARGS)

lock: setup ## pin every dependency anew, with hashes; so too those of adapters of their own
	$(LOCK) --extra dev --extra dask --output-file requirements.lock pyproject.toml
	for wanted in worker_child/adapters/*/requirements.in; do \
	  (cd $$(dirname $$wanted) && $(CURDIR)/$(LOCK) --output-file requirements.lock \
	    requirements.in) || exit 1; \
	done

clean: ## remove what setup, adapters and the tools made; results stay
	rm -rf $(VENV) .adapters *.egg-info build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .mutation
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
