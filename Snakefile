# One rule a notebook; `python -m otlib study` starts it in the study's folder.
# What trains or encodes is counted, for a GPU takes as many at a time as fit (`--resources trainings=3`).
# Every job has one thread on any machine: with more, sums are rounded otherwise, and an encoder becomes another one.
# With a `part` in its config it is run again after failures, to make the pairs or the report of what there is.
# Of files from elsewhere `otlib.study.current` compares the content; their time says nothing, so they are `ancient`, and
# what was made of them stays when they have gone.
# A rule's params are all its settings, defaults included: a changed one reruns the rule and what follows, nothing else.
import json
import os
import sys

from otlib.record import ROOT
from otlib.study import kernels
from otlib.study.current import data_outlive_their_corpora, source_files
from otlib.study.study import load_study

study = load_study(config["study"])
SEEDS, PAIRS = study.seeds, study.pairs
PYTHON = "{sys.executable:q} -I -S {kernels.__file__:q} {sys.executable:q}"  # or rather a fork of one that is there
EXECUTE = PYTHON + " -m otlib notebook {input.notebook:q} {output.notebook:q}"


def given(*paths):
    """Files from elsewhere; a brace in a path would be read as a wildcard."""
    relative = (os.path.relpath(path, study.folder) for path in paths)
    return [path for path in relative if not {"{", "}"} & {*path}]


def notebook(name):
    return os.path.relpath(ROOT / "notebooks" / f"{name}.ipynb", study.folder)


def settings(*run):
    return json.dumps(study.parameters(*run), sort_keys=True)


wildcard_constraints:
    method="|".join(study.methods),
    seed=r"\d+",
    pair="|".join(PAIRS),


ENCODER = "encoder/seed{seed}/run.json" if study.pretrains else ancient(given(*study.checkpoint_files()))
RUNS = {kind: [f"{m}/seed{s}" for m, s in study.runs_of(kind)] for kind in ("align", *study.tasks, "pair")}
NOTEBOOKS = {"align": "10_align", "nli": "20_nli", "qa": "21_qa"}


def there(paths):
    """Of a part, the files that are there."""
    return [path for path in paths if (study.folder / path).exists()] if "part" in config else paths


ALIGNED = there(expand("aligned/{run}/run.json", run=RUNS["pair"]))
RESULTS = there(
    [f"{task}/{run}/results.csv" for task in study.tasks for run in RUNS[task]]
    + expand("pairs/{pair}/results.csv", pair=PAIRS)
)
PAIR_FILES = [
    *expand("pairs/{pair}/{file}", pair=PAIRS, file=["results.csv", "predictions.csv", "run.json"]),
    *expand("notebooks/30_pair-{pair}.ipynb", pair=PAIRS),
]
CONCLUSIONS = ["results.csv", "report.html", "notebooks/40_report.ipynb"]
CONCLUSIONS += ["findings.csv", "findings.md", "notebooks/41_ablations.ipynb"] if study.findings else []


rule all:  # everything that a rule makes, so that what is lost is missed
    input:
        "notebooks/01_transport_primer.ipynb",
        "data/run.json",
        expand("notebooks/02_data-{pair}.ipynb", pair=PAIRS),
        expand(["encoder/seed{seed}/run.json", "notebooks/03_pretrain-seed{seed}.ipynb"] * study.pretrains, seed=SEEDS),
        expand("aligned/{run}/run.json", run=RUNS["align"]),
        [f"{task}/{run}/{file}" for task in study.tasks for run in RUNS[task] for file in ("results.csv", "run.json")],
        [
            f"notebooks/{NOTEBOOKS[kind]}-{run.replace('/', '-')}.ipynb"
            for kind in ("align", *study.tasks)
            for run in RUNS[kind]
        ],
        PAIR_FILES,
        CONCLUSIONS,


rule pairs:  # a part
    input:
        PAIR_FILES if ALIGNED else [],


rule conclusions:  # a part
    input:
        CONCLUSIONS if RESULTS else [],


rule transport_primer:
    input:
        notebook=notebook("01_transport_primer"),
    output:
        notebook="notebooks/01_transport_primer.ipynb",
    shell:
        EXECUTE


if not data_outlive_their_corpora(study):

    rule data:
        input:
            ancient(given(*source_files(study))),
        output:
            "data/run.json",
        params:
            # In a function, or Snakemake would fill in the {language} of a path.
            settings=lambda wildcards: settings("data"),
        shell:
            "{sys.executable:q} -m otlib data {config[study]:q}"


rule parallel_text:
    input:
        "data/run.json",
        notebook=notebook("02_data"),
    output:
        notebook="notebooks/02_data-{pair}.ipynb",
    shell:
        EXECUTE + " study={config[study]:q} pair={wildcards.pair}"


if study.pretrains:

    rule pretrain:
        input:
            "data/run.json",
            notebook=notebook("03_pretrain"),
        output:
            "encoder/seed{seed}/run.json",
            notebook="notebooks/03_pretrain-seed{seed}.ipynb",
        params:
            settings=settings("pretrain"),
        resources:
            trainings=1,
        shell:
            EXECUTE + " study={config[study]:q} seed={wildcards.seed}"


if not study.checkpoint_is_gone:

    rule align:
        input:
            "data/run.json",
            ENCODER,
            notebook=notebook("10_align"),
        output:
            "aligned/{method}/seed{seed}/run.json",
            notebook="notebooks/10_align-{method}-seed{seed}.ipynb",
        params:
            settings=lambda wildcards: settings("align", wildcards.method),
        priority: 2  # what others wait for
        resources:
            trainings=1,
        shell:
            EXECUTE + " study={config[study]:q} method={wildcards.method} seed={wildcards.seed}"


for task in study.tasks:

    rule:
        name:
            task
        input:
            "data/run.json",
            "aligned/{method}/seed{seed}/run.json",
            notebook=notebook(NOTEBOOKS[task]),
        output:
            task + "/{method}/seed{seed}/results.csv",
            task + "/{method}/seed{seed}/run.json",
            notebook="notebooks/" + NOTEBOOKS[task] + "-{method}-seed{seed}.ipynb",
        params:
            settings=lambda wildcards, task=task: settings(task, wildcards.method),
        # Below all others' the longest first, so that none is left alone at the end.
        priority: lambda wildcards: study.methods[wildcards.method].task_steps / 1000
        resources:
            trainings=1,
        shell:
            EXECUTE + " study={config[study]:q} method={wildcards.method} seed={wildcards.seed}"


rule pair:
    input:
        "data/run.json",
        ALIGNED,
        notebook=notebook("30_pair"),
    output:
        "pairs/{pair}/results.csv",
        "pairs/{pair}/predictions.csv",
        "pairs/{pair}/run.json",
        notebook="notebooks/30_pair-{pair}.ipynb",
    params:
        settings=settings("pair"),
    priority: 1
    resources:
        trainings=1,
    shell:
        EXECUTE + " study={config[study]:q} pair={wildcards.pair}"


rule report:
    input:
        RESULTS,
        notebook=notebook("40_report"),
    output:
        "results.csv",
        "report.html",
        notebook="notebooks/40_report.ipynb",
    params:
        settings=lambda wildcards: json.dumps([study.title, study.paper and study.paper.model_dump()], sort_keys=True),
    shell:
        EXECUTE + " study={config[study]:q}"
        " && " + PYTHON + " -m otlib.study.pages {config[study]:q} {output.notebook} report.html"


rule ablations:
    input:
        "results.csv",
        notebook=notebook("41_ablations"),
    output:
        "findings.csv",
        "findings.md",
        notebook="notebooks/41_ablations.ipynb",
    params:
        settings=lambda wildcards: json.dumps([finding.model_dump() for finding in study.findings], sort_keys=True),
    shell:
        EXECUTE + " study={config[study]:q}"
