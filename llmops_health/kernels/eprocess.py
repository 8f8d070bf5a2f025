"""Anytime-valid evidence that an error rate exceeds its promise, from counts alone.

Looking every hour is free: the chance that the evidence ever passes 1/alpha under the promise is
at most alpha. Choosing the promise and acting on the alarm belong to the checks.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, betaln

FloatArray = npt.NDArray[np.float64]


def beta_mixture_log_e(errors: npt.ArrayLike, n: npt.ArrayLike, p0: float) -> FloatArray:
    r"""Natural log of the uniform-mixture e-process of H0: error rate <= `p0`.

    Parameters
    ----------
    errors, n
        Errors and calls so far; whole counts that broadcast, ``0 <= errors <= n``.
    p0
        Promised error rate, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If `p0` or the counts are out of range.

    Notes
    -----
    ``E = int_{p0}^1 (p/p0)^S ((1-p)/(1-p0))^(n-S) dp / (1-p0)``, that is
    ``ln E = betaln(a, b) + ln P(Beta(a, b) > p0) - ln(1-p0) - S ln p0 - (n-S) ln(1-p0)`` with
    ``a = S + 1``, ``b = n - S + 1``. Where the probability underflows, its continued fraction K
    turns this into ``ln p0 - ln b + ln K``: the large terms cancel on paper, not in floats.
    E is a supermartingale for every rate <= `p0` (Ville's inequality); Ramdas et al. (2023),
    "Game-theoretic statistics and safe anytime-valid inference". Calls must be independent given
    the past: keep one call per user and day.

    Examples
    --------
    >>> beta_mixture_log_e([0, 30], [100, 100], p0=0.12).round(2).tolist()
    [-4.62, 9.43]
    """
    s, t = np.broadcast_arrays(
        np.asarray(errors, dtype=np.float64), np.asarray(n, dtype=np.float64)
    )
    if not 0 < p0 < 1:
        raise ValueError(f"p0 must fulfil 0 < p0 < 1, got {p0}.")
    if not np.all((s >= 0) & (s <= t)):
        raise ValueError(f"errors must fulfil 0 <= errors <= n, got {s} of {t}.")
    a, b = s + 1, t - s + 1
    above = np.asarray(betaincc(a, b, p0), dtype=np.float64)
    # Below 1e-280 betaincc loses digits to subnormals; up there the fraction converges at once.
    deep = above < 1e-280
    log_e = np.empty_like(above)
    log_e[~deep] = (
        (betaln(a, b) + np.log(above, where=~deep, out=np.zeros_like(above)))
        - log(1 - p0)
        - s * log(p0)
        - (t - s) * log(1 - p0)
    )[~deep]
    log_e[deep] = log(p0) - np.log(b[deep]) + np.log(_tail_fraction(b[deep], a[deep], 1 - p0))
    return log_e


def _tail_fraction(a: FloatArray, b: FloatArray, x: float) -> FloatArray:
    """Continued fraction of ``a B(a, b) I_x(a, b) / (x^a (1-x)^b)``, for x far below its mean.

    Modified Lentz on the form of Press et al. (2007), "Numerical Recipes", section 6.4.
    """
    c = np.ones_like(a)
    d = 1 / (1 - (a + b) * x / (a + 1))
    fraction = d.copy()
    for m in range(1, 400):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / (1 + even * d), 1 + even / c
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + odd * d), 1 + odd / c
        fraction *= d * c
        if np.all(np.abs(d * c - 1) < 1e-14):
            break
    return fraction


def first_crossing(
    cum_errors: npt.ArrayLike, cum_n: npt.ArrayLike, p0: float, alpha: float
) -> int | None:
    """Index of the first look at which the evidence reaches ``1 / alpha``, None if it never does.

    Parameters
    ----------
    cum_errors, cum_n
        Running totals of errors and calls, shape (looks,), neither ever falling.
    p0
        Promised error rate, strictly between 0 and 1.
    alpha
        Chance of ever alarming while the promise holds, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If a total falls, or `p0`, `alpha` or the counts are out of range.

    Examples
    --------
    >>> first_crossing([1, 9, 20], [20, 50, 80], p0=0.1, alpha=0.05)
    2
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must fulfil 0 < alpha < 1, got {alpha}.")
    s, t = np.asarray(cum_errors, dtype=np.float64), np.asarray(cum_n, dtype=np.float64)
    if s.ndim != 1 or s.shape != t.shape:
        raise ValueError(f"cum_errors and cum_n must be (looks,), got {s.shape} and {t.shape}.")
    if np.any(np.diff(s) < 0) or np.any(np.diff(t) < 0):
        raise ValueError("cum_errors and cum_n must never fall: pass running totals.")
    crossed = np.flatnonzero(beta_mixture_log_e(s, t, p0) >= -log(alpha))
    return int(crossed[0]) if crossed.size else None


def restarted_log_e(errors: npt.ArrayLike, n: npt.ArrayLike, p0: float) -> FloatArray:
    """Natural log of the evidence at the last look, had it been gathered from each look on.

    Parameters
    ----------
    errors, n
        Errors and calls of each look, not running totals, shape (looks,). Fractions are allowed,
        so that both may be divided by a design effect. A look may take back calls of earlier ones;
        sums since a look are held to what can occur.
    p0
        Promised error rate, strictly between 0 and 1.

    Returns
    -------
    Array of shape (looks,): element j starts at look j.

    Raises
    ------
    ValueError
        If shapes differ or `p0` is out of range.

    Notes
    -----
    Evidence from the first look alone is slow to see that a long good record has ended. The mean
    of the exponentials over all starts is an e-process again, since a start that is still to come
    counts as 1, and pays at most the log of the number of starts for not knowing when.
    Shin, Ramdas, Rinaldo (2024), "E-detectors", New Engl. J. Stat. Data Sci. 2(2).

    Examples
    --------
    >>> restarted_log_e([1, 1, 9], [20, 20, 20], p0=0.1).round(2).tolist()
    [-0.09, 2.02, 6.91]
    """
    s, t = np.asarray(errors, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if s.ndim != 1 or s.shape != t.shape:
        raise ValueError(f"errors and n must be (looks,), got {s.shape} and {t.shape}.")
    calls = np.maximum(np.cumsum(t[::-1])[::-1], 0)
    wrong = np.clip(np.cumsum(s[::-1])[::-1], 0, calls)
    return beta_mixture_log_e(wrong, calls, p0)
