# The verbs of this repository. Each does its own set-up: a fresh machine needs make and Python >= 3.11.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-lowest check bench soak alerts-check past-check image image-check image-debian release-check chart-check pod-check generate grafana picture recording components constraints

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PURE := exporter/language/*,exporter/config/*,exporter/plan.py,exporter/store/*,exporter/nativechat/answers.py

help: ## list these verbs
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r verb does; do \
		printf '  %-18s %s\n' "$$verb" "$$does"; done

demo: $(VENV)/.demo ## run the whole thing on this machine, against a simulated NativeChat
	@exec $(BIN)/nativechat-exporter demo

# Many a test waits for another process: two more at a time than there are cores keep them all busy.
# A file's tests stay together, so that what they share is made once; folders that wait long come first.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# What is compiled once serves every process that a test starts, also where the environment forbids to keep it.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev components ## run every test, and hold coverage to its promise
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=
	$(BIN)/coverage report --fail-under=92
	$(BIN)/coverage report --fail-under=100 --include='$(PURE)'

# The parts that call another package. The rest call the same packages through these, and take minutes.
LOWEST := build/lowest
test-lowest: ## test what calls another package with the lowest versions that pyproject.toml allows
	@$(MAKE) --no-print-directory VENV=$(LOWEST) $(LOWEST)/.lowest
	$(LOWEST)/bin/pytest -n auto --dist worksteal $(addprefix tests/,language config nativechat polling exposition web daemon cli simulator)

check: $(VENV)/.dev ## lint, formatting, types, security, and files that are generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive exporter
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m tools.audit constraints/runtime.txt
	@$(BIN)/python -m tools.generate --check

bench: $(VENV)/.dev ## measure speed and size beside a script by hand, against the targets
	$(BIN)/python -m bench

SECONDS ?= 300
soak: $(VENV)/.dev ## a compressed week under faults, reloads and clock steps: no value may be wrong
	$(BIN)/python -m tools.soak --seconds $(SECONDS)

alerts-check: $(VENV)/.dev components ## send deleted errors through Prometheus and Alertmanager: one notification (five minutes)
	$(BIN)/python -m tools.alerts

chart-check: $(VENV)/.dev $(VENV)/.chart ## lint, pack and render the Helm chart, and hold it to Kubernetes' schemas
	$(BIN)/pytest tests/chart

# docker or podman. Podman's own format of an image has no place for a HEALTHCHECK.
ENGINE ?= $(notdir $(firstword $(shell command -v docker podman)))
BUILD ?= $(ENGINE) build $(if $(filter podman,$(ENGINE)),--format docker)
BUILD_FLAGS ?=
IMAGE ?= nativechat-exporter
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py)
REVISION = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

image: ## build the image, with docker or podman
	@[ -n '$(ENGINE)' ] || { echo 'an image needs docker or podman: neither is installed' >&2; exit 1; }
	$(BUILD) $(BUILD_FLAGS) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --tag $(IMAGE) .

image-check: $(VENV)/.dev image ## build the image, and hold a container of it to its promises
	ENGINE=$(ENGINE) IMAGE=$(IMAGE) $(BIN)/pytest tests/image

image-debian: ## the same where no registry can be reached, on a base made of Debian's packages; for root
	tools/image-debian.sh

# With the settings of image-debian, where that has run.
pod-check: $(VENV)/.dev ## run the sidecar's Pod with podman, from IMAGE, and do to it what Kubernetes would
	$(addprefix CONTAINERS_CONF=,$(wildcard $(CURDIR)/build/image/containers.conf)) $(BIN)/python -m tools.pod --image $(IMAGE)

past-check: $(VENV)/.dev components ## fill 90 days of a real Prometheus, and download 100,000 rows, interrupted: five minutes
	$(BIN)/python -m tools.past

TAG ?=
release-check: check ## everything a release needs: version, changelog, archives, a clean installation
	$(BIN)/python -m tools.release $(if $(TAG),--tag=$(TAG))

generate: $(VENV)/.dev ## write every file anew that is made: schema, dashboard, alerts, and what deploy/ has of them
	$(BIN)/python -m tools.generate

grafana: ## write the JSON Schemas of Grafana's dashboards anew, from its own types (needs Node.js)
	npm --prefix tools/grafana ci --no-fund --no-audit
	npm --prefix tools/grafana run schemas

picture: $(VENV)/.dev components ## draw the dashboard for the documentation (needs Node.js; takes six minutes)
	npm --prefix tools/picture ci --no-fund --no-audit
	npm --prefix tools/picture run check
	$(BIN)/python -m tools.picture --rows 6 --output docs/dashboard.png

recording: $(VENV)/.dev ## record the first steps in a terminal for the documentation (needs curl)
	$(BIN)/python -m tools.recording

components: ## install what the tests need beside Python, if it is missing
	@tests/components.sh

# Resolved on the oldest Python we run on: its needs include those of every younger one.
# Each file is bound by the one before, so that a package has the same version everywhere.
COMPILE := CUSTOM_COMPILE_COMMAND='make constraints' build/pip-tools/bin/pip-compile --quiet --upgrade \
	--generate-hashes --allow-unsafe --no-strip-extras --no-emit-options --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host pyproject.toml

constraints: ## pin the newest versions of everything, with hashes
	python3.11 -m venv build/pip-tools
	build/pip-tools/bin/python -m pip install --quiet pip-tools
	$(COMPILE) -o constraints/runtime.txt
	$(COMPILE) -o constraints/build.txt --only-build-deps --build-deps-for wheel
	$(COMPILE) -o constraints/demo.txt -c constraints/build.txt -c constraints/runtime.txt --build-deps-for editable
	$(COMPILE) -o constraints/dev.txt -c constraints/demo.txt --build-deps-for editable --extra dev
	sed -n '/^dependencies/,/^]/p' pyproject.toml | grep -oE '[a-z0-9-]+>=[0-9.]+' | sed 's/>=/==/' > build/lowest.in
	$(COMPILE) -o constraints/lowest.txt -c build/lowest.in --build-deps-for editable --extra test
	$(COMPILE) -o constraints/chart.txt -c constraints/dev.txt --build-deps-for editable --extra chart

# .demo, .dev, .chart and .lowest are stamps: made anew when their constraints or pyproject.toml change.
$(VENV)/.%: constraints/%.txt pyproject.toml | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is missing or older than 3.11: name another with make PYTHON=python3.12 …' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
