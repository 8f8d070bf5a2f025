"""What waiting costs when the gain of acting is only known within an error.

The gain is taken as normal around its estimate: a mean over many cases. Only gains count, as
nobody is made to act on a loss.
"""

from __future__ import annotations

from math import exp, inf, pi, sqrt

from scipy.special import ndtr


def chance_above(estimate: float, se: float, margin: float = 0.0) -> float:
    """Chance that a gain exceeds a margin.

    Parameters
    ----------
    estimate, se
        The gain and its standard error, in one unit; `se` is not negative.
    margin
        What it has to exceed, in the same unit.

    Raises
    ------
    ValueError
        If `se` is negative or a value is not finite.

    Notes
    -----
    ``Phi((estimate - margin) / se)``, the posterior under a flat prior.

    Examples
    --------
    >>> round(chance_above(0.056, 0.01922831246, 0.02), 4)
    0.9694
    """
    _require(estimate=estimate, margin=margin)
    _require_se(se)
    if se == 0:
        return float(estimate > margin)
    return float(ndtr((estimate - margin) / se))


def expected_regret(estimate: float, se: float) -> float:
    """Return what is lost on average by not acting: the mean of the gain where it is one.

    Parameters
    ----------
    estimate, se
        The gain of acting and its standard error, in one unit; `se` is not negative. What is
        certain, as a saving by price, is part of the estimate and adds nothing to the error.

    Raises
    ------
    ValueError
        If `se` is negative or a value is not finite.

    Notes
    -----
    ``E max(0, X) = m Phi(m / s) + s phi(m / s)`` for X normal with mean m and deviation s; never
    below m, and above 0 wherever a gain is possible. Raiffa and Schlaifer (1961), Applied
    Statistical Decision Theory, section 5.4: the expected value of perfect information.

    Examples
    --------
    >>> round(expected_regret(0.0, 1.0), 4), expected_regret(-3.0, 0.0)
    (0.3989, 0.0)
    """
    _require(estimate=estimate)
    _require_se(se)
    if se == 0:
        return max(0.0, estimate)
    z = estimate / se
    return max(0.0, estimate * float(ndtr(z)) + se * exp(-z * z / 2) / sqrt(2 * pi))


def _require(**values: float) -> None:
    for name, value in values.items():
        if not -inf < value < inf:
            raise ValueError(f"{name} must be finite, got {value}.")


def _require_se(se: float) -> None:
    if not 0 <= se < inf:
        raise ValueError(f"se must be finite and not negative, got {se}.")
