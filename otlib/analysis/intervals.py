"""Means of seeds and test items: their errors, intervals and p-values, and p-values of many comparisons."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit


class Estimate(NamedTuple):
    """A mean with its standard error and the degrees of freedom of Student's t; NaN where nothing tells them."""

    mean: float
    error: float
    freedom: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (low, high)."""
        half = stdtrit(self.freedom, 0.975) * self.error
        return float(self.mean - half), float(self.mean + half)

    @property
    def p(self) -> float:
        """Two-sided p-value of a mean of zero, by the same statistic: below .05 where the interval leaves zero out."""
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * stdtr(self.freedom, -abs(self.mean) / self.error))


def item_estimate(scores: np.ndarray) -> Estimate:
    """A method's mean score, with its error for other seeds and other test items of the same kind.

    Parameters
    ----------
    scores : ndarray, shape (seeds, items)
        Every seed's score of every item. For the difference of two methods on the same items, the differences: the
        estimate is then paired. Items that depend on one another, such as questions about one article, count as one:
        see :func:`ratio_scores`.

    Notes
    -----
    Assumed is that a score is the true mean plus an effect of its seed, an effect of its item and a rest, all
    independent and about normal. The variance of the mean is then the variance of the seeds' means over their number,
    plus that of the items' means over theirs, less that of the rest, which both contain. The interval is Student's with
    the degrees of freedom of Satterthwaite (1946).

    Three seeds that differ leave about two degrees of freedom, and the interval is wide. It has to be: a bootstrap
    that resamples three seeds gives intervals of "95 %" that contain the true mean about 75 times in 100. With one
    seed the interval is that of the items alone and says nothing of other seeds; with one item it is
    :func:`seed_interval`.
    """
    seeds, items = scores.shape
    if items < 2:
        return seed_estimate(scores.mean(1))
    mean, by_row, by_column = scores.mean(), scores.mean(1), scores.mean(0)
    variance = of_items = by_column.var(ddof=1) / items
    freedom = items - 1
    if seeds > 1:
        of_seeds = by_row.var(ddof=1) / seeds
        rest = scores - by_row[:, None] - by_column + mean
        shared = (rest**2).sum() / ((seeds - 1) * (items - 1) * scores.size)
        variance = max(of_seeds + of_items - shared, of_seeds, of_items)
        if variance > 0:
            freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_items**2 / (items - 1))
    return Estimate(float(mean), float(np.sqrt(variance)), float(freedom))


def item_interval(scores: np.ndarray) -> tuple[float, float]:
    """95 % interval (low, high) of :func:`item_estimate`."""
    return item_estimate(scores).interval


def seed_estimate(values: np.ndarray) -> Estimate:
    """A mean over seeds; one seed, or copies of one number, tell nothing of its error."""
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean() if len(values) else np.nan
    if n < 2 or np.ptp(values) == 0:
        return Estimate(float(mean), np.nan, np.nan)
    return Estimate(float(mean), float(values.std(ddof=1) / np.sqrt(n)), n - 1)


def seed_interval(values: np.ndarray) -> tuple[float, float]:
    """Student's 95 % interval of a mean over seeds; NaN for one seed, or copies of one number, which tell nothing."""
    return seed_estimate(values).interval


def ratio_scores(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Scores of items (their shape) whose mean is ``parts.sum() / wholes.sum()``, for :func:`item_estimate`.

    An error rate, or a mean over clusters of unequal size, is a ratio of two sums over items. To first order, the
    ratio R moves with an item by ``(part - R * whole) / wholes.mean()``: R plus this is the item's score, and the
    variance of the scores' mean is that of the ratio (Cochran, 1977, Sampling Techniques, chapter 6). All scores are
    zero if ``wholes.sum()`` is.
    """
    parts, wholes = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)
    if not wholes.sum():
        return np.zeros(len(parts))
    ratio = parts.sum() / wholes.sum()
    return ratio + (parts - ratio * wholes) / wholes.mean()


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values of comparisons that are judged together, corrected by Holm (1979); NaN is no comparison and stays.

    The chance that any comparison without a true difference comes below .05 is then at most 5 %.
    """
    p = np.array(p_values, dtype=float)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN is sorted last
    p[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return p
