# Two commands for a fresh machine with Python 3.11+, make and git: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test fuzz lint types wheel bench bench-check docs clean

# What the demo needs comes first and alone: a third of a gigabyte; the rest, with JAX and Sphinx, is more than one.
$(VENV)/demo: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fastgrad needs Python 3.11 or newer; write make PYTHON=python3.12")'
	@echo "$(VENV): a new environment with fastgrad, numpy, numba, matplotlib and tqdm (about 350 MB)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable ".[plot,progress]"
	@touch $@

$(VENV)/installed: $(VENV)/demo
	@echo "$(VENV): all extras, and what tests, benchmarks and documentation need (about 1.2 GB more)"
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --editable ".[all]" --group dev --group bench --group docs
	@touch $@

demo: $(VENV)/demo
	@echo "bench/demo.py: the gradient field of sin(x0*x1) on a 2000 x 2000 grid"
	@$(BIN)/python bench/demo.py

# One thread of BLAS for everybody: of several, each waits for a core that another process has.
BLAS = OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1

# Two processes share the tests; random examples are the same in every run. Python keeps what it compiled, even where it
# was told not to: else each of some hundred processes compiles all of fastgrad, and two of them all tests.
test: $(VENV)/installed
	PYTHONDONTWRITEBYTECODE= $(BLAS) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# New random programs for so many minutes, or until one of them gives a wrong number.
MINUTES ?= 60
fuzz: $(VENV)/installed
	FUZZ_EXAMPLES=500 timeout $(MINUTES)m sh -c 'while $(BIN)/python -m pytest -q -x tests/test_random_programs.py; do :; done; exit 1' \
		|| test $$? -eq 124

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

# The wheel is built, installed in an environment of its own away from the sources, and tested there.
wheel: $(VENV)/installed
	rm -rf dist build/wheel && mkdir -p build/wheel
	$(BIN)/python -m build --wheel --outdir dist . > build/wheel/build.log 2>&1 || (cat build/wheel/build.log; false)
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/python -m pip install --quiet dist/*.whl pytest
	cp tests/test_seeds.py tests/test_house.py tests/grid/test_fields.py build/wheel/
	cd build/wheel && env/bin/python -m pytest -q -W error --rootdir . .

docs: $(VENV)/installed
	$(BIN)/sphinx-build -q -W --keep-going -b html docs site

# Ratios within one run count.

bench: $(VENV)/installed
	mkdir -p build
	$(BLAS) $(BIN)/python -m pytest bench/test_speed.py -q --benchmark-quiet --benchmark-json=build/bench.json
	$(BIN)/python bench/report.py build/bench.json
	$(BLAS) $(BIN)/python bench/accuracy.py
	$(BLAS) $(BIN)/python bench/scale.py

bench-check: $(VENV)/installed
	$(BLAS) $(BIN)/python -m pytest bench/test_speed.py -q --tiny
	$(BLAS) $(BIN)/python bench/accuracy.py --tiny
	$(BLAS) $(BIN)/python bench/scale.py --tiny

clean:
	rm -rf $(VENV) build dist site field.npz field.png
