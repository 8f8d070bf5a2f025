"""Weights that make one group look like another.

How many rows they leave is `jackknife.effective_clusters` of the weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MAX_STEPS = 50
_TOLERANCE = 1e-10


def odds_weights(
    target: ArrayLike,
    source: ArrayLike,
    *,
    of: ArrayLike | None = None,
    ridge: float = 1.0,
    clip: float = 0.99,
) -> NDArray[np.float64]:
    """Weight the rows of a source so that their covariates are those of a target.

    Parameters
    ----------
    target, source
        Covariates of each group, shapes (n_target, d) and (n_source, d), finite; bring them to
        one scale, because the penalty treats all alike.
    of
        Rows to weight, shape (n, d); left out: those of the source.
    ridge
        Penalty on the squared coefficients (not the intercept), positive. It keeps groups that a
        line parts at finite odds.
    clip
        Weights above this quantile of the source's are cut to it, in (0, 1]; 1 cuts none.

    Returns
    -------
    NDArray
        Shape (n_source,) or (n,); those of the source have mean 1.

    Raises
    ------
    ValueError
        If shapes do not match, a value is not finite, or `ridge` or `clip` is out of range.

    Notes
    -----
    ``w = e / (1 - e)`` with e the logistic probability of being a row of the target: the weights
    of the effect on the treated. Hirano, Imbens and Ridder (2003), Econometrica 71:1161-1189.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> target, source = rng.normal(1, 1, (500, 1)), rng.normal(0, 1, (5000, 1))
    >>> weights = odds_weights(target, source, clip=1.0)
    >>> round(float(target.mean()), 1), round(float((weights @ source).item() / weights.sum()), 1)
    (1.0, 1.0)
    """
    a, b = np.asarray(target, dtype=np.float64), np.asarray(source, dtype=np.float64)
    rows = b if of is None else np.asarray(of, dtype=np.float64)
    shapes = [side.shape for side in (a, b, rows)]
    if any(len(shape) != 2 or shape[1] != a.shape[-1] for shape in shapes) or not (
        a.size and b.size
    ):
        raise ValueError(f"target, source and of must be (n, d) alike, got {shapes}.")
    if not all(np.isfinite(side).all() for side in (a, b, rows)):
        raise ValueError("target, source and of must be finite.")
    if not 0 < ridge < np.inf:
        raise ValueError(f"ridge must be positive and finite, got {ridge}.")
    if not 0 < clip <= 1:
        raise ValueError(f"clip must fulfil 0 < clip <= 1, got {clip}.")
    x = np.column_stack([np.ones(len(a) + len(b)), np.vstack([a, b])])
    is_target = np.arange(len(x)) < len(a)
    beta = _ridge_logistic(x, is_target.astype(np.float64), ridge)
    log_odds = x[len(a) :] @ beta
    of_source = np.exp(log_odds - log_odds.max())
    most = np.quantile(of_source, clip)
    scale = np.minimum(of_source, most).mean()
    of_rows = np.exp(np.column_stack([np.ones(len(rows)), rows]) @ beta - log_odds.max())
    return np.asarray(np.minimum(of_rows, most) / scale)


def _ridge_logistic(
    x: NDArray[np.float64], y: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """Coefficients by Newton's method with halved steps; the first column is the intercept."""
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 0.0
    share = y.mean()
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(share / (1 - share))

    def loss(at: NDArray[np.float64]) -> float:
        eta = x @ at
        return float(np.logaddexp(0.0, eta).sum() - y @ eta + penalty @ at**2 / 2)

    now = loss(beta)
    for _ in range(_MAX_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        gradient = x.T @ (p - y) + penalty * beta
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        curvature[0, 0] += 1e-12
        step = np.linalg.solve(curvature, gradient)
        while loss(beta - step) > now and np.abs(step).max() > _TOLERANCE:
            step /= 2
        beta = beta - step
        now = loss(beta)
        if np.abs(step).max() <= _TOLERANCE:
            break
    return beta
