# make study [STUDY=demo] [PAIRS=de-en,el-en] [SEEDS=0,1] [SET="align.steps=100 ..."] [CORES=2] [FLAGS="snakemake flags"]
# make plan [STUDY=paper/table2 ...]: what it would run, fetch and write, and how long; nothing is run
# make lab [FLAGS="--no-browser --port 8899"]: JupyterLab, with your own copies of the notebooks in lab/
# make gallery [STUDY=demo]: keep what a finished study shows, and pages of all that is kept: outputs/gallery/html
# make handout: the workshop's notebooks without their solutions, in notebooks/handout
# make test [ALL=1]: the tests; with ALL=1 also those that start whole studies, twice as long
# make install | make clean-study STUDY=demo

PYTHON ?= python3
STUDY ?= demo
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# Of each process, as in a study, also in a notebook that is run by hand: with more threads numbers come out a little
# otherwise.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS

VENV := .venv
ifneq ($(words $(VENV)),1)
$(error VENV must be the path of a folder, without blanks, got '$(VENV)')
endif
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
FOLDER = outputs/$(subst /,-,$(STUDY))
CHOICE = $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SET),--set $(SET))
quoted = '$(subst ','\'',$(STUDY))'

.PHONY: study plan test lab gallery handout install clean-study

study: $(READY)
	@$(BIN)/python -m otlib study $(quoted) --cores $(CORES) $(CHOICE) $(if $(FLAGS),-- $(FLAGS))

plan: $(READY)
	@$(BIN)/python -m otlib plan $(quoted) $(CHOICE)

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses $(CORES) --maxprocesses 8 --dist loadfile $(if $(ALL),,-m "not slow")

lab: $(READY)
	@$(BIN)/python -m otlib.study.lab $(FLAGS)

gallery: $(READY)
	@$(BIN)/python -m otlib.study.gallery $(quoted)

handout: $(READY)
	@$(BIN)/jupyter nbconvert --log-level ERROR --to notebook --output-dir notebooks/handout notebooks/workshop/*.ipynb \
		--TagRemovePreprocessor.enabled True --TagRemovePreprocessor.remove_cell_tags solution

install: $(READY)

clean-study:
	@test -f $(FOLDER)/study.yaml || { echo "$(FOLDER) is not the folder of a study"; exit 1; }
	rm -rf $(FOLDER)

$(READY): requirements.lock torch.lock
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON): name a Python 3.10 or newer, such as make PYTHON=/usr/bin/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "$(PYTHON) is older than Python 3.10: name a newer one, such as make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: python3-venv)"; exit 1; }
	@echo "Installing into $(VENV): a few minutes, once"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --no-deps -r requirements.lock
	@$(PIP) -r torch.lock
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m ipykernel install --prefix $(VENV) --name python3 --display-name "Python 3 (study)" >/dev/null
	@touch $(READY)
