# `make` alone lists what there is.
PYTHON ?= python3
VENV ?= .venv
PATH := $(abspath $(VENV))/bin:$(PATH)
export PATH

.PHONY: help env repro test parts pipeline check bench docs lab profile lock clean
help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort

$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	pip install --quiet -r requirements.lock
	pip install --quiet --no-deps --editable .
	@# notebooks are committed without outputs: the filter that .gitattributes names
	@if [ -e .git ]; then git config filter.notebooks.clean "'$(abspath $(VENV))/bin/python' -m replication.strip" && \
	  git config filter.notebooks.smudge cat && git config filter.notebooks.required true; fi
	touch $@

env: $(VENV)/installed  ## make the environment in .venv

repro: env  ## run the pipeline on the active profile (sample, unless changed)
	dvc repro

test: env check  ## check style and types, run all tests, the whole sample pipeline included
	@# side by side, a thread each: the pipeline in two clones takes longer than all the rest
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory --jobs=2 parts pipeline

parts: env
	pytest -m "not slow"

pipeline: env
	pytest -m slow

check: env
	ruff format --check
	ruff check
	mypy

bench: env  ## time the metrics beside other libraries; writes reports/benchmarks/
	python -m benchmarks

docs: env  ## write docs/: metrics, losses, statistics, data sets, every function
	python -m replication docs

lab: env  ## open JupyterLab on the notebooks
	jupyter lab --notebook-dir=notebooks --ContentsManager.pre_save_hook=replication.lab.keep_outputs_apart

profile: env  ## make a profile the active one: make profile PROFILE=paper
	python -m replication profile $(PROFILE)

lock: env  ## write requirements.lock anew from pyproject.toml
	python -m pip install --quiet pip-tools
	pip-compile --quiet --upgrade --extra dev --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --no-annotate --output-file requirements.lock.new pyproject.toml
	(grep '^#' requirements.lock; sed -E '/^(#|perceptual)/d; s/^(torch==[0-9.]+)\+.*/\1/' requirements.lock.new) > requirements.lock.tmp
	mv requirements.lock.tmp requirements.lock; rm requirements.lock.new

clean:  ## remove the environment and what an interrupted run left
	rm -rf $(VENV) checkpoints
