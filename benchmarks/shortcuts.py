"""What rules score that know no word: `.venv/bin/python benchmarks/shortcuts.py outputs/demo/data`.

Of a study's own items: trees on counts of shared words, a bag of words of either side alone (English), runs of words
that a question does not hold; and the share of each type of item within its label.
"""

import sys
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from otlib.data.items import read_nli, read_qa
from otlib.settings import PIVOT
from otlib.tasks import nli, qa
from otlib.tasks.overlap import nli_rule, qa_rule


def main(data: Path) -> None:
    items = {split: read_nli(data / f"nli/xnli.{split}.tsv").table for split in ("train", "test")}
    scores = nli.score(nli_rule(items["train"], items["test"])).query("metric == 'accuracy'")
    rows = {"NLI, trees on shared words (accuracy)": scores.set_index("language")["value"]}
    english = {split: table[table["language"] == PIVOT] for split, table in items.items()}
    for side, name in (("sentence1", "premise"), ("sentence2", "hypothesis")):
        bag = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression(C=0.3, max_iter=1000))
        bag.fit(english["train"][side], english["train"]["gold_label"])
        right = bag.score(english["test"][side], english["test"]["gold_label"])
        rows[f"NLI, bag of words of the {name} (accuracy)"] = pd.Series({PIVOT: 100 * right})
    tests = {path.name.split(".")[0]: read_qa(path) for path in sorted((data / "qa").glob("*.test.json"))}
    answered = qa.score(qa_rule(read_qa(data / f"qa/{PIVOT}.train.json"), tests)).query("metric == 'f1'")
    rows["QA, a run of words not in the question (F1)"] = answered.set_index("language")["value"]
    print(
        pd.DataFrame(rows)
        .T.astype(object)
        .where(lambda table: table.notna(), None)
        .to_markdown(floatfmt=".1f", missingval=""),
        "\n",
    )
    counts = {split: len(table) for split, table in english.items()}
    print(f"English inference items: {counts}; questions of the test: {len(tests[PIVOT])}\n")
    kinds = english["train"]["pairID"].str.rpartition("-")[0].groupby(english["train"]["gold_label"])
    print(kinds.value_counts(normalize=True).rename("share").to_frame().to_markdown(floatfmt=".3f"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
