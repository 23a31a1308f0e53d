"""What alignment did to the space: retrieval, alignment error rate, isotropy; intervals for every score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.linalg import orthogonal_procrustes
from scipy.special import stdtrit
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from otlib.corpora import GoldPair, ParallelText
from otlib.links import Links, mutual_argmax
from otlib.transport import transport_plan
from otlib.words import embed_corpus

# Word alignment


def alignment_error_rate(predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]) -> float:
    """Alignment error rate over sentences (Och and Ney, 2003), from 0 (right) to 1.

    ``1 - (|A & S| + |A & P|) / (|A| + |S|)`` with the links of all sentences counted together.

    Parameters
    ----------
    predicted, sure, possible : iterable of sets of (i, j)
        One set a sentence. ``possible`` may leave out the sure links, which are possible too.

    Raises
    ------
    ValueError
        If the numbers of sentences differ, or there is neither a predicted nor a sure link.
    """
    right_sure, right, links, sure_links = _count_links(predicted, sure, possible)
    if links + sure_links == 0:
        raise ValueError("the alignment error rate needs a predicted or a sure link, there is none")
    return 1 - (right_sure + right) / (links + sure_links)


def link_scores(predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]) -> dict[str, float]:
    """``precision, recall, f1`` of links, from 0 to 1 (Och and Ney, 2003); arguments as for the error rate.

    Precision is the share of predicted links that are possible, recall the share of sure links that were
    predicted, and F1 their harmonic mean. What has no link to count is 0.
    """
    right_sure, right, links, sure_links = _count_links(predicted, sure, possible)
    precision, recall = right / max(links, 1), right_sure / max(sure_links, 1)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _count_links(predicted, sure, possible) -> tuple[int, int, int, int]:
    """Predicted links that are sure, that are sure or possible, all predicted ones, all sure ones."""
    sides = [list(links) for links in (predicted, sure, possible)]
    if len({len(links) for links in sides}) > 1:
        raise ValueError(
            "predicted, sure and possible links must be of the same sentences, "
            f"got {', '.join(str(len(links)) for links in sides)}"
        )
    counts = np.zeros(4, dtype=int)
    for a, s, p in zip(*sides, strict=True):
        counts += len(a & s), len(a & (p | s)), len(a), len(s)
    return tuple(counts.tolist())


def link_changes(gold: Sequence[GoldPair], before: Sequence[Links], after: Sequence[Links]) -> tuple[Counter, Counter]:
    """Word pairs (English, other) of sure links that were ``won`` and ``lost`` between two alignments."""
    won: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for pair, old, new in zip(gold, before, after, strict=True):
        won.update((pair.en[i], pair.other[j]) for i, j in pair.sure & new - old)
        lost.update((pair.en[i], pair.other[j]) for i, j in pair.sure & old - new)
    return won, lost


# Retrieval


def word_retrieval(en: Sequence[Tensor], other: Sequence[Tensor], gold: Sequence[GoldPair]) -> float:
    """Contextual word retrieval, per cent: is the nearest word of all sentences a gold translation in place?

    Words with a sure link are asked for, by cosine, in both directions; the two rates are averaged.

    Parameters
    ----------
    en, other : sequence of Tensor, shape (n_i, d)
        Word vectors of each sentence pair; a word that has none is zero, and is never right.
    gold : sequence of GoldPair
        Their links.

    Raises
    ------
    ValueError
        If no word has a sure link.
    """
    links = _corpus_links(en, other, gold)
    if not len(links):
        raise ValueError("word retrieval needs a sure link, there is none")
    units = [normalize(torch.cat(list(side)), dim=-1) for side in (en, other)]
    return float(np.mean([_retrieval_rate(*units, links), _retrieval_rate(*units[::-1], links[:, ::-1])]))


def _corpus_links(en, other, gold) -> np.ndarray:
    """Sure links (links, 2) with words counted over all sentences."""
    links, starts = [], np.zeros(2, dtype=int)
    for x, y, pair in zip(en, other, gold, strict=True):
        links += [starts + link for link in sorted(pair.sure)]
        starts += len(x), len(y)
    return np.array(links)


def _retrieval_rate(x: Tensor, y: Tensor, links: np.ndarray) -> float:
    asked = np.unique(links[:, 0])
    asked_vectors = x[torch.from_numpy(asked)]
    nearest = torch.cat([(rows @ y.T).argmax(1) for rows in asked_vectors.split(1024)])
    present = asked_vectors.any(1)
    pairs = zip(asked.tolist(), nearest.tolist(), present.tolist(), strict=True)
    gold = set(map(tuple, links.tolist()))
    return 100 * sum(there and (i, j) in gold for i, j, there in pairs) / len(asked)


def sentence_retrieval(x: Tensor, y: Tensor) -> float:
    """Per cent of sentences (N, d) whose nearest sentence of the other side is the translation.

    By cosine after each side's mean is taken off; both directions, averaged.
    """
    similarity = _cosine(x - x.mean(0), y - y.mean(0))
    right = torch.arange(len(x))
    found = [(similarity.argmax(side) == right).float().mean() for side in (0, 1)]
    return float(100 * torch.stack(found).mean())


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return normalize(x, dim=-1) @ normalize(y, dim=-1).T


# Shape of the space


def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine of two different vectors (N, d): 0 for an isotropic space, 1 for a collapsed one."""
    unit = normalize(vectors.double(), dim=-1)
    n = len(unit)
    return float((unit.sum(0).square().sum() - n) / (n * (n - 1)))


def effective_rank(vectors: Tensor) -> float:
    """Exponential of the entropy of the centred vectors' singular values (Roy and Vetterli, 2007)."""
    values = torch.linalg.svdvals((vectors - vectors.mean(0)).double())
    share = values / values.sum()
    share = share[share > 0]
    return float((-(share * share.log()).sum()).exp())


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment of vectors (N, d) and (N, e) of the same items, 0 to 1.

    Kornblith et al. (2019).
    """
    x, y = ((z - z.mean(0)).double() for z in (x, y))
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))


# A rotation, the reference that trains no encoder


class Rotation(NamedTuple):
    """Linear map of a language's word vectors onto English: ``(x - centre) @ turn + target``."""

    centre: Tensor  # (d,)
    turn: Tensor  # (d, d), orthogonal
    target: Tensor  # (d,)

    def __call__(self, vectors: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """Mapped vectors (n_i, d) of each sentence; words that have none stay zero."""
        mapped = ((x - self.centre) @ self.turn + self.target for x in vectors)
        return [x * mask[:, None] for x, mask in zip(mapped, masks, strict=True)]


def fit_rotation(
    model, tokenizer, text: ParallelText, *, layer: int = -1, pooling: str = "last", max_length: int = 128
) -> Rotation:
    """Rotation of a language onto English that brings paired words closest (Procrustes; Aldarmaki and Diab, 2019).

    Word pairs are each other's nearest by cosine within a sentence pair of the training text.

    Raises
    ------
    ValueError
        If there are fewer word pairs than dimensions, which do not fix a rotation.
    """
    options = {"layer": layer, "pooling": pooling, "max_length": max_length}
    source, pivot = (embed_corpus(model, tokenizer, side, **options) for side in (text.source, text.pivot))
    x, y = [], []
    for a, b, a_mask, b_mask in zip(source[0], pivot[0], source[1], pivot[1], strict=True):
        links = sorted(_links_of_present(_cosine(a, b), a_mask, b_mask))
        x += [a[i] for i, _ in links]
        y += [b[j] for _, j in links]
    dimensions = model.config.hidden_size
    if len(x) < dimensions:
        raise ValueError(f"{len(x)} word pairs do not fix a rotation in {dimensions} dimensions: give more text")
    x, y = torch.stack(x), torch.stack(y)
    centre, target = x.mean(0), y.mean(0)
    turn, _ = orthogonal_procrustes((x - centre).double().numpy(), (y - target).double().numpy())
    return Rotation(centre, torch.from_numpy(turn).to(x), target)


# A language pair


def pair_scores(
    model,
    tokenizer,
    heldout: ParallelText,
    gold: Sequence[GoldPair] | None = None,
    *,
    layer: int = -1,
    pooling: str = "last",
    max_length: int = 128,
    rotation: Rotation | None = None,
    **transport,
) -> pd.DataFrame:
    """Retrieval and word alignment of a language with English: columns ``task, metric, value``.

    Parameters
    ----------
    heldout : ParallelText
        For sentence retrieval, by the mean of a sentence's word vectors, and the shape of the English space.
    gold : sequence of GoldPair, optional
        For word retrieval and the alignment error rates (in per cent) of the mutual argmax of the plan
        (``aer``) and of the cosine (``aer_cosine``).
    pooling : {"last", "first", "mean"}
        Of a word's subwords; links are between words, so ``"subword"`` cannot be scored.
    rotation : Rotation, optional
        Applied to the other language's vectors first; see :func:`fit_rotation`.
    **transport
        Cost, epsilon, solver of the plan; see :func:`otlib.transport.transport_plan`.
    """
    if pooling == "subword":
        raise ValueError("words are scored, not subwords: pooling must be last, first or mean")
    options = {"layer": layer, "pooling": pooling, "max_length": max_length}
    source, pivot = (embed_corpus(model, tokenizer, side, **options) for side in (heldout.source, heldout.pivot))
    if rotation:
        source = rotation(*source), source[1]
    words = torch.cat(pivot[0])[torch.cat(pivot[1])]
    rows = [
        ("retrieval", "accuracy", sentence_retrieval(_sentence_means(*source), _sentence_means(*pivot))),
        ("space", "mean_cosine_en", mean_cosine(words)),
        ("space", "effective_rank_en", effective_rank(words)),
    ]
    if gold:
        en, en_masks = embed_corpus(model, tokenizer, [pair.en for pair in gold], **options)
        other, other_masks = embed_corpus(model, tokenizer, [pair.other for pair in gold], **options)
        if rotation:
            other = rotation(other, other_masks)
        rows.append(("word_retrieval", "accuracy", word_retrieval(en, other, gold)))
        plans = _plans(en, other, en_masks, other_masks, **transport)
        cosines = [_cosine(x, y) for x, y in zip(en, other, strict=True)]
        sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
        for metric, matrices in (("aer", plans), ("aer_cosine", cosines)):
            links = list(map(_links_of_present, matrices, en_masks, other_masks))
            rows.append(("word_alignment", metric, 100 * alignment_error_rate(links, sure, possible)))
    return pd.DataFrame(rows, columns=["task", "metric", "value"])


def _sentence_means(vectors: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    # The vectors of missing words are zero.
    return torch.stack([v.sum(0) / m.sum().clamp(min=1) for v, m in zip(vectors, masks, strict=True)])


def pair_plans(
    model,
    tokenizer,
    pairs: Sequence[GoldPair],
    *,
    layer: int = -1,
    pooling: str = "last",
    max_length: int = 128,
    **transport,
) -> list[Tensor]:
    """Transport plan (n_i, m_i) between the words of each pair's sentences, English in rows.

    Zero for words that have no vector; options as for :func:`pair_scores`.
    """
    options = {"layer": layer, "pooling": pooling, "max_length": max_length}
    en, en_masks = embed_corpus(model, tokenizer, [pair.en for pair in pairs], **options)
    other, other_masks = embed_corpus(model, tokenizer, [pair.other for pair in pairs], **options)
    return _plans(en, other, en_masks, other_masks, **transport)


def _plans(en, other, en_masks, other_masks, *, batch_size: int = 64, **transport) -> list[Tensor]:
    """Transport plan (n_i, m_i) of each sentence pair, solved in batches of similar size."""
    plans: list = [None] * len(en)
    order = sorted(range(len(en)), key=lambda i: len(en[i]) * len(other[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        x, y, x_mask, y_mask = (
            pad_sequence([side[i] for i in chosen], batch_first=True) for side in (en, other, en_masks, other_masks)
        )
        for i, plan in zip(chosen, transport_plan(x, y, x_mask, y_mask, **transport), strict=True):
            plans[i] = plan[: len(en[i]), : len(other[i])]
    return plans


def _links_of_present(matrix: Tensor, en_mask: Tensor, other_mask: Tensor) -> Links:
    """Mutual argmax among the words that have a vector."""
    rows, columns = (mask.nonzero()[:, 0] for mask in (en_mask, other_mask))
    if not len(rows) or not len(columns):
        return set()
    links = mutual_argmax(matrix[rows][:, columns])
    return {(int(rows[i]), int(columns[j])) for i, j in links}


# Intervals


def item_interval(scores: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of ``scores`` (seeds, items) for other seeds *and* other items, by Student's t.

    For the difference of two methods on the same items, pass the differences: the interval is then paired.

    Notes
    -----
    Seeds and items are crossed random effects. The variance of the mean is the seeds' plus the items' less their
    interaction, which both contain; its degrees of freedom are Satterthwaite's (1946). Where the three seeds of a study
    make the difference, these are 2 and the interval is wide: resampling three seeds instead would cover three times in
    four what it says it covers in nineteen of twenty. One seed says nothing of seeds: the interval is then of the items
    alone.
    """
    seeds, items = scores.shape
    if items < 2:
        return seed_interval(scores.mean(1))
    mean, by_row, by_column = scores.mean(), scores.mean(1), scores.mean(0)
    of_items, freedom = by_column.var(ddof=1) / items, items - 1
    variance = of_items
    if seeds > 1:
        of_seeds = by_row.var(ddof=1) / seeds
        rest = scores - by_row[:, None] - by_column + mean
        shared = (rest**2).sum() / ((seeds - 1) * (items - 1) * scores.size)
        variance = max(of_seeds + of_items - shared, of_seeds, of_items)
        if variance > 0:
            freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_items**2 / (items - 1))
    half = stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance)
    return float(mean - half), float(mean + half)


def seed_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Student interval of a mean over seeds; NaN for one seed, or copies of one number, which tell nothing."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return np.nan, np.nan
    half = stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


ITEM_METRICS = (("nli", "accuracy"), ("qa", "f1"), ("qa", "exact_match"))  # means over items, whose scores are kept
LOWER_IS_BETTER = ("aer", "mean_cosine")  # how such metrics begin


def summarise(
    results: pd.DataFrame,
    predictions: dict[str, pd.DataFrame] | None = None,
    *,
    baseline: str = "none",
    unseen: Sequence[str] = (),
) -> pd.DataFrame:
    """Mean over seeds of every method, task, metric and language, and the gain over ``baseline``.

    Parameters
    ----------
    results : DataFrame
        ``method, seed, task, language, metric, value``.
    predictions : dict of task to DataFrame, optional
        ``method, seed, language, item`` and a column for each of their metrics (per cent): their intervals are those of
        :func:`item_interval`, all others of :func:`seed_interval`.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, value, low, high, gain, gain_low, gain_high, seeds, worse``, with intervals
        of 95 %. Gains pair the seeds and items that both methods have; ``seeds`` counts them. The language
        ``average`` is the mean over the languages beside English and ``unseen``, ``average_unseen`` that over
        ``unseen`` ones, which had no parallel text. ``worse``: the whole interval of the gain is on the
        wrong side of zero (above it for error rates). One seed is never worse: another might be better.
    """
    keys = ["method", "seed", "task", "metric"]
    parts = [results]
    for average in ("average", "average_unseen"):
        chosen = results[_belongs(results["language"], average, unseen)]
        parts.append(chosen.groupby(keys, sort=False)["value"].mean().reset_index().assign(language=average))
    groups = pd.concat(parts).groupby(["task", "metric", "language"], sort=False)
    rows = []
    for (task, metric, language), group in groups:
        table = group.pivot_table(index="seed", columns="method", values="value", sort=False)
        items = {}
        if predictions and task in predictions and (task, metric) in ITEM_METRICS:
            items = _item_scores(predictions[task], metric, language, unseen)
        for method in table.columns:
            rows.append(
                {"task": task, "metric": metric, "language": language, "method": method}
                | _summary(table, items, method)
                | _gain(table, items, method, baseline, lower_is_better=metric.startswith(LOWER_IS_BETTER))
            )
    return pd.DataFrame(rows)


def with_interval(table: pd.DataFrame, name: str = "value") -> pd.Series:
    """Text of each row's ``value`` (``"25.1 [24.0, 26.2]"``) or ``gain`` (signed), no interval if NaN."""
    columns = ["value", "low", "high"] if name == "value" else [name, f"{name}_low", f"{name}_high"]
    text = table[columns].map(("{:.1f}" if name == "value" else "{:+.1f}").format).astype(str)
    interval = " [" + text[columns[1]] + ", " + text[columns[2]] + "]"
    return text[columns[0]] + interval.where(table[columns[1]].notna(), "")


def contest(
    results: pd.DataFrame,
    predictions: dict[str, pd.DataFrame] | None = None,
    *,
    methods: Sequence[str],
    rivals: Sequence[str],
    unseen: Sequence[str] = (),
) -> pd.DataFrame:
    """Methods against rivals: rows of :func:`summarise` with the columns ``rival`` and ``verdict``.

    The gain is over the rival; the verdict is ``"better"`` or ``"worse"`` where its whole interval lies on
    one side of zero, ``"unknown"`` where there is none or one seed only, else ``"no clear difference"``. Empty
    without methods or rivals.
    """
    tables = []
    for rival in rivals if len(methods) else []:
        table = summarise(results, predictions, baseline=rival, unseen=unseen)
        table = table[table["method"].isin(methods) & (table["method"] != rival) & table["gain"].notna()]
        lower_is_better = table["metric"].str.startswith(LOWER_IS_BETTER)
        better = np.where(lower_is_better, table["gain_high"] < 0, table["gain_low"] > 0)
        unknown = table["gain_low"].isna() | (table["seeds"] < 2)
        cases = {"unknown": unknown, "better": better, "worse": table["worse"]}
        verdict = np.select(list(cases.values()), list(cases), "no clear difference")
        tables.append(table.assign(rival=rival, verdict=verdict))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


MEASURED_BY = {  # what a finding of the paper is about, in our measures
    "nli": "accuracy",
    "qa": "f1",
    "word_retrieval": "accuracy",
    "retrieval": "accuracy",
    "word_alignment": "aer",
}


def check_findings(
    results: pd.DataFrame, predictions: dict[str, pd.DataFrame] | None, findings: Sequence[Mapping]
) -> pd.DataFrame:
    """What the paper found, beside what came out here.

    Parameters
    ----------
    results, predictions
        As for :func:`summarise`.
    findings : sequence of mapping
        ``says`` in words, the ``method`` that is compared ``against`` another, what it ``expects`` of it by task
        (``"better"``, ``"worse"``, ``"no clear difference"``, or ``"as good"``: worse by less than ``within`` points, 1
        if not given), and the ``languages`` that it is about; all beside English if not given.

    Returns
    -------
    DataFrame
        ``finding, method, against, task, gain, gain_low, gain_high, expected, found, outcome``: the paired gain on
        average over the languages with its interval of 95 %; ``found`` is the verdict of :func:`contest`, or
        ``"not run"``; the outcome is ``"holds"`` where the verdict is the expected one (or the whole interval is above
        the loss that ``"as good"`` allows), ``"does not hold"`` where it is another (below it), and ``"cannot tell"``
        where the interval does not decide, or nothing was run. That no difference is clear proves none: it is only
        ``"not contradicted"``.
    """
    rows = []
    for finding in findings:
        languages = finding.get("languages")
        chosen = results[results["language"].isin(languages)] if languages else results
        answers = {
            task: table[table["language"].isin(languages)] if languages else table
            for task, table in (predictions or {}).items()
        }
        duels = contest(chosen, answers, methods=[finding["method"]], rivals=[finding["against"]])
        for task, expected in finding["expects"].items():
            row = {"finding": finding["says"], "method": finding["method"], "against": finding["against"], "task": task}
            found = pd.DataFrame()
            if len(duels):
                measured = (duels["task"] == task) & (duels["metric"] == MEASURED_BY[task])
                found = duels[measured & (duels["language"] == "average")]
            gain = found[["gain", "gain_low", "gain_high"]].iloc[0].to_dict() if len(found) else {}
            verdict = found["verdict"].iloc[0] if len(found) else "not run"
            if expected == "as good" and verdict not in ("not run", "unknown"):
                outcome = _as_good(task, gain, finding.get("within", 1.0))
            else:
                outcome = _outcome(expected, verdict)
            rows.append({**row, **gain, "expected": expected, "found": verdict, "outcome": outcome})
    columns = ["finding", "method", "against", "task", "gain", "gain_low", "gain_high", "expected", "found", "outcome"]
    return pd.DataFrame(rows, columns=columns)


def _outcome(expected: str, found: str) -> str:
    if found in ("not run", "unknown"):
        return "cannot tell"
    if expected == found:
        return "not contradicted" if expected == "no clear difference" else "holds"
    return "cannot tell" if found == "no clear difference" else "does not hold"


def _as_good(task: str, gain: Mapping[str, float], within: float) -> str:
    low, high = gain["gain_low"], gain["gain_high"]
    if MEASURED_BY[task].startswith(LOWER_IS_BETTER):
        low, high = -high, -low
    return "holds" if low > -within else "does not hold" if high < -within else "cannot tell"


SEEN = ("en", "bg", "de", "el", "es", "fr")  # English and the languages of the paper's WordOT
PRINTED = {("nli", "f1"): ("accuracy", "macro_f1")}  # our measures of what the paper calls otherwise


def beside_paper(
    results: pd.DataFrame, published: pd.DataFrame, *, experiment: str, rows: Mapping[str, str]
) -> pd.DataFrame:
    """Our numbers beside the paper's, as far as there are runs.

    Parameters
    ----------
    results : DataFrame
        ``method, seed, task, language, metric, value``, of any part of the study.
    published : DataFrame
        The paper's numbers, from :func:`otlib.study.paper_results`.
    experiment : str
        The paper's table.
    rows : mapping of method to model
        The row of that table that a method stands for.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, model, value, low, high, paper, difference, runs`` in the paper's order:
        mean over the seeds and Student's interval of it (95 %, NaN for one run), the paper's value, ours minus
        the paper's, and how many runs are in; NaN where there is none. An average counts the runs that have all
        of its languages. The paper's NLI F1 stands beside our accuracy and our macro-F1, for the paper does not
        say which it is.
    """
    tested = published[(published["experiment"] == "table2") & ~published["language"].str.startswith("average")]
    table = published[published["experiment"] == experiment]
    paper = table.set_index(["task", "metric", "language", "model"])["value"]
    compared = []
    for task, printed, language in table[["task", "metric", "language"]].drop_duplicates().itertuples(index=False):
        everywhere = tested.loc[tested["task"] == task, "language"].unique()
        averages = {"average_seen": [code for code in everywhere if code in SEEN], "average_all": [*everywhere]}
        for metric in PRINTED.get((task, printed), (printed,)):
            for method, model in rows.items():
                if (task, printed, language, model) not in paper.index:
                    continue
                chosen = (results["method"] == method) & (results["task"] == task) & (results["metric"] == metric)
                values = _means_of(results[chosen], averages.get(language, [language]))
                low, high = seed_interval(values)
                theirs = paper[task, printed, language, model]
                row = (task, metric, language, method, model, values.mean(), low, high)
                compared.append((*row, theirs, values.mean() - theirs, len(values)))
    columns = ["task", "metric", "language", "method", "model", "value", "low", "high", "paper", "difference", "runs"]
    return pd.DataFrame(compared, columns=columns)


def _means_of(results: pd.DataFrame, languages: Sequence[str]) -> pd.Series:
    """Mean over the languages for each seed that has them all."""
    by_seed = results.pivot(index="seed", columns="language", values="value").reindex(columns=languages)
    return by_seed.dropna().mean(axis=1)


def _belongs(languages: pd.Series, average: str, unseen: Sequence[str]) -> pd.Series:
    """Which rows an average is over; or, where it is a language, which are in it."""
    if average == "average":
        return ~languages.isin(["en", *unseen])
    return languages.isin(unseen) if average == "average_unseen" else languages == average


def _item_scores(
    predictions: pd.DataFrame, metric: str, language: str, unseen: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Scores (seeds, items) of each method; an item of an average is its mean over the languages."""
    table = predictions[_belongs(predictions["language"], language, unseen)].pivot_table(
        index=["method", "seed"], columns="item", values=metric
    )
    return {method: group.droplevel("method") for method, group in table.groupby(level="method")}


def _summary(table: pd.DataFrame, items: dict[str, pd.DataFrame], method: str) -> dict[str, float]:
    values = table[method].dropna()
    scores = items[method].dropna(axis=1) if method in items else pd.DataFrame()
    low, high = seed_interval(values) if scores.empty else item_interval(scores.to_numpy())
    return {"value": values.mean(), "low": low, "high": high}


def _gain(
    table: pd.DataFrame,
    items: dict[str, pd.DataFrame],
    method: str,
    baseline: str,
    *,
    lower_is_better: bool,
) -> dict[str, float]:
    gain, low, high, seeds = np.nan, np.nan, np.nan, 0
    if method != baseline and baseline in table:
        gains = (table[method] - table[baseline]).dropna()
        gain, seeds = gains.mean(), len(gains)
        differences = pd.DataFrame()
        if method in items and baseline in items:
            # Subtraction pairs by label: what only one of them has becomes missing.
            differences = (items[method] - items[baseline]).dropna(how="all").dropna(axis=1)
        if not differences.empty:
            low, high = item_interval(differences.to_numpy())
        else:
            low, high = seed_interval(gains)
    worse = seeds > 1 and bool(low > 0 if lower_is_better else high < 0)
    return {"gain": gain, "gain_low": low, "gain_high": high, "seeds": seeds, "worse": worse}
