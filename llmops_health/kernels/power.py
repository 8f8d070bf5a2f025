"""What a sample could have shown: smallest detectable effects, and the price of clustering.

A check whose smallest detectable effect exceeds the effect that matters says "cannot tell".
"""

from __future__ import annotations

from math import sqrt

from scipy.special import ndtri


def mde_proportion(
    p: float, n: float, deff: float = 1.0, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest change of a proportion that a two-sided test finds with the given power.

    Parameters
    ----------
    p
        The proportion, 0-1. Where it is within half an effective observation of 0 or 1 it is
        taken as that far away: 0 of 10 errors is no proof of a variance of nought.
    n
        Rows, positive.
    deff
        Design effect of clustered rows, positive (see `design_effect`).
    alpha, power
        Two-sided level and wanted detection rate, both strictly between 0 and 1.

    Returns
    -------
    float
        A difference of proportions (0.048 is 4.8 percentage points).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    ``(z[1-alpha/2] + z[power]) sqrt(p (1-p) deff / n)``, against a reference without error of
    its own; multiply by sqrt(2) for two periods of equal size.

    Examples
    --------
    >>> round(mde_proportion(0.9, 1000, 3.2), 3)
    0.048
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must fulfil 0 <= p <= 1, got {p}.")
    _require_positive(n=n, deff=deff)
    half_observation = min(0.5, 0.5 * deff / n)
    clear_of_ends = min(max(p, half_observation), 1 - half_observation)
    sd = sqrt(clear_of_ends * (1 - clear_of_ends))
    return mde_mean(sd, n, deff, alpha=alpha, power=power)


def mde_mean(
    sd: float, n: float, deff: float = 1.0, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest change of a mean that a two-sided test finds with the given power.

    Parameters
    ----------
    sd
        Standard deviation of one row, not negative; the result has its unit.
    n
        Rows, positive.
    deff
        Design effect of clustered rows, positive (see `design_effect`).
    alpha, power
        Two-sided level and wanted detection rate, both strictly between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    ``(z[1-alpha/2] + z[power]) sd sqrt(deff / n)``, against a reference without error of its
    own. Bloom (1995), Evaluation Review 19:547-556.

    Examples
    --------
    >>> round(mde_mean(10.0, 400), 3)
    1.401
    """
    if not sd >= 0:
        raise ValueError(f"sd must not be negative, got {sd}.")
    _require_positive(n=n, deff=deff)
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must fulfil 0 < {name} < 1, got {value}.")
    return float(ndtri(1 - alpha / 2) + ndtri(power)) * sd * sqrt(deff / n)


def design_effect(se: float, se_iid: float) -> float:
    """How many times the clustered variance exceeds the variance of independent rows.

    Parameters
    ----------
    se
        Cluster-robust standard error, not negative.
    se_iid
        Standard error as if rows were independent, in the same unit. It is zero only where the
        values do not vary; then `se` is zero too and the design effect is 1.

    Raises
    ------
    ValueError
        If either is negative, or only `se_iid` is zero.

    Notes
    -----
    ``(se / se_iid)^2``. Kish (1965), Survey Sampling, section 8.2.

    Examples
    --------
    >>> round(design_effect(0.00641, 0.00356), 2)
    3.24
    """
    if not se >= 0:
        raise ValueError(f"se must not be negative, got {se}.")
    if se == se_iid == 0:
        return 1.0
    _require_positive(se_iid=se_iid)
    return (se / se_iid) ** 2


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}.")
