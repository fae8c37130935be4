# Every target says what it does in `make help`. Only python3 and a C compiler are needed beforehand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z-]+:.*\#\# / {print $$1}' $(firstword $(MAKEFILE_LIST)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

C_SOURCES := $(shell find src -name '*.[ch]')
# The C code is built into src/pykcov, so a changed C file is a reason to install again.
$(VENV)/installed: pyproject.toml setup.py $(C_SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/ready: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

DEMO_FILES = README.md Makefile pyproject.toml src/pykcov/traces/locations.py src/pykcov/core/device.c
demo: $(VENV)/installed ## trace a real program from nothing: own .venv, install, run, report in text and HTML
	@mkdir -p .demo
	$(BIN)/python -m pip install --quiet pygments
	$(BIN)/pykcov run -o .demo/trace.npz --include pygments --include __main__ examples/highlight.py $(DEMO_FILES)
	$(BIN)/pykcov report .demo/trace.npz --format html -o .demo/html
	$(BIN)/pykcov report .demo/trace.npz
	@echo
	@echo "Which lines ran, and in which threads: open file://$(CURDIR)/.demo/html/index.html"

# Files of C and Python that the checkers read.
C_FILES = $(shell git ls-files '*.c' '*.h')
PYTHON_TREES = src tests tools benchmarks examples docs/conf.py noxfile.py setup.py

lint: $(VENV)/ready ## ruff, mypy --strict and clang-format; changes nothing
	$(BIN)/ruff check $(PYTHON_TREES)
	@# Text is read and written in an encoding that is named.
	$(BIN)/ruff check --preview --select PLW1514 src
	$(BIN)/ruff format --check $(PYTHON_TREES)
	$(BIN)/mypy
	@echo "clang-format --dry-run --Werror, over all C files"
	@$(BIN)/clang-format --dry-run --Werror $(C_FILES)

format: $(VENV)/ready ## let ruff and clang-format rewrite the files
	$(BIN)/ruff check --fix $(PYTHON_TREES)
	$(BIN)/ruff format $(PYTHON_TREES)
	$(BIN)/clang-format -i $(C_FILES)

test: lint ## from nothing: own .venv, install with test dependencies, every check and test
	$(BIN)/python -m pytest -n auto

page: ## build what `pykcov explore` writes from its TypeScript into the package (needs node and npm)
	cd src/pykcov/explore/web && npm ci --no-audit --no-fund && npm run check && npm run build

live-terminals: $(VENV)/ready ## a dozen terminals that go away while `pykcov run --live` draws on them
	$(BIN)/python -m pytest -q -m slow tests/live

explore-data: $(VENV)/ready ## questions to the page on a service's 200 requests and sqlparse's tests (needs Debian's chromium, chromium-driver)
	$(BIN)/python -m pytest -q -m 'slow or not slow' tests/explore/test_real_data.py

pytest-suspicion: $(VENV)/ready ## how far up the difference view ranks seeded faults of five libraries (OPTIONS="sqlparse --faults 3")
	$(BIN)/python tools/pytest_suspicion.py $(OPTIONS)

page-pictures: $(VENV)/ready ## the pictures of docs/explore.md, as the tests see the page (needs Debian's chromium, chromium-driver)
	PYKCOV_PICTURES=$(CURDIR)/docs $(BIN)/python -m pytest -q tests/explore/test_page.py

test-all: $(VENV)/ready ## the tests on every supported CPython found on this machine
	$(BIN)/python -m pip install --quiet nox
	$(BIN)/nox

test-itself: $(VENV)/ready ## the tests while pykcov and they themselves have probes (OPTIONS="tests/instrument")
	$(BIN)/python -m pytest -n auto -p tools.instrumented_by_itself $(OPTIONS)

vectors: $(VENV)/ready ## replay all kcov(4) vectors with real threads
	$(BIN)/python tools/replay_vectors.py tests/data/core.jsonl.gz tests/data/fixed.jsonl.gz

state-machine: $(VENV)/ready ## 2,000 random runs of model and core together
	EXAMPLES=2000 $(BIN)/python -m pytest -q -o timeout=0 tests/core/test_state_machine.py

STRESS = $(BIN)/python tools/stress.py
sanitize: $(VENV)/ready ## 10^8 events under thread, then address and undefined-behaviour sanitizers
	$(STRESS) --sanitizer thread --events 40000000 --seed 1
	$(STRESS) --sanitizer thread --events 10000000 --seed 2 --fork
	$(STRESS) --sanitizer address --events 40000000 --seed 3
	$(STRESS) --sanitizer address --events 10000000 --seed 4 --fork
	$(BIN)/python tools/sanitize_module.py

valgrind: $(VENV)/ready ## the Python tests of the core: no leak of ours, no bad access (needs valgrind)
	$(BIN)/python tools/valgrind_core.py

mutants: $(VENV)/ready ## break the core on purpose: the vectors or the state machine must notice each time
	$(BIN)/python tools/mutate_core.py

# A virtual environment for each Python.
JUDGE = .cpython-tests/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
$(JUDGE)/ready: pyproject.toml setup.py $(C_SOURCES)
	$(PYTHON) -m venv $(JUDGE)
	$(JUDGE)/bin/python -m pip install --quiet --editable .
	@touch $@

cpython-tests: $(JUDGE)/ready ## all of CPython's own tests, bare and probed (PYTHON=python3.13 MODULES="test_json")
	nice $(JUDGE)/bin/python tools/cpython_tests.py --results $(JUDGE)/results $(OPTIONS) $(MODULES)

# What differs between these and older Pythons; the folder is made once and takes 3 GB (needs root, debootstrap, rsync).
test-new: ## the tests on CPython 3.14 and 3.15, in a newer Debian in a folder (VERSIONS=3.15 OPTIONS="tests/core")
	for version in $(or $(VERSIONS),3.14 3.15); do \
		tools/python-chroot.sh run $$version make .venv/ready || exit; \
		tools/python-chroot.sh run $$version .venv/bin/python -m pytest -n auto $(OPTIONS) || exit; \
	done

# Debian's qemu-user-static runs what is made for aarch64; the folder is made once, as that above.
ARM64 = tools/python-chroot.sh --machine arm64 run 3.14
test-arm64: ## core, instrumentation, 10^7 events of 4 threads and a campaign on aarch64, which QEMU emulates (hours)
	$(ARM64) make .venv/ready
	$(ARM64) .venv/bin/python -m pytest -m "slow or not slow" tests/fuzz/test_micro_targets.py -k magic_8
	$(ARM64) .venv/bin/python tools/stress.py --events 10000000 --threads 4
	$(ARM64) .venv/bin/python -m pytest -n auto -o timeout=3000 $(or $(OPTIONS),tests/core tests/instrument)

test-free-threaded: ## the tests on CPython 3.13 without the GIL, built once from Debian's source (10 minutes; OPTIONS="tests/core")
	PYTHON_GIL=0 tools/free-threaded.sh run python -m pytest -p no:cacheprovider -n auto --ignore tests/core/test_stub.py $(OPTIONS)

oracle: $(VENV)/ready ## the lines that libraries' own test suites run: pykcov's must be the oracle's
	$(BIN)/python -m pytest -m slow tests/oracle

gcc-conditions: $(VENV)/ready ## gcc (14 or later, here or in the newer Debian in a folder) as the judge of MC/DC, on 1,000 random decisions
	$(BIN)/python tools/gcc_conditions.py $(OPTIONS)

kernel-tests: $(VENV)/ready ## tests/kernel in a Linux that has kcov: built once (needs Debian's linux-source), booted each time
	$(BIN)/python tools/kernel_tests.py

native-packages: $(VENV)/ready ## rebuild packages with C code from source and trace them (needs a C compiler, PyPI)
	$(BIN)/python tools/native_packages.py .native-packages

readers: $(VENV)/ready ## programs that use libraries which read bytecode do the same with probes: numba and polars, too (PyPI, 200 MB)
	$(BIN)/python -m pip install --quiet numba polars
	$(BIN)/python -m pytest -m "slow or not slow" tests/instrument/test_readers.py

damaged-files: $(VENV)/ready ## 5,000 damaged traces, data files, caches and findings: each ends soon, in words (MUTANTS=, SEED=)
	$(BIN)/python -m pytest -q -s -m slow tests/damaged

# With -n alone the workers would be given none of these options.
STRICT = $(CURDIR)/$(BIN)/python -X warn_default_encoding -X dev -W error
test-strict: $(VENV)/ready ## the tests with every warning an error, of encodings too, in development mode (OPTIONS="tests/cli")
	$(STRICT) -m pytest --dist load --tx "$(shell nproc)*popen//python=$(STRICT)" $(OPTIONS)

campaign-pictures: $(VENV)/ready ## the pictures of docs/campaign.md, as the tests see the page (needs Debian's chromium, chromium-driver)
	PYKCOV_PICTURES=$(CURDIR)/docs $(BIN)/python -m pytest -q tests/campaign/test_campaign_page.py

campaign-faults: $(VENV)/ready ## workers, the scheduler and the database are killed for ten minutes each: nothing is lost (SECONDS=60)
	SECONDS=$(or $(SECONDS),600) $(BIN)/python -m pytest -q -s -m slow tests/campaign

campaign-changes: $(VENV)/ready ## faults in three libraries: the targets that find them are those that `campaign ci` chooses (git, PyPI)
	$(BIN)/python tools/campaign_changes.py $(OPTIONS)

bench-campaign: $(VENV)/ready ## executions of two workers over one pykcov fuzz, and what slices cost (OPTIONS="--overhead 3 tomllib")
	$(BIN)/python benchmarks/campaign.py $(OPTIONS)

# The chart library of the page, as it is published; the version is pinned, and its licence comes with it.
UPLOT = uplot@1.6.32
campaign-charts: ## take the chart library of `pykcov campaign serve` from npm into the package (needs npm)
	rm -rf .campaign-charts && mkdir .campaign-charts
	cd .campaign-charts && npm pack --silent $(UPLOT) && tar xzf *.tgz
	cp .campaign-charts/package/dist/uPlot.iife.min.js .campaign-charts/package/dist/uPlot.min.css src/pykcov/campaign/page/static/
	cp .campaign-charts/package/LICENSE src/pykcov/campaign/page/static/LICENSE.uPlot
	rm -rf .campaign-charts

SPHINX = $(BIN)/python -m sphinx --jobs auto --fail-on-warning --keep-going --quiet docs
docs: $(VENV)/ready ## the documentation site in .docs/html: a warning is an error, answers are near, links lead somewhere
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(SPHINX) .docs/html
	$(BIN)/python -m pytest -q -m slow tests/documents/test_site.py
	@echo "open file://$(CURDIR)/.docs/html/index.html"

docs-links: $(VENV)/ready ## ask for every page elsewhere that the documentation links to (needs the network)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(SPHINX) -b linkcheck .docs/links

wheels: $(VENV)/ready ## sdist and wheels in dist/, for each CPython of this machine, tried where there is no compiler (OPTIONS=--twice)
	$(BIN)/python tools/wheels.py $(OPTIONS)

wheels-new: ## after `make wheels`: the same for CPython 3.14 and 3.15, in a newer Debian in a folder, of the same sdist
	for version in 3.14 3.15; do \
		copy=$$(tools/python-chroot.sh path $$version); \
		tools/python-chroot.sh run $$version make .venv/ready && \
		rm -rf $$copy/dist && mkdir $$copy/dist && cp dist/pykcov-*.tar.gz $$copy/dist && \
		tools/python-chroot.sh run $$version bash -c \
			".venv/bin/python tools/wheels.py --sdist dist/*.tar.gz $(OPTIONS) python$$version" && \
		cp $$copy/dist/*.whl dist || exit; \
	done

endurance: $(VENV)/ready ## two hours of services whose every request is traced: memory and descriptors stay flat
	$(BIN)/python tools/endurance.py $(OPTIONS)

endurance-once: $(VENV)/ready ## two hours of a service under production(): as fast as bare, memory flat, whole when killed (OPTIONS="--minutes 5")
	$(BIN)/python tools/endurance_once.py $(OPTIONS)

pytest-suites: $(VENV)/ready ## test suites of libraries: the lines of each test are coverage.py's; faults are found (git, PyPI)
	$(BIN)/python -m pytest -m slow tests/contrib

pytest-contexts: $(VENV)/ready ## test suites of libraries: each test's lines against coverage.py's, with reasons (PyPI; LIBRARIES="trio anyio"; goes on where it was cut short)
	$(BIN)/python tools/pytest_contexts.py --keep .pytest-contexts $(LIBRARIES) $(OPTIONS)

pytest-branches: $(VENV)/ready ## test suites of libraries: missing lines and branches are those of coverage run --branch (PyPI; LIBRARIES="click attrs")
	$(BIN)/python tools/pytest_branches.py $(LIBRARIES) $(OPTIONS)

# A virtual environment for each Python, with the tools to compare with and the libraries that are workloads.
BENCH = .bench/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
$(BENCH)/ready: pyproject.toml setup.py benchmarks/requirements.txt $(C_SOURCES)
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --editable '.[arrays,terminal]'
	@grep -v '^#' benchmarks/requirements.txt | while read -r name; do \
		$(BENCH)/bin/python -m pip install --quiet "$$name" || echo "$$name cannot be had: it will be missing in the table"; \
	done
	@touch $@

bench: $(BENCH)/ready ## what tracing costs, beside other tools, as a table (PYTHON=python3.13 OPTIONS=--quick)
	$(BENCH)/bin/python benchmarks/run.py $(OPTIONS)

bench-live: $(VENV)/ready ## what `pykcov run --live` costs the program (OPTIONS="--rounds 15 --mode pc")
	$(BIN)/python benchmarks/live.py $(OPTIONS)

bench-explore: $(VENV)/ready ## how soon the page opens and filters with 5 million pairs (needs Debian's chromium, chromium-driver)
	$(BIN)/python benchmarks/explore.py $(OPTIONS)

# Harnesses for both, and the libraries that they are for, in the versions that have the bugs.
FUZZ_LIBRARIES = Markdown==3.8 toml==0.10.2 python-dateutil==2.8.2 six ecdsa==0.19.1 pyasn1==0.6.1 pypdf==3.8.1 \
	Pygments==2.7.3 zipp==3.19.0 markdown-it-py==2.1.0 mdurl html5lib webencodings PyYAML \
	ply h11 asteval docopt ujson lxml flask werkzeug jinja2 markupsafe itsdangerous blinker
.bench/fuzz/ready: Makefile
	@mkdir -p .bench/fuzz
	$(PYTHON) -m pip install --quiet --no-deps --target .bench/fuzz $(FUZZ_LIBRARIES)
	$(PYTHON) -m pip install --quiet --no-deps --target .bench/fuzz/old ecdsa==0.13.2
	@touch $@

fuzz-harnesses: $(VENV)/ready .bench/fuzz/ready ## every harness of benchmarks/fuzz as it is, under pykcov fuzz and Atheris (PyPI)
	$(BIN)/python -m pytest -m slow tests/fuzz

# What a user has who does not install Atheris: a virtual environment for each Python.
ALONE = .fuzz-alone/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
$(ALONE)/ready: pyproject.toml setup.py $(C_SOURCES)
	$(PYTHON) -m venv $(ALONE)
	$(ALONE)/bin/python -m pip install --quiet --editable '.[test]'
	$(ALONE)/bin/python -m pip uninstall --quiet --yes atheris
	@for name in $(FUZZ_LIBRARIES); do \
		$(ALONE)/bin/python -m pip install --quiet --no-deps --target $(ALONE)/libraries "$$name" || \
			echo "$$name cannot be had: what needs it will be skipped"; \
	done
	$(ALONE)/bin/python -m pip install --quiet --no-deps --target $(ALONE)/libraries/old ecdsa==0.13.2
	@touch $@

test-fuzz-alone: $(ALONE)/ready ## tests/fuzz, harnesses and small targets where Atheris is not installed (PYTHON=python3.13 OPTIONS="-k harness")
	@! $(ALONE)/bin/python -c 'import atheris' 2> /dev/null || { echo "Atheris is installed in $(ALONE)"; exit 1; }
	PYKCOV_FUZZ_LIBRARIES=$(ALONE)/libraries $(ALONE)/bin/python -m pytest -n auto -m "slow or not slow" tests/fuzz $(OPTIONS)

bench-fuzz: $(VENV)/ready .bench/fuzz/ready ## pykcov fuzz beside Atheris: executions a second, time to known bugs, locations; tables and a plot (an hour)
	$(BIN)/python -m pip install --quiet matplotlib
	PYTHONPATH=$(CURDIR)/.bench/fuzz $(BIN)/python benchmarks/fuzz/speed.py -o .bench/fuzz/speed.json
	PYTHONPATH=$(CURDIR)/.bench/fuzz $(BIN)/python benchmarks/fuzz/campaigns.py
	PYTHONPATH=$(CURDIR)/.bench/fuzz $(BIN)/python benchmarks/fuzz/bugs.py -o .bench/fuzz/bugs.json
	PYTHONPATH=$(CURDIR)/.bench/fuzz $(BIN)/python benchmarks/fuzz/locations.py -o .bench/fuzz/locations.json
	$(BIN)/python benchmarks/fuzz/plot.py .bench/fuzz/speed.json .bench/fuzz/bugs.json .bench/fuzz/fuzz.svg

package-targets: $(VENV)/ready ## harnesses in the manner of OSS-Fuzz as packaged targets (PyInstaller; 5 minutes)
	$(BIN)/python -m pip install --quiet --editable '.[package]'
	$(BIN)/python -m pytest -m slow tests/package

# In versions that have a bug which is fixed since.
BUGGY_LIBRARIES = Markdown==3.8 aniso8601==7.0.0 idna==2.5 isodate==0.6.0 six jmespath==0.9.0 jsonpointer==2.0 \
	msgpack==0.6.2 netaddr==0.7.19 packaging==21.3 pyasn1==0.6.1 sqlparse==0.4.4 tomlkit==0.5.11
.bench/hypothesis/ready: Makefile
	@mkdir -p .bench/hypothesis
	$(PYTHON) -m pip install --quiet --no-deps --target .bench/hypothesis $(BUGGY_LIBRARIES)
	@touch $@

bench-hypothesis: $(VENV)/ready .bench/hypothesis/ready ## examples until Hypothesis finds known bugs of libraries, with the backend and without (PyPI)
	PYTHONPATH=$(CURDIR)/.bench/hypothesis $(BIN)/python benchmarks/hypothesis/findings.py --real $(OPTIONS)

PARSERS = commonmark==0.9.2 html5lib==1.1 markdown-it-py==4.3.0 mdurl packaging==26.4 python-dateutil==4.0.0 six \
	sqlparse==0.6.1 tomlkit==0.15.2 webencodings
.bench/hypothesis-cost/ready: Makefile
	@mkdir -p .bench/hypothesis-cost
	$(PYTHON) -m pip install --quiet --no-deps --target .bench/hypothesis-cost $(PARSERS)
	@touch $@

bench-hypothesis-cost: $(VENV)/ready .bench/hypothesis-cost/ready ## what an example of seven parsers costs with the backend, over Hypothesis's own (PyPI)
	PYTHONPATH=$(CURDIR)/.bench/hypothesis-cost $(BIN)/python benchmarks/hypothesis/cost.py --libraries $(OPTIONS)

hypothesis-suites: $(VENV)/ready ## Hypothesis tests of attrs, cattrs, packaging and dateutil with the backend forced: the same outcomes (PyPI)
	$(BIN)/python tools/hypothesis_suites.py $(OPTIONS)

bench-pytest: $(BENCH)/ready ## what per-test contexts cost on libraries' test suites (PYTHON=python3.13)
	$(BENCH)/bin/python -m pip install --quiet pytest pytest-cov
	$(BENCH)/bin/python benchmarks/pytest_suites.py $(OPTIONS)

clean: ## remove everything that was built or installed here
	rm -rf $(VENV) .native-packages .bench .pytest-contexts .cpython-tests .fuzz-alone .free-threaded build dist .nox .demo .docs src/*.egg-info
	find src -name '*.so' -delete
