# make demo and make test do all set-up themselves on a bare machine: a virtual environment, the locked packages, syncline.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-quick lint lock bench faults fuzz docs clean

demo: $(READY)
	$(BIN)/syncline demo --out demo

# Two files of tests at a time, for they often wait for a browser or for other processes; tests/conftest.py orders them.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# A fresh checkout compiles its Numba kernels once, while the code is looked at, and not in every worker.
test: $(READY)
	$(MAKE) -j 3 lint kernels-float32 kernels-float64
	$(PYTEST)

test-quick: $(READY)
	$(PYTEST) -q -m "not slow and not browser and not data"

kernels-%: $(READY)
	$(BIN)/python -m tests.kernels $*

# Measurements: JSONL under benchmarks/results, and the tables of docs/ made from it.
bench: $(READY)
	$(BIN)/python -m pip install --quiet --no-build-isolation -e ".[bench]"
	$(BIN)/python -m benchmarks
	$(BIN)/python docs/scripts/measured.py
	$(BIN)/python docs/scripts/results.py
	$(BIN)/python docs/scripts/results_appendix.py

# Long runs that break things on purpose; `make test` has a short form of each.
faults: $(READY)
	$(BIN)/python -m tests.faults

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --count 2000
	$(BIN)/python -m tests.fuzz.videos --count 2000
	$(BIN)/python -m tests.fuzz.keypoints --count 2000
	$(BIN)/python -m tests.fuzz.films --count 100

docs: $(READY)
	$(BIN)/python -m pip install --quiet --no-build-isolation -e ".[docs]"
	$(BIN)/mkdocs build --strict

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)

# Hashes of every locked package, for every platform, without the address of any registry.
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra offline --extra test --constraint constraints.txt \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file requirements.lock

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
