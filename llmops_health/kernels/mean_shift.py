"""Did a mean vector move between windows of days, from sums per day alone.

The noise of a window is taken from other windows of the same length, not from its number of rows:
rows of one user, one day or one mailing are alike, and a thousand of them are no thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, fdtri

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Window = tuple[Flags, Flags]

# Degrees of freedom per week of what varies by week and not by day: a few busy users come and go.
_WEEKLY_DF = 3.0
_NO_NOISE = 1e-12
_NOTHING_ALIKE = "A window has no day of a kind that its reference has."


@dataclass(frozen=True, slots=True)
class MeanShift:
    """How far a mean moved, in the unit of the vectors.

    `distance` is corrected for noise, `lo` and `hi` hold the true one at the level asked for, and
    `detectable` is the distance found in every second case at `alpha`. The last two are of the
    window without the day whose absence leaves the least.
    """

    distance: float
    lo: float
    hi: float
    detectable: float
    p_value: float
    distance_without_a_day: float
    p_value_without_a_day: float


def mean_shift(
    sums: npt.ArrayLike,
    n_rows: npt.ArrayLike,
    kinds: npt.ArrayLike,
    judged: Window,
    past: Sequence[Window],
    *,
    alpha: float = 0.001,
    level: float = 0.95,
) -> MeanShift:
    """Test a window's mean vector against its reference, given how past windows varied.

    Parameters
    ----------
    sums
        Sum of the vectors of each day, shape (n_days, n_dims).
    n_rows
        Vectors in each sum, shape (n_days,), positive.
    kinds
        Kind of each day (weekend or not), shape (n_days,). The reference is given the window's
        mix of kinds; days of a kind that the reference lacks are left out.
    judged
        Which days are the window and which its reference; two flags of shape (n_days,).
    past
        The same of windows in which nothing moved, at least one.
    alpha
        Level of the test that `detectable` speaks of, in (0, 1).
    level
        Coverage of the interval, in (0, 1).

    Raises
    ------
    ValueError
        For other shapes, values that are not finite, a level out of range, no past window, or a
        window without a day in common with the kinds of its reference.

    Notes
    -----
    ``delta = m_window - sum_kind share_kind m_reference,kind`` and ``c = sum_days a_d^2 n_d``
    with a_d the weight of day d's sum in delta, which is ``1/n + 1/n_reference`` for one kind.
    ``F = |delta|^2 / (c S)`` has the law ``F(f, f (J - 1))``, approximately: S is the larger of the
    mean of ``|delta|^2 / c`` over the J past windows, and of the same from day to day; ``f = (tr
    V)^2 / tr V^2`` with V the covariance of days (traces from the products of different days),
    less where weeks vary more than days do. ``distance^2 = |delta|^2 - c S``; the interval is
    ``|delta| +- sqrt(c S F_level)``. Box (1954), Ann. Math. Statist. 25:290-302, on the law of
    such quadratic forms.

    Examples
    --------
    >>> days = np.arange(28)
    >>> noise = np.random.default_rng(0).normal(size=(28, 50))
    >>> moved = mean_shift(
    ...     noise + 2.0 * (days >= 21)[:, None],
    ...     np.ones(28),
    ...     np.zeros(28),
    ...     (days >= 21, days < 21),
    ...     [(days // 7 == w, (days < 21) & (days // 7 != w)) for w in range(3)],
    ... )
    >>> round(moved.distance / 50**0.5, 1), moved.p_value < 1e-6
    (2.1, True)
    """
    x, n, kind = _daily(sums, n_rows, kinds)
    if not past:
        raise ValueError("Argument past must hold at least one window.")
    for name, value in (("alpha", alpha), ("level", level)):
        if not 0 < value < 1:
            raise ValueError(f"Argument {name} must lie in (0, 1), got {value}.")
    gram = x @ x.T
    before, comparable = _contrasts(past, n, kind)
    if not comparable.all():
        raise ValueError(_NOTHING_ALIKE)
    noise_days = np.logical_or.reduce([window | reference for window, reference in past])
    between_days, f_days = _day_noise(x[noise_days], n[noise_days], kind[noise_days])
    between_weeks = float(np.mean(_squared(before, gram) / (before**2 @ n)))
    noise = max(between_days, between_weeks, _NO_NOISE)
    weekly = max(between_weeks - between_days, 0.0)
    df = max(1.0, noise**2 / (between_days**2 / f_days + weekly**2 / _WEEKLY_DF + _NO_NOISE**2))
    df_noise = df * max(len(past) - 1, 1)

    window, reference = judged
    left_out = [window & (np.arange(len(n)) != i) for i in np.flatnonzero(window)]
    contrasts, comparable = _contrasts([(part, reference) for part in [window, *left_out]], n, kind)
    weights = contrasts[comparable]
    squared, unit = _squared(weights, gram), weights**2 @ n * noise
    ratio = squared / unit
    p_values = fdtrc(df, df_noise, ratio)
    distance = np.sqrt(np.maximum(squared - unit, 0))
    radius = float(np.sqrt(unit[0] * fdtri(df, df_noise, level)))
    critical = fdtri(df, df_noise, 1 - alpha)
    return MeanShift(
        distance=float(distance[0]),
        lo=max(float(np.sqrt(squared[0])) - radius, 0.0),
        hi=float(np.sqrt(squared[0])) + radius,
        detectable=float(np.sqrt(unit[0] * max(critical - 1, 0))),
        p_value=float(p_values[0]),
        distance_without_a_day=float(distance[1:].min(initial=np.inf if len(ratio) > 1 else 0.0)),
        p_value_without_a_day=float(p_values[1:].max(initial=0.0)) if len(ratio) > 1 else 1.0,
    )


def _daily(
    sums: npt.ArrayLike, n_rows: npt.ArrayLike, kinds: npt.ArrayLike
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    x, n = np.asarray(sums, dtype=np.float64), np.asarray(n_rows, dtype=np.float64)
    kind = np.asarray(kinds).astype(np.int64)
    if x.ndim != 2 or n.shape != (len(x),) or kind.shape != n.shape:
        raise ValueError(
            "Arguments sums, n_rows and kinds must have shapes (n_days, n_dims), (n_days,) and "
            f"(n_days,), got {x.shape}, {n.shape} and {kind.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(n).all() and (n > 0).all()):
        raise ValueError("Arguments sums and n_rows must be finite, and n_rows positive.")
    return x, n, kind


def _contrasts(
    windows: Sequence[Window], n: Floats, kind: npt.NDArray[np.int64]
) -> tuple[Floats, Flags]:
    """Return the weight of each day's sum in each difference of means, shape (n_windows, n_days).

    And which windows have a day of a kind that their reference has; the weights of others are 0.
    """
    is_kind = np.unique(kind) == kind[:, None]
    of_kind = is_kind * n[:, None]
    now, then = (np.array([window[at] for window in windows]) for at in (0, 1))
    n_then = then @ of_kind
    comparable = now & ((n_then > 0) @ is_kind.T)
    n_now = comparable @ of_kind
    total = n_now.sum(axis=1, keepdims=True)
    has_any = total > 0
    total = np.where(has_any, total, 1.0)
    drop = n_now / total / np.where(n_then > 0, n_then, 1.0)
    weights = np.where(comparable, 1 / total, 0.0) - np.where(then, drop @ is_kind.T, 0.0)
    return weights, has_any[:, 0]


def _squared(weights: Floats, gram: Floats) -> Floats:
    squared: Floats = np.maximum(((weights @ gram) * weights).sum(axis=1), 0.0)
    return squared


def _day_noise(x: Floats, n: Floats, kind: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Variance of one row's vector as days differ (trace), and its degrees of freedom."""
    residuals = np.empty_like(x)
    kinds = np.unique(kind)
    for one in kinds:
        alike = kind == one
        mean = x[alike].sum(axis=0) / n[alike].sum()
        residuals[alike] = (x[alike] - n[alike, None] * mean) / np.sqrt(n[alike, None])
    products = residuals @ residuals.T
    n_days, spare = len(n), len(n) - len(kinds)
    if n_days < 3 or spare < 1:
        return 0.0, 1.0
    trace = float(np.trace(products)) / spare
    off_diagonal = float((products**2).sum() - (np.diag(products) ** 2).sum())
    # Residuals from a mean are correlated by -1 / n_days: its square is no overlap of dimensions.
    trace_of_square = off_diagonal / (n_days * (n_days - 1)) - (trace / n_days) ** 2
    if trace <= 0:
        return 0.0, 1.0
    smallest = trace**2 / x.shape[1]
    return trace, float(trace**2 / np.clip(trace_of_square, smallest, trace**2))
