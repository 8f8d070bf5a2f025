"""Is an effect too small to matter: two one-sided tests against a margin.

What margin matters is the caller's choice. A wide interval is neither equivalence nor a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The larger p of the two one-sided tests, and the interval that they amount to."""

    p_value: float
    p_above_lower: float
    p_below_upper: float
    lo: float
    hi: float
    is_equivalent: bool


def two_one_sided_tests(
    estimate: float, se: float, dof: int, lower: float, upper: float, *, alpha: float = 0.05
) -> Equivalence:
    """Test whether an effect lies between two margins.

    Parameters
    ----------
    estimate, se
        The effect and its standard error, in one unit; `se` is not negative. With an `se` of 0
        the estimate alone decides, so put in what so few observations could have hidden.
    dof
        Degrees of freedom behind `se`, at least 1.
    lower, upper
        Margins in the same unit, ``lower < upper``.
    alpha
        Level of each one-sided test, strictly between 0 and 0.5.

    Returns
    -------
    Equivalence
        `lo` and `hi` are the interval of coverage ``1 - 2 alpha``; the effect is equivalent where
        it lies within the margins, which is where `p_value` is at most `alpha`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    ``t = (estimate - lower) / se`` and ``(upper - estimate) / se``, each against t[dof].
    Schuirmann (1987), J. Pharmacokinet. Biopharm. 15:657-680.

    Examples
    --------
    >>> found = two_one_sided_tests(0.01, 0.01, 59, -0.05, 0.05)
    >>> round(found.lo, 3), round(found.hi, 3), found.is_equivalent
    (-0.007, 0.027, True)
    """
    if not se >= 0:
        raise ValueError(f"se must not be negative, got {se}.")
    if dof < 1:
        raise ValueError(f"dof must be at least 1, got {dof}.")
    if not lower < upper:
        raise ValueError(f"lower must lie below upper, got {lower} and {upper}.")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must fulfil 0 < alpha < 0.5, got {alpha}.")

    def tail(distance: float) -> float:
        t = distance / se if se > 0 else inf if distance > 0 else -inf if distance < 0 else 0.0
        return float(stdtr(dof, -t))

    p_lower, p_upper = tail(estimate - lower), tail(upper - estimate)
    reach = float(stdtrit(dof, 1 - alpha)) * se
    p = max(p_lower, p_upper)
    return Equivalence(p, p_lower, p_upper, estimate - reach, estimate + reach, p <= alpha)
