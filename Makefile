# What is made from what. `make help` lists the targets.
#   make report                      the study on the embedded sample
#   make report STUDY=<name>         another study of notebooks/studies/
#   make data DATASET=fer2013        download a dataset; STUDY=<name> prepares that study's data
#   make report PYTHON=python        in an environment of your own (conda, see environment.yml) instead of .venv
#   make -j2 report LAUNCH="srun"    something to put in front of every run, two at a time
#   make report CLUSTER=<address>    the runs on a dask.distributed cluster: its scheduler's address, or scheduler file

STUDY ?= sample
PYTHON ?= .venv/bin/python
CLUSTER ?=
LAUNCH ?= $(if $(CLUSTER),$(PYTHON) -m fer_tf.study.cluster "$(CLUSTER)" --)

# Only a study's plain name goes further: into paths, and into what `clean` removes. `value` keeps make from expanding it.
PLAIN := [A-Za-z0-9_.-]+
KNOWN := $(shell ls -d notebooks/studies/*/ 2>/dev/null | sed -e 's|/$$||' -e 's|.*/||' | LC_ALL=C grep -xE '$(PLAIN)')
ifeq ($(and $(filter 1,$(words $(value STUDY))),$(filter $(KNOWN),$(value STUDY))),)
ifneq ($(filter data report figures tables check verify soak release clean,$(MAKECMDGOALS)),)
$(error there is no study '$(value STUDY)' in notebooks/studies/, by a name of letters, digits, _, . and -; choose one with STUDY=<name>: $(KNOWN))
endif
override STUDY := sample
endif
ifeq ($(origin DATASET),command line)
SOURCES := $(filter-out sample,$(shell sed -n 's/^    "\([a-z0-9_]*\)": Source.*/\1/p' fer_tf/datasets/__init__.py 2>/dev/null))
ifeq ($(and $(filter 1,$(words $(value DATASET))),$(filter $(SOURCES),$(value DATASET))),)
$(error there is no dataset '$(value DATASET)'; choose one with DATASET=<name>: $(SOURCES))
endif
ifneq ($(MAKECMDGOALS),data)
$(error DATASET= goes with `make data` alone; which dataset a study is of stands in its common.yaml)
endif
endif

STUDIES := notebooks/studies/$(STUDY)
FOLDER := reports/$(STUDY)
PAGE := $(FOLDER)/index.html
RUNS := $(basename $(notdir $(sort $(wildcard $(STUDIES)/*--*.yaml))))
ifneq ($(filter release,$(MAKECMDGOALS)),)
ifeq ($(and $(filter 1,$(words $(value RUN))),$(filter $(RUNS),$(value RUN))),)
$(error there is no run '$(value RUN)' of $(STUDY); choose one with RUN=<name>: $(RUNS))
endif
endif
REPORT := $(filter 10_report--%,$(RUNS))
ifneq ($(filter data report check,$(MAKECMDGOALS)),)
STRANGE := $(shell ls $(STUDIES) | grep -E '\.ya?ml$$' | LC_ALL=C grep -vxE 'common\.yaml|[0-9]{2}_[A-Za-z0-9_]+--$(PLAIN)\.yaml' | head -1)
$(if $(STRANGE),$(error $(STUDIES)/$(STRANGE) is no run; write <notebook>--<name>.yaml, the name of letters, digits, _, . and -))
endif
ifneq ($(filter data report,$(MAKECMDGOALS)),)
$(foreach needed,00_data 10_report,$(if $(filter $(needed)--%,$(RUNS)),,\
  $(error $(STUDIES)/ has no $(needed)--<name>.yaml; copy it, and common.yaml, from another study)))
$(foreach run,$(RUNS),$(if $(wildcard notebooks/$(firstword $(subst --, ,$(run))).ipynb),,\
  $(error $(STUDIES)/$(run).yaml is named after no notebook; write <notebook>--<name>.yaml)))
$(if $(wildcard $(STUDIES)/common.yaml),,$(error $(STUDIES)/ has no common.yaml; copy it from another study))
$(if $(word 2,$(REPORT)),$(error $(STUDIES)/ has more than one 10_report--<name>.yaml, and a study has one page: $(REPORT)))
endif
record = $(patsubst %,$(FOLDER)/runs/%/run.json,$1)
DATA := $(call record,$(filter 00_data--%,$(RUNS)))
NAMED := $(shell sed -nE "s/^dataset *: *[\"']?([A-Za-z0-9_.-]+).*/\1/p" $(STUDIES)/common.yaml 2>/dev/null)
PREPARED := data/prepared/$(NAMED)
RECORDS := $(call record,$(filter-out $(REPORT),$(RUNS)))
PACKAGE := $(shell find fer_tf -name '.?*' -prune -o -name '*.py' -print -o -name '*.yaml' -print -o -name '*.j2' -print -o -name '*.css' -print)

# Git writes files in the order of their names, not of their making. What came with a clone gets one date, lest a run look older
# than the one that it was made from; what was made here keeps its own.
ifneq ($(filter data report,$(MAKECMDGOALS)),)
CLONED := $(filter-out $(shell git ls-files -m -- reports 2>/dev/null),$(shell git ls-files -- $(PAGE) 'reports/*/runs/*/run.json' 2>/dev/null))
CAME := $(filter $(FOLDER)/%,$(CLONED))
$(if $(CAME),$(shell touch -r "$$(ls -t $(CAME) | head -1)" $(CAME)))
MADE := $(filter-out $(CLONED),$(wildcard $(DATA)))
endif

# How many runs go at once, where -j does not say: of the sample two, for its runs are small and half of each takes one core; of
# a real study one, which has the machine to itself. A cluster is given all that are ready, and its scheduler hands them out.
AT_ONCE := $(if $(CLUSTER),64,$(if $(filter sample,$(STUDY)),2))
ifeq ($(MAKECMDGOALS),report)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += $(AT_ONCE:%=-j%)
endif
endif

# Our own environment is made from the lock file, by this Python; an environment of yours is taken as it is.
PYTHON3 ?= python3
READY := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/.ready)

export TF_CPP_MIN_LOG_LEVEL ?= 3
export FER2013 RAFDB AFFECTNET FIVE_CLASS FER_PLUS FOLDERS
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.PHONY: help setup data report figures tables check verify lab test fuzz soak lint format bench models release dist clean lock stopped

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'
	@echo; echo "  STUDY is one of: $(KNOWN)"

setup: $(READY) ## Make the environment .venv from the lock file

ifeq ($(origin DATASET),command line)
data: | $(READY) ## Prepare the STUDY's data; with DATASET=fer2013 or five_class, download that one
	@$(PYTHON) -m fer_tf.datasets.download $(DATASET)
else
data: $(DATA) | $(READY)
	@$(prepare)
endif

report: $(PAGE) ## Execute what the STUDY still lacks and write its page
	@$(note_copy)
	@echo "$(PAGE)"

figures: | $(READY) ## Draw the page again, and its figures as SVG, PDF and PNG, executing no run
	@$(PYTHON) -m fer_tf.study.report --figures $(STUDY) && echo "$(FOLDER)/figures/"

tables: figures ## Write the tables again from the saved predictions, executing no run
	@echo "$(FOLDER)/tables/"

check: | $(READY) ## List the STUDY's runs that are missing, or whose parameters, data, sources or code have changed
	@$(PYTHON) -m fer_tf.study.report $(STUDY)

verify: | $(READY) ## Compute the STUDY's numbers again from its predictions and weights, and say which hold
	@$(PYTHON) -m fer_tf.study.verify $(STUDY)

lab: | $(READY) ## Open the notebooks in JupyterLab
	$(PYTHON) -m jupyterlab --notebook-dir=notebooks

test: | $(READY) ## Run the tests
	OPENBLAS_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

SECONDS ?= 600
fuzz: | $(READY) ## Give every reader damaged files for SECONDS, 600 by default; SEED=0 the same ones each time
	@expr "$(SECONDS)" : '[0-9][0-9]*$$' > /dev/null || { echo "error: SECONDS=$(SECONDS) is no whole number." >&2; exit 1; }
	@FUZZ_SECONDS=$(SECONDS) FUZZ_SEED=$(SEED) $(PYTHON) -m pytest -n 0 --timeout 0 tests/test_fuzz.py

KILLS ?= 100
soak: | $(READY) ## Kill trainings and reports KILLS times, 100 by default; KILLS=0 STUDY=sample makes a study in three ways
	@PYTHONPATH="$(CURDIR):$(CURDIR)/tests" $(PYTHON) tests/soak.py --kills $(KILLS) $(if $(filter command line,$(origin STUDY)),--study $(STUDY))

lint: | $(READY) ## Check style, and that the notebooks are stored without outputs
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m nbstripout --verify notebooks/*.ipynb

format: | $(READY) ## Bring code and notebooks into the project's style
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(PYTHON) -m nbstripout notebooks/*.ipynb

bench: | $(READY) ## Time what the README calls fast
	@for file in $(filter-out %/results.py,$(wildcard benchmarks/*.py)); do $(PYTHON) $$file || exit 1; done

models: | $(READY) ## Fetch the weights of the face detectors, each with its license and checksum
	@$(PYTHON) -m fer_tf.faces.detection

release: | $(READY) ## Ship the network of a RUN of the STUDY inside the package, with its model card
	@$(PYTHON) -m fer_tf.study.release $(STUDY) $(RUN)

dist: | $(READY) ## Build the wheel in dist/, and check that it reads a photograph in an empty environment
	@rm -rf dist build
	@$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@rm -rf build
	@WHEEL="$(CURDIR)/$$(echo dist/*.whl)" $(PYTHON) -m pytest -n 0 -p no:cacheprovider tests/test_wheel.py && echo dist/*.whl

# What took hours stays: trained weights and checkpoints, from which the runs are made again in minutes.
WEIGHTS ?= keep
TRAINED := model.keras checkpoint.npz parts

clean: ## Remove the STUDY's results, to be made again; its trained weights too with WEIGHTS=remove
	@if [ -d $(FOLDER) ]; then \
	  { find $(FOLDER) -type f $(if $(filter remove,$(WEIGHTS)),,$(foreach name,$(TRAINED),-not -path '*/$(name)' -not -path '*/$(name)/*')) -delete && \
	    find $(FOLDER) -depth -type d -empty -delete; } 2>/dev/null || \
	  { echo "error: $(FOLDER) may not be changed, or is being made. See to that, and give the command again." >&2; exit 1; } \
	fi
	@rm -rf .pytest_cache .ruff_cache .hypothesis
	@test -z "$$(git ls-files -d -- $(FOLDER) 2>/dev/null | head -1)" || echo "what came with the clone comes back by: git checkout -- $(FOLDER)"
	@test ! -d $(FOLDER) || echo "trained weights and checkpoints stay in $(FOLDER)/runs; make clean STUDY=$(STUDY) WEIGHTS=remove takes them too"

# One file for all: each package with the Pythons and systems it is for. Then each of these is resolved from it, as a check.
LOCKED := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin
lock: export MACOSX_DEPLOYMENT_TARGET = 14.0
lock: ## Write requirements.lock anew from pyproject.toml, for Python 3.11 to 3.13 on Linux and macOS (needs uv)
	uv pip compile --quiet pyproject.toml --extra study --extra dev --extra export --extra download --extra cluster --universal --generate-hashes --no-annotate --no-header --python-version 3.11 -o requirements.lock
	@for python in 3.11 3.12 3.13; do for system in $(LOCKED); do echo "Python $$python, $$system"; \
	  uv pip install --quiet --dry-run --only-binary :all: --require-hashes --target .venv/none --python-version $$python --python-platform $$system -r requirements.lock || exit 1; \
	done; done

.venv/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON3) > /dev/null || { echo "error: there is no $(PYTHON3). Name another: make setup PYTHON3=python3.12" >&2; exit 1; }
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON3) is $$($(PYTHON3) --version 2>&1). Name another: make setup PYTHON3=python3.12" >&2; exit 1; }
	@echo "making .venv from requirements.lock; this takes a few minutes the first time"
	@$(PYTHON3) -m venv .venv || { echo "error: $(PYTHON3) -m venv failed. Install it: apt install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@.venv/bin/python -m fer_tf.faces.detection --missing yunet || echo "faces are found by OpenCV's Haar cascade until then: make models"
	@touch $@

# A run is made from its YAML and its notebook, after the prepared data and every run that its YAML names, by <run> or
# <study>/<run>. Another study's runs are never made here, and those that came with a clone have no date that means anything:
# of them only `make check` sees a change, by their content.
# The package is no prerequisite: an edit of it must not cost hours of training; the page and `make check` tell instead.
named = $(patsubst $(STUDY)/%,%,$(shell sed -E -e '/^about:/d' -e 's/(^|[[:space:]])\#.*//' $(STUDIES)/$1.yaml 2>/dev/null | \
  grep -oE '($(PLAIN)/(runs/)?)?[0-9]{2}_[A-Za-z0-9_]+--$(PLAIN)' | sed 's|/runs/|/|'))
elsewhere = $(filter-out $(CLONED),$(wildcard $(patsubst %,reports/%/run.json,$(subst /,/runs/,$(filter-out $(RUNS),$1)))))
upstream = $(if $(filter 00_data--%,$1),,$(DATA)) $(call record,$(filter $(RUNS),$2)) $(call elsewhere,$2)

$(FOLDER)/runs/%/run.json: $(STUDIES)/%.yaml $(STUDIES)/common.yaml notebooks/$$(firstword $$(subst --, ,$$*)).ipynb $$(call upstream,$$*,$$(call named,$$*)) | $(READY)
	@{ test -e $@ && $(PYTHON) -m fer_tf.study.execute --keep $<; } || { \
	  $(if $(filter 00_data--%,$*),:,$(prepare)) && $(LAUNCH) $(PYTHON) -m fer_tf.study.execute $< && $(is_there) \
	  $(if $(filter 00_data--%,$*),&& $(note_recipe)); }

is_there = { ls $(@D) 2>/dev/null | grep -qx run.json || \
  { echo "error: $@ was not made. LAUNCH must wait until its command ends, as srun does and sbatch does not." >&2; false; }; }

# Where runs came with a clone, the data they were made from did not. No prerequisite either: complete runs need none. A dataset is
# prepared in one place: how, and from which copy where one is named, is noted there, for a study that wants another; as is one
# whose own data was made here, and is another.
RECIPES := $(patsubst %,$(STUDIES)/%.yaml,$(filter 00_data--%,$(RUNS)))
RECIPE := $(shell { cat $(RECIPES); grep ^seed: $(STUDIES)/common.yaml; } 2>/dev/null | grep -vE '^(about:|options: [{][}]|\#|$$)' | cksum)
COPY := $$FER2013$$RAFDB$$AFFECTNET$$FIVE_CLASS$$FER_PLUS$$FOLDERS
note_recipe = echo "$(RECIPE) $(COPY)" > $(PREPARED)/.recipe
is_as_made = grep -qF "$$(grep -o '"hash": "[^"]*"' $(PREPARED)/dataset.json | head -1)" $(MADE)
is_prepared = test -e $(PREPARED)/dataset.json && case "$$(cat $(PREPARED)/.recipe 2>/dev/null)" in \
  "$(RECIPE) $(COPY)") ;; "$(RECIPE) "*) test -z "$(COPY)";; *) false;; esac \
  $(if $(MADE),&& $(is_as_made))
prepare = { $(is_prepared); } || { $(PYTHON) -m fer_tf.study.execute --prepare $(RECIPES) && $(note_recipe) && $(is_same); }
is_same = $(if $(MADE),{ $(is_as_made) || \
  { echo "error: the data are others than those of $(MADE). To go on with them: rm $(MADE) and give the command again." >&2; false; }; },:)
note_copy = test -z "$(COPY)" || case "$$(cat $(PREPARED)/.recipe 2>/dev/null)" in ""|*" $(COPY)") ;; *) \
  echo "note: the data in $(PREPARED) were not read from $(COPY); for a page of that copy: make clean, and this again" >&2;; esac

# The page is written before its run's record: without the one, the other is of a report that was stopped. It is made anew too
# where it shows a run that the study has no more.
GONE := $(filter-out $(RUNS),$(shell sed -nE '/^ "runs"/,/^ "figures"/s/^  "([0-9]{2}_[A-Za-z0-9_]+--$(PLAIN))": [{]$$/\1/p' $(FOLDER)/results.json 2>/dev/null))
$(PAGE): $(RECORDS) $(call elsewhere,$(call named,$(REPORT))) $(REPORT:%=$(STUDIES)/%.yaml) notebooks/10_report.ipynb $(PACKAGE) $(if $(and $(wildcard $(call record,$(REPORT))),$(if $(GONE),,all)),,stopped) | $(READY)
	@$(LAUNCH) $(PYTHON) -m fer_tf.study.execute $(REPORT:%=$(STUDIES)/%.yaml)
