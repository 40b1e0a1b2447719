# make run    sets up .venv, runs the whole pipeline, prints what it found
# make report runs what the report needs, and says where it is
# make test   sets up .venv, runs the tests
# make soak   runs the long tests: random kills, fuzzing at length, files larger than memory, full disks

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: run report test soak lint setup

run: setup
	@dvc repro
	@echo
	@dvc metrics show
	@echo
	@echo "Explore: reports/index.html in a browser"
	@echo "Figures: reports/<network>/*.png and *.pdf, and reports/bottleneck/ for all widths side by side."
	@echo "Next:    dvc exp run -S bottleneck=2    snakemake plots --cores 4    tensorboard --logdir artifacts"

report: setup
	@dvc repro report
	@echo "The report: $(CURDIR)/reports/index.html"

test: setup .venv/tests-installed
	@python -m pytest -m "not soak" --numprocesses 2 --dist loadfile --no-loadscope-reorder

soak: setup .venv/tests-installed
	@python -m pytest -m soak --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: .venv/tests-installed
	@ruff check .
	@ruff format --check .
	@snakemake --lint

# An unpacked archive is no git checkout: DVC then works without one, but needs to be told.
setup: .venv/installed
	@[ "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$$(pwd -P)" ] || dvc config --local core.no_scm true

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, not " + sys.version.split()[0] + ": make PYTHON=python3.11 run")'
	@[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv
	@echo "Installing requirements.txt into .venv (about 8 GB, a few minutes the first time) ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tests-installed: .venv/installed tests/requirements.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
