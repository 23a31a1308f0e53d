# One rule a notebook; `python -m otlib study` starts it in the study's folder.
# What trains or encodes is counted, for a GPU takes one at a time (`--resources trainings=1`).
# A rule's params are all its settings, defaults included: a changed one reruns the rule and what follows, nothing else.
import json
import os
import sys

from otlib.record import ROOT
from otlib.study.study import load_study

study = load_study(config["study"])
METHODS, SEEDS, PAIRS = list(study.methods), study.seeds, study.pairs
FINDINGS = ["findings.csv"] if study.findings else []
ENCODER = ["encoder/run.json"] if study.pretrains else [str(path) for path in study.encoder_files]
EXECUTE = "{sys.executable:q} -m otlib notebook {input.notebook:q} {output.notebook:q}"


def notebook(name):
    return os.path.relpath(ROOT / "notebooks" / f"{name}.ipynb", study.folder)


def settings(*run):
    return json.dumps(study.parameters(*run), sort_keys=True)


wildcard_constraints:
    method="|".join(METHODS),
    seed=r"\d+",
    pair="|".join(PAIRS),


rule all:
    input:
        "report.html",
        FINDINGS,
        "notebooks/01_transport_primer.ipynb",
        expand("notebooks/02_data-{pair}.ipynb", pair=PAIRS),


rule transport_primer:
    input:
        notebook=notebook("01_transport_primer"),
    output:
        notebook="notebooks/01_transport_primer.ipynb",
    shell:
        EXECUTE


rule data:
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
            "encoder/run.json",
            notebook="notebooks/03_pretrain.ipynb",
        params:
            settings=settings("pretrain"),
        threads: workflow.cores
        resources:
            trainings=1,
        shell:
            EXECUTE + " study={config[study]:q}"


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
    resources:
        trainings=1,
    shell:
        EXECUTE + " study={config[study]:q} method={wildcards.method} seed={wildcards.seed}"


TASK_NOTEBOOKS = {"nli": "20_nli", "qa": "21_qa"}

for task in study.tasks:

    rule:
        name:
            task
        input:
            "data/run.json",
            "aligned/{method}/seed{seed}/run.json",
            notebook=notebook(TASK_NOTEBOOKS[task]),
        output:
            task + "/{method}/seed{seed}/results.csv",
            task + "/{method}/seed{seed}/run.json",
            notebook="notebooks/" + TASK_NOTEBOOKS[task] + "-{method}-seed{seed}.ipynb",
        params:
            settings=settings(task),
        resources:
            trainings=1,
        shell:
            EXECUTE + " study={config[study]:q} method={wildcards.method} seed={wildcards.seed}"


rule pair:
    input:
        "data/run.json",
        expand("aligned/{method}/seed{seed}/run.json", method=METHODS, seed=SEEDS),
        notebook=notebook("30_pair"),
    output:
        "pairs/{pair}/results.csv",
        "pairs/{pair}/run.json",
        notebook="notebooks/30_pair-{pair}.ipynb",
    params:
        settings=settings("pair"),
    resources:
        trainings=1,
    shell:
        EXECUTE + " study={config[study]:q} pair={wildcards.pair}"


rule report:
    input:
        expand("{task}/{method}/seed{seed}/results.csv", task=study.tasks, method=METHODS, seed=SEEDS),
        expand("pairs/{pair}/results.csv", pair=PAIRS),
        notebook=notebook("40_report"),
    output:
        "results.csv",
        "report.html",
        notebook="notebooks/40_report.ipynb",
    shell:
        EXECUTE + " study={config[study]:q}"
        " && {sys.executable:q} -m nbconvert --log-level ERROR --to html --no-input --output-dir ."
        " --output report {output.notebook}"


rule ablations:
    input:
        "results.csv",
        notebook=notebook("41_ablations"),
    output:
        "findings.csv",
        "findings.md",
        notebook="notebooks/41_ablations.ipynb",
    params:
        settings=json.dumps([finding.model_dump() for finding in study.findings], sort_keys=True),
    shell:
        EXECUTE + " study={config[study]:q}"
