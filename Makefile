# make demo   set up, then answer questions over an incomplete graph (no data or network needed)
# make test   set up, then the tests
# make coverage   set up, then the tests with the share of lines they reach, at least 95 %
# make lint   ruff, mypy
# make bench  set up, then the exactness check on the benchmark data (needs KGREASON_DATA)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs
export KGREASON_DATA ?= $(realpath ../shared/data)

.PHONY: demo test coverage lint bench clean
.DELETE_ON_ERROR:

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kgreason needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	mkdir -p $(RUNS)
	$(BIN)/kgreason load pykeen:umls -o $(RUNS)/umls.kg
	$(BIN)/kgreason train $(RUNS)/umls.kg --model complex --seed 1 -o $(RUNS)/umls.safetensors
	@echo; echo '── 1. A missing link: what does the graph leave out? ──────────────────────────────────'
	@cat queries/umls/1-link.efo
	$(BIN)/kgreason query -g $(RUNS)/umls.kg -m $(RUNS)/umls.safetensors --query-file queries/umls/1-link.efo --limit 8 --format table
	@echo; echo '── 2. Two hops and a negation ─────────────────────────────────────────────────────────'
	@cat queries/umls/2-negation.efo
	$(BIN)/kgreason query -g $(RUNS)/umls.kg -m $(RUNS)/umls.safetensors --query-file queries/umls/2-negation.efo --limit 5 --format table
	@echo; echo '── 3. The same engine, asked in SPARQL ────────────────────────────────────────────────'
	@cat queries/umls/3-sparql.rq
	$(BIN)/kgreason query -g $(RUNS)/umls.kg -m $(RUNS)/umls.safetensors --query-file queries/umls/3-sparql.rq --format table
	@echo; echo '── How question 2 was answered ────────────────────────────────────────────────────────'
	$(BIN)/kgreason explain -g $(RUNS)/umls.kg -m $(RUNS)/umls.safetensors --query-file queries/umls/2-negation.efo

test: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses logical

# Counting lines takes longer than running them, so the tests alone do without.
coverage: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses logical --cov --cov-report=term --cov-fail-under=95

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	@test -n "$(KGREASON_DATA)" || { echo 'set KGREASON_DATA to the benchmark data'; exit 2; }
	$(BIN)/kgreason bench check $(KGREASON_DATA)/NELL-betae $(KGREASON_DATA)/FB15k-237-betae $(KGREASON_DATA)/NELL-EFO1 $(KGREASON_DATA)/FB15k-237-EFO1

clean:
	rm -rf $(RUNS) build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache
