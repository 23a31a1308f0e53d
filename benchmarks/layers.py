"""Where a study's encoder should be looked at: sentence retrieval and the confidence of plans, by layer.

``python benchmarks/layers.py STUDY`` (its data must be there) reads the first 200 training pairs of each language, with
the encoder before alignment, so that nothing that is tested chooses. The rule is that of
:func:`otlib.analysis.layers.best_layer`; its choice goes into the study's ``evaluate`` section.
"""

import sys

import pandas as pd
import transformers

from otlib import load_study
from otlib.analysis.layers import best_layer, scores_by_layer
from otlib.data.text import read_prepared
from otlib.training.words import load_encoder

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
study = load_study(sys.argv[1])
tokenizer, model = load_encoder(study.encoder_path(study.seeds[0]))
options = {"max_length": study.evaluate.max_length, **study.transport()}
tables = {}
for language in study.languages:
    text = read_prepared(study.parallel(language), language)
    tables[language] = scores_by_layer(model, tokenizer, text.take(range(min(len(text), 200))), **options)
    print(language, *best_layer(tables[language]), flush=True)
by_layer = pd.concat(tables, names=["language"])
print(by_layer.pivot_table(index=["pooling", "layer"], columns="metric", values="value").round(3).to_string())
print("surest plans: layer {}, pooling {}".format(*best_layer(by_layer)))
