"""What each eval item still tells apart: classical statistics, the 2PL model, information.

A taker is one model with one prompt version; a row of responses is what it got right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit, logsumexp

_MIN_TAKERS = 30
_MAX_ROUNDS = 2_000
_TOLERANCE = 1e-5  # largest change of a slope or intercept in the last round of EM
_NODES = np.linspace(-6, 6, 61)
_LOG_WEIGHTS = -0.5 * _NODES**2 - logsumexp(-0.5 * _NODES**2)

# Fewer takers than patterns can make an item separate them perfectly: its slope has no maximum.
_MAX_SLOPE = 8.0
_MAX_INTERCEPT = 16.0

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """Per item: takers, p-value (mean score), item-rest correlation. Per suite: KR20.

    A correlation is nan where item or rest does not vary; KR20 is nan with less than 2 items,
    less than 2 takers of every item, or no variance of their totals.
    """

    n_takers: npt.NDArray[np.int64]
    p_value: _Floats
    item_rest: _Floats
    kr20: float


@dataclass(frozen=True, slots=True)
class TwoPL:
    """Items of P(right) = 1 / (1 + exp(-a (theta - b))), theta ~ N(0, 1) over the takers.

    An item that all takers pass (fail) has a = 0 and b = -inf (inf): it informs nobody.
    """

    discrimination: _Floats
    difficulty: _Floats
    log_likelihood: float
    n_takers: int
    n_rounds: int
    has_converged: bool


@dataclass(frozen=True, slots=True)
class Ability:
    """Position of a taker on the scale of the items, and its standard error (inf: unknown)."""

    theta: float
    se: float


def item_statistics(responses: npt.ArrayLike) -> ItemStatistics:
    """Describe each item by its share of right answers and its agreement with the rest.

    Parameters
    ----------
    responses : array-like, shape (n_takers, n_items)
        Scores in [0, 1]; nan where a taker did not see an item.

    Returns
    -------
    ItemStatistics

    Raises
    ------
    ValueError
        For another shape, or scores outside [0, 1].

    Notes
    -----
    Item-rest: Pearson r of the item with the mean of the taker's other answered items, over
    its takers. KR20 = k / (k - 1) (1 - sum_j var_j / var(total)) over takers of every item,
    which for partial scores is Cronbach's alpha.
    Source: Kuder and Richardson (1937), Psychometrika 2(3).

    Examples
    --------
    >>> found = item_statistics([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]])
    >>> found.p_value.tolist(), found.kr20
    ([0.75, 0.5, 0.25], 0.75)
    """
    scores = _responses(responses)
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.0)
    n_takers = seen.sum(axis=0)
    p_value = _ratio(filled.sum(axis=0), n_takers.astype(np.float64))
    n_others = seen.sum(axis=1, keepdims=True) - seen
    rest = _ratio(filled.sum(axis=1, keepdims=True) - filled, n_others.astype(np.float64))
    item_rest = _column_correlations(scores, np.where(seen, rest, np.nan))
    return ItemStatistics(n_takers, p_value, item_rest, _kr20(scores[seen.all(axis=1)]))


def two_pl(responses: npt.ArrayLike) -> TwoPL:
    """Fit the two-parameter logistic model by marginal maximum likelihood.

    Parameters
    ----------
    responses : array-like, shape (n_takers, n_items)
        1 right, 0 wrong, nan not seen; at least 30 takers that saw an item, 2 items that vary.

    Returns
    -------
    TwoPL
        Look at `has_converged`. Slopes are held within 8: with few takers an item may
        separate them perfectly.

    Raises
    ------
    ValueError
        For another shape, other scores than 0, 1 and nan, or too few takers or items.

    Notes
    -----
    EM over the distinct response patterns with 61 nodes on [-6, 6] and N(0, 1) weights; the
    M step is a Newton step per item, all items at once.
    Source: Bock and Aitkin (1981), Psychometrika 46(4).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> theta = rng.normal(size=(2_000, 1))
    >>> p_right = expit(1.5 * (theta - np.array([-1.0, 0.0, 1.0])))
    >>> fit = two_pl(rng.random((2_000, 3)) < p_right)
    >>> bool(np.abs(fit.difficulty - [-1.0, 0.0, 1.0]).max() < 0.2)
    True
    """
    scores = _responses(responses)
    scores = scores[~np.isnan(scores).all(axis=1)]
    if not np.all(np.isnan(scores) | (scores == 0) | (scores == 1)):
        raise ValueError("Argument responses must hold 0, 1 or nan; the 2PL has no partial score.")
    if len(scores) < _MIN_TAKERS:
        raise ValueError(f"The 2PL needs {_MIN_TAKERS} takers or more, got {len(scores)}.")
    share = _ratio(np.nansum(scores, axis=0), np.sum(~np.isnan(scores), axis=0).astype(float))
    varies = (share > 0) & (share < 1)
    if np.count_nonzero(varies) < 2:
        raise ValueError("Argument responses must hold at least 2 items that not all pass or fail.")
    fit = _expectation_maximisation(scores[:, varies])
    slope, intercept, log_likelihood, n_rounds = fit
    has_converged = n_rounds < _MAX_ROUNDS
    discrimination = np.zeros(scores.shape[1])
    discrimination[varies] = slope
    difficulty = np.select([share >= 1, share <= 0], [-np.inf, np.inf], default=np.nan)
    difficulty[varies] = -intercept / slope
    return TwoPL(discrimination, difficulty, log_likelihood, len(scores), n_rounds, has_converged)


def test_information(
    discrimination: npt.ArrayLike, difficulty: npt.ArrayLike, theta: npt.ArrayLike
) -> _Floats:
    """Return how sharply the suite measures at each ability.

    Parameters
    ----------
    discrimination, difficulty : array-like, shape (n_items,)
        a and b of the 2PL; an item with a = 0 counts for nothing, whatever its b.
    theta : array-like, any shape
        Abilities, finite.

    Returns
    -------
    ndarray, shape of theta
        Fisher information; 1 / sqrt(information) is the standard error of an ability.

    Raises
    ------
    ValueError
        For other shapes, or undefined parameters.

    Notes
    -----
    I(theta) = sum_j a_j^2 P_j(theta) (1 - P_j(theta)).
    Source: Lord (1980), "Applications of Item Response Theory to Practical Testing Problems".

    Examples
    --------
    >>> test_information([2.0, 2.0], [0.0, 0.0], [0.0]).tolist()
    [2.0]
    """
    slope, location = _items(discrimination, difficulty)
    position = np.asarray(theta, dtype=np.float64)
    logit = slope * (position[..., None] - location)
    return np.asarray(np.sum(slope**2 * expit(logit) * expit(-logit), axis=-1))


# The name is the literature's. Without this, pytest takes it for a test wherever it is imported.
test_information.__test__ = False  # type: ignore[attr-defined]


def ability(
    responses: npt.ArrayLike,
    discrimination: npt.ArrayLike,
    difficulty: npt.ArrayLike,
    *,
    method: Literal["eap", "mle"] = "eap",
) -> Ability:
    """Place one taker on the scale of the items.

    Parameters
    ----------
    responses : array-like, shape (n_items,)
        Scores in [0, 1]; nan where the taker did not see the item.
    discrimination, difficulty : array-like, shape (n_items,)
        a and b of the 2PL; items with a = 0 count for nothing.
    method : {"eap", "mle"}
        Posterior mean under N(0, 1), or maximum likelihood within [-6, 6].

    Returns
    -------
    Ability
        The maximum likelihood of a perfect score is the end of the scale, 6.

    Raises
    ------
    ValueError
        For other shapes, scores out of range, or an unknown method.

    Notes
    -----
    EAP on 61 nodes. MLE: the root of sum_j a_j (x_j - P_j(theta)), which falls in theta, by
    bisection. Source: Bock and Mislevy (1982), Applied Psychological Measurement 6(4).

    Examples
    --------
    >>> ability([1, 0], [1.0, 1.0], [-1.0, 1.0], method="mle").theta
    0.0
    """
    slope, location = _items(discrimination, difficulty)
    scores = _responses(np.atleast_2d(np.asarray(responses, dtype=np.float64)))[0]
    if scores.shape != slope.shape:
        raise ValueError(f"Argument responses must hold {len(slope)} scores, got {len(scores)}.")
    counts = ~np.isnan(scores) & (slope != 0)
    slope, location, scores = slope[counts], location[counts], scores[counts]
    if method == "eap":
        logit = slope * (_NODES[:, None] - location)
        log_posterior = log_expit(logit) @ scores + log_expit(-logit) @ (1 - scores) + _LOG_WEIGHTS
        weights = np.exp(log_posterior - logsumexp(log_posterior))
        theta = float(weights @ _NODES)
        return Ability(theta, float(np.sqrt(weights @ (_NODES - theta) ** 2)))
    if method != "mle":
        raise ValueError(f'Argument method must be "eap" or "mle", got "{method}".')
    theta = _likelihood_root(slope, location, scores)
    information = float(test_information(slope, location, theta))
    return Ability(theta, 1 / float(np.sqrt(information)) if information > 0 else float("inf"))


def information_share(
    champion: float, discrimination: npt.ArrayLike, difficulty: npt.ArrayLike
) -> float:
    """Return the information where the champion stands, relative to the peak of the suite.

    Parameters
    ----------
    champion : float
        Ability of the model in production; see `ability`.
    discrimination, difficulty : array-like, shape (n_items,)
        a and b of the 2PL.

    Returns
    -------
    float
        In [0, 1]. Small: the suite is sharp elsewhere, the champion has outgrown it.

    Raises
    ------
    ValueError
        For other shapes, or if no item informs (all a = 0).

    Notes
    -----
    I(champion) / max I(theta), the maximum over [-6, 6] in steps of 0.01 and the champion.

    Examples
    --------
    >>> round(information_share(3.0, [1.0], [0.0]), 3)
    0.181
    """
    here = float(test_information(discrimination, difficulty, champion))
    scale = np.linspace(-6, 6, 1_201)
    peak = max(here, float(test_information(discrimination, difficulty, scale).max()))
    if not peak > 0:
        raise ValueError("No item informs: all have discrimination 0, so there is no peak.")
    return here / peak


def _responses(responses: npt.ArrayLike) -> _Floats:
    scores = np.asarray(responses, dtype=np.float64)
    if scores.ndim != 2 or not np.all(np.isnan(scores) | ((scores >= 0) & (scores <= 1))):
        raise ValueError(f"Responses must be takers x items in [0, 1], got {scores.shape}.")
    return scores


def _items(discrimination: npt.ArrayLike, difficulty: npt.ArrayLike) -> tuple[_Floats, _Floats]:
    slope = np.asarray(discrimination, dtype=np.float64)
    location = np.asarray(difficulty, dtype=np.float64)
    if slope.ndim != 1 or slope.shape != location.shape:
        raise ValueError(f"Each item needs a and b, got shapes {slope.shape}, {location.shape}.")
    location = np.where(slope == 0, 0.0, location)
    if not np.all(np.isfinite(slope) & np.isfinite(location)):
        raise ValueError("Items must have a finite discrimination, and difficulty unless it is 0.")
    return slope, location


def _ratio(numerator: _Floats, denominator: _Floats) -> _Floats:
    ratio = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _column_correlations(left: _Floats, right: _Floats) -> _Floats:
    """Pearson r per column over the rows where both are defined."""
    both = ~np.isnan(left) & ~np.isnan(right)
    n = both.sum(axis=0).astype(np.float64)
    x, y = (
        np.where(both, side - _ratio(np.where(both, side, 0.0).sum(axis=0), n), 0.0)
        for side in (left, right)
    )
    norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return _ratio((x * y).sum(axis=0), np.where(norm > 1e-12, norm, 0.0))


def _kr20(complete: _Floats) -> float:
    n_takers, n_items = complete.shape
    if n_takers < 2 or n_items < 2:
        return float("nan")
    variance = float(complete.sum(axis=1).var())
    ratio = float(complete.var(axis=0).sum()) / variance if variance > 0 else float("nan")
    return float(n_items / (n_items - 1) * (1 - ratio))


def _expectation_maximisation(scores: _Floats) -> tuple[_Floats, _Floats, float, int]:
    """Slope and intercept per item, log-likelihood, and rounds, `_MAX_ROUNDS` if too few."""
    patterns, n_takers = np.unique(np.nan_to_num(scores, nan=-1.0), axis=0, return_counts=True)
    right, wrong = (patterns == 1).astype(float), (patterns == 0).astype(float)
    slope, intercept = np.ones(scores.shape[1]), np.zeros(scores.shape[1])
    n_rounds, change = 0, np.inf
    while n_rounds < _MAX_ROUNDS and change > _TOLERANCE:
        posterior, _ = _posterior(slope, intercept, right, wrong)
        weights = (posterior * n_takers[:, None]).T
        n_right = weights @ right
        previous = slope, intercept
        slope, intercept = _newton(*previous, n_right, n_right + weights @ wrong)
        change = float(np.abs(np.stack([slope, intercept]) - np.stack(previous)).max())
        n_rounds += 1
    _, log_marginal = _posterior(slope, intercept, right, wrong)
    return slope, intercept, float(n_takers @ log_marginal), n_rounds


def _posterior(
    slope: _Floats, intercept: _Floats, right: _Floats, wrong: _Floats
) -> tuple[_Floats, _Floats]:
    """P(node | pattern), shape (n_patterns, n_nodes), and the log-likelihood per pattern."""
    logit = slope * _NODES[:, None] + intercept
    joint = right @ log_expit(logit).T + wrong @ log_expit(-logit).T + _LOG_WEIGHTS
    log_marginal = logsumexp(joint, axis=1)
    return np.exp(joint - log_marginal[:, None]), log_marginal


def _newton(
    slope: _Floats, intercept: _Floats, n_right: _Floats, n_seen: _Floats
) -> tuple[_Floats, _Floats]:
    """One Newton step of every item's logistic regression on the nodes, at most 1 long."""
    p_right = expit(slope * _NODES[:, None] + intercept)
    residual = n_right - n_seen * p_right
    weight = n_seen * p_right * (1 - p_right)
    # A vanishing weight must not divide by zero; the step is cut to length 1 in any case.
    h_slope, h_cross, h_intercept = _NODES**2 @ weight, _NODES @ weight, weight.sum(axis=0)
    determinant = np.maximum(h_slope * h_intercept - h_cross**2, 1e-12)
    g_slope, g_intercept = _NODES @ residual, residual.sum(axis=0)
    d_slope = (h_intercept * g_slope - h_cross * g_intercept) / determinant
    d_intercept = (h_slope * g_intercept - h_cross * g_slope) / determinant
    shrink = np.maximum(1.0, np.hypot(d_slope, d_intercept))
    return (
        np.clip(slope + d_slope / shrink, -_MAX_SLOPE, _MAX_SLOPE),
        np.clip(intercept + d_intercept / shrink, -_MAX_INTERCEPT, _MAX_INTERCEPT),
    )


def _likelihood_root(slope: _Floats, location: _Floats, scores: _Floats) -> float:
    """Where the score function crosses 0, or the end of [-6, 6] that it points to."""
    lo, hi = float(_NODES[0]), float(_NODES[-1])
    for _ in range(60):
        middle = (lo + hi) / 2
        score = float(slope @ (scores - expit(slope * (middle - location))))
        lo, hi = (middle if score >= 0 else lo), (middle if score <= 0 else hi)
    return (lo + hi) / 2
