# The whole house by name. `make` alone lists what there is.

PYTHON  ?= python3
VENV    ?= .venv
DATASET ?= optdigits
RECIPE  ?= cnn
DATA    ?=
# Of bundle and deploy: what goes to the device, and which board and where it is.
EXTRAS   ?=
MODELS   ?=
PLATFORM ?= aarch64
PYTHONS  ?= 3.11 3.13
PI       ?=
# Of bench: rounds, contenders taken or left out, what to call the machine, whether to write docs/.
ROUNDS  ?= 5
ONLY    ?=
SKIP    ?=
MACHINE ?=
DOCS    ?=
# Of fuzz: inputs for each target, and what chance begins with.
RUNS    ?= 100000
SEED    ?= 1

BIN  := $(VENV)/bin
# A run is named by its data set; a recipe other than the default is put behind it.
NAME ?= $(notdir $(patsubst %/,%,$(DATASET)))$(if $(filter cnn,$(RECIPE)),,-$(RECIPE))
DATA_OPTION := $(if $(DATA),--data $(DATA))
TUNED := $(if $(filter file,$(origin RECIPE)),mlp-tuned,$(RECIPE))
SHIPPED := digits digits-tiny fashion fashion-tiny

.DEFAULT_GOAL := help
.PHONY: help setup train tune export gate gate-selftest test test-arm test-bundle fuzz check bench \
        wheel bundle deploy zoo cards audit lock clean

help:  ## List the targets
	@echo "make TARGET [DATASET=optdigits|digits|fashion|PATH] [RECIPE=cnn|mlp|separable|mobilenet|PATH] [DATA=DIR] [PYTHON=python3]"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(VENV)/.complete  ## Make .venv with everything for training, export and tests

# The stamp is written last: a setup that was interrupted is done again.
$(VENV)/.complete: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else \
	    "edgeproof: expected Python 3.11 to 3.13, got %d.%d: make setup PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

train: setup  ## Train on DATASET; goes on with what was interrupted
	$(BIN)/edgeproof train $(DATASET) --recipe $(RECIPE) --name $(NAME) --resume $(DATA_OPTION)

tune: setup  ## Search a recipe's best values on DATASET, then train; RECIPE with a [search] table
	$(BIN)/edgeproof tune $(DATASET) --recipe $(TUNED) --resume $(DATA_OPTION)

export: setup  ## Train when there is no model yet, quantise, gate: dist/NAME/
	@if ! test -f runs/$(NAME)/run.json && ! test -f models/$(NAME)/run.json; then \
	    $(MAKE) --no-print-directory train; fi
	$(BIN)/edgeproof export $(NAME) $(DATA_OPTION)
	@echo
	@echo "Try one:  $(BIN)/edgeproof classify PICTURE --model dist/$(NAME)/$(NAME)-int8.tflite"

gate: setup  ## Gate the shipped models, rebuilt and as they ship; with DATASET=, that one's variants
ifeq ($(origin DATASET),file)
	$(BIN)/edgeproof gate $(SHIPPED:%=edge/zoo/%-int8.tflite) --rebuild --report build/gate \
	    $(DATA_OPTION)
else
	@if ls dist/$(NAME)/*.tflite >/dev/null 2>&1; then \
	    $(BIN)/edgeproof gate dist/$(NAME)/*.tflite $(DATA_OPTION); \
	elif ls edge/zoo/$(NAME)-*.tflite >/dev/null 2>&1; then \
	    $(BIN)/edgeproof gate $(NAME) $(DATA_OPTION); \
	else $(MAKE) --no-print-directory export; fi
endif

gate-selftest: setup  ## Negative control: models that are wrong on purpose must fail the gate
	@if ! test -f runs/$(NAME)/run.json && ! test -f models/$(NAME)/run.json; then \
	    $(MAKE) --no-print-directory train; fi
	$(BIN)/edgeproof gate-selftest $(NAME) $(DATA_OPTION)

test: setup  ## Run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-arm: wheel  ## The wheel on emulated ARM boards, against this machine; FRESH=1: nothing cached
	@if ! ls dist/optdigits/*.tflite >/dev/null 2>&1; then \
	    $(MAKE) --no-print-directory export DATASET=optdigits RECIPE=cnn; fi
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m tests.arm $(if $(FRESH),--fresh) --models dist/optdigits \
	    --wheel "$$(ls -t dist/edgeproof-*.whl | head -n 1)"

test-bundle: bundle  ## That archive, installed on emulated systems without a network
	$(BIN)/python -m tests.offline "$$(ls -t dist/edgeproof-*-linux-$(PLATFORM).tar | head -n 1)"

# Where atheris has no wheel, inputs are made without looking at what they reach.
fuzz: setup  ## Strange bytes for the decoders and the bundle reader; RUNS=100000 SEED=1
	@$(BIN)/python -m pip install --quiet --only-binary atheris 'atheris>=3,<4' \
	    || echo "make fuzz: no atheris for this Python: inputs by chance alone" >&2
	$(BIN)/python -m tests.fuzz pictures bundles --runs $(RUNS) --seed $(SEED)

check: setup  ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## Side by side with other ways, in ratios; ROUNDS=5 SKIP="tensorflow mediapipe" DOCS=1
	@$(BIN)/python -m benchmarks --rounds $(ROUNDS) --only "$(ONLY)" --skip "$(SKIP)" \
	    --machine "$(MACHINE)" $(if $(DOCS),--docs)

wheel: setup  ## Build wheel and sdist from what git tracks, the same bytes each time: dist/edgeproof-*
	$(BIN)/python -m deploy.wheel --out dist

# The archive's path is all that it prints on stdout.
MAKE_BUNDLE = $(BIN)/python -m deploy.bundle --wheel "$$(ls -t dist/edgeproof-*.whl | head -n 1)" \
    --machine '$(PLATFORM)' --pythons '$(PYTHONS)' --extras '$(EXTRAS)' --models '$(MODELS)'

bundle: wheel  ## One archive for a Pi without internet; EXTRAS=camera,live,mqtt,sign MODELS="PATH..."
	@$(MAKE_BUNDLE)

deploy: wheel  ## Install on PI=user@host over ssh, and verify there; EXTRAS, MODELS as above
	@archive=$$($(MAKE_BUNDLE)) && sh deploy/deploy.sh "$$archive" '$(PI)' $(INSTALL_OPTIONS)

zoo: setup  ## Export the shipped models from models/ into the wheel's folder, with new baselines
	for name in $(SHIPPED); do \
	    $(BIN)/edgeproof export models/$$name --variants int8 --out build/$$name $(DATA_OPTION) \
	        --update-baseline && cp build/$$name/$$name-int8.tflite edge/zoo/ || exit; done
	$(BIN)/python -m edge.zoo.seals

audit: setup  ## Known holes in what constraints.txt pins (osv.dev); deploy/accepted.toml: which stay, and why
	$(BIN)/python -m deploy.audit

lock: wheel  ## Resolve the dependencies anew: constraints.txt, and the sums of a device's wheels
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --upgrade --quiet \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --output-file constraints.txt pyproject.toml
	$(BIN)/python -m deploy.lock "$$(ls -t dist/edgeproof-*.whl | head -n 1)"

cards: setup  ## Model cards and the Pareto plot in docs/, from what ships and what the gate saw of it
	$(BIN)/python -m cards

clean:  ## Remove .venv and what was built; runs/ stays
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
