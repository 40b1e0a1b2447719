# make run    sets up .venv, runs the whole pipeline, prints what it found
#             EXTRAS=torch or EXTRAS=keras installs that framework alone, and leaves out networks of the other
# make report runs what the report needs, and says where it is
# make test   sets up .venv, runs the tests
# make soak   runs the long tests: random kills, fuzzing at length, files larger than memory, full disks
#             SOAK=tests/replay runs those in that folder alone
# make lint   runs the linters
# make docs   builds the documentation site, site/index.html

PYTHON ?= python3
FRAMEWORKS = torch keras
HAS := $(shell cat .venv/installed .venv/unfinished 2> /dev/null)
EXTRAS ?= $(if $(filter test soak,$(MAKECMDGOALS)),$(FRAMEWORKS),$(or $(HAS),$(FRAMEWORKS)))
override EXTRAS := $(sort $(EXTRAS) $(HAS))
$(if $(filter-out $(FRAMEWORKS),$(EXTRAS)),$(error EXTRAS is "$(EXTRAS)", but should be torch, keras or "torch keras"))
PINS = $(patsubst %,--requirement requirements/%.txt,pipeline $(EXTRAS))
INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: run report test soak lint docs setup another-framework

run: setup
	@first=$$(python -m stages.rig.targets --first) && { [ -z "$$first" ] || { dvc repro $$first && \
		printf '\nFirst figures: reports/%s/*.png. What is left follows ...\n\n' $${first#plots@}; }; }
	@targets=$$(python -m stages.rig.targets) && dvc repro $$targets
	@targets=$$(python -m stages.rig.targets --after) && { [ -z "$$targets" ] || dvc repro --single-item $$targets; }
	@echo
	@dvc metrics show
	@echo
	@echo "Explore: reports/index.html in a browser"
	@echo "Figures: reports/<network>/*.png, and reports/bottleneck/ for all widths side by side."
	@echo "Next:    change params.yaml, then .venv/bin/dvc repro, or .venv/bin/snakemake plots --cores 4"
	@echo "         .venv/bin/tensorboard --logdir artifacts"

report: setup
	@targets=$$(python -m stages.rig.targets) && dvc repro $${targets:-report}
	@targets=$$(python -m stages.rig.targets --after) && { [ -z "$$targets" ] || dvc repro --single-item $$targets; }
	@echo "The report: $(CURDIR)/reports/index.html"

test: setup .venv/tests-installed
	@python -m pytest -m "not soak" --numprocesses 3 --dist loadfile --no-loadscope-reorder

soak: setup .venv/tests-installed
	@python -m pytest -m soak --numprocesses 3 --dist loadfile --no-loadscope-reorder $(SOAK)

lint: .venv/tests-installed
	@ruff check .
	@ruff format --check .
	@snakemake --lint

docs: .venv/docs-installed
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "The documentation: $(CURDIR)/site/index.html; served, it can be searched: .venv/bin/mkdocs serve"

# Outside any repository, as in an unpacked archive, or where one ignores this folder, DVC works without git, but needs to
# be told. In a subfolder of a repository it does not, for `dvc exp run` wants git.
setup: .venv/installed
	@dvc config --local core.no_scm $$(git rev-parse --git-dir > /dev/null 2>&1 && ! git check-ignore --quiet dvc.yaml && echo false || echo true)

# What a full disk or a kill cut short pip takes for installed, or pip itself is half there: such a .venv is made anew.
# So before one that is whole changes, what can fail without harm is tried: finding all packages.
.venv/installed: $(wildcard requirements/*.txt engines/*.* engines/*/*.py) $(if $(filter-out $(HAS),$(EXTRAS)),another-framework)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, not " + sys.version.split()[0] + ": make PYTHON=python3.11 run")'
	@[ ! -e .venv/unfinished ] && .venv/bin/python -m pip --version > /dev/null 2>&1 || rm -rf .venv
	@[ ! -e $@ ] || $(INSTALL) --dry-run $(PINS)
	@mkdir -p .venv && rm -f $@ && echo $(EXTRAS) > .venv/unfinished
	@[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv || { echo ".venv cannot be made; its disk has $$(df -Pk . | awk 'END {print $$4}') kB left."; false; }
	@echo "Installing the pipeline and $(EXTRAS) into .venv (torch: 6.5 GB, keras: 3 GB, both: 8 GB; a few minutes the first time) ..."
	@$(INSTALL) $(PINS)
	@mv .venv/unfinished $@

.venv/tests-installed .venv/docs-installed: .venv/%-installed: %/requirements.txt .venv/installed
	@$(INSTALL) --dry-run -r $<
	@mv .venv/installed .venv/unfinished
	@$(INSTALL) -r $<
	@mv .venv/unfinished .venv/installed
	@touch $@
