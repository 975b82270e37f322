# make demo, make test: each sets itself up. See README.md.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# The build of torch for processors alone, from where pip looks or else from PyTorch's own index: PyPI's brings gigabytes of
# CUDA on Linux. With an NVIDIA GPU: make setup TORCH=torch==2.13.0
TORCH ?= --requirement constraints.txt
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Two processes of one thread each: threads that spin beside a busy core cost more than they give.
TEST_ENV := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: setup lock licences demo studio study weights ablations bench corpus listen docs test test-slow dist lint clean

setup: .venv/.ready

# Everything but torch by hash, what builds hocket included; `pip check` says so if the lock lacks anything.
.venv/.ready: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hocket needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes --no-deps --requirement requirements.lock
	$(PIP) install $(TORCH) || $(PIP) install --index-url $(TORCH_INDEX) $(TORCH)
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	touch $@

# The newest versions: make lock UPGRADE=1
lock: setup
	$(PIP) install uv==0.13.9
	BIN=$(BIN) UPGRADE=$(UPGRADE) bash scripts/lock.sh

# The table of dependencies with their licences, from what is installed.
licences: setup
	$(BIN)/python scripts/licences.py

demo: setup
	BIN=$(BIN) MUSIC="$(MUSIC)" bash scripts/demo.sh

# A local web page: fuse two recordings by ear. RUNS=dir follows the runs in a folder.
studio: setup
	$(BIN)/hocket studio $(if $(RUNS),--runs "$(RUNS)")

study: setup
	BIN=$(BIN) MUSIC="$(MUSIC)" bash scripts/study.sh

# The pages of docs/ as a site that needs no network: site/index.html.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

weights: setup
	BIN=$(BIN) bash scripts/train_default_weights.sh

# Needs music to train on and pairs to score: make ablations MUSIC=dir PAIRS=pairs.csv
ablations: setup
	OMP_WAIT_POLICY=passive $(BIN)/python scripts/ablations.py ablations --music "$(MUSIC)" --pairs "$(PAIRS)"

# How fast it is, written to docs/results/performance.md; about half an hour, on a machine that does nothing else.
bench: setup
	$(BIN)/python -m benchmarks -o docs/results/performance.md

# Music to make weights from, played by FluidSynth (apt-get install fluidsynth musescore-general-soundfont-small).
SOUNDFONT ?= /usr/share/sounds/sf3/MuseScore_General_Lite.sf3
corpus: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m corpus "$(or $(OUT),music-corpus)" --soundfont "$(SOUNDFONT)"

# docs/listen.html: three pairs of its first songs, which the weights were not trained on, and their fusions.
listen: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m corpus "$(or $(OUT),listen-corpus)" --soundfont "$(SOUNDFONT)" --seed 2026 --num-songs 240
	$(BIN)/python scripts/listen_page.py "$(or $(OUT),listen-corpus)/music"

test: lint
	$(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# A real browser, SLURM and proxy included: installs them where it may, else those tests skip with a reason.
test-slow: lint
	bash scripts/install_test_tools.sh
	$(TEST_ENV) $(BIN)/python -m pytest

# sdist and wheel in dist/, and what a user does with the wheel, in an environment that holds nothing else.
dist: setup
	BIN=$(BIN) bash scripts/check_package.sh dist

clean:
	rm -rf .venv site demo study ablations weights-run music-corpus music-corpus-bank listen-corpus listen-corpus-bank dist
