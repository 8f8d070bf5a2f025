"""How each behaviour differs between evals and production: estimates and a three-way answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final, Literal

import numpy as np
from scipy.special import stdtr

from llmops_health.health.eval_prod_gap._controls import Floats
from llmops_health.health.eval_prod_gap._pairs import BEHAVIOURS, Pairs
from llmops_health.kernels.equivalence import two_one_sided_tests
from llmops_health.kernels.intervals import Interval, t_interval
from llmops_health.kernels.jackknife import effective_clusters
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.paired import clustered_change
from llmops_health.kernels.sign_flip import cluster_sign_flip

WORDS: Final = {
    "refusal": "refusals",
    "ln_output_chars": "answer length",
    "hedging": "hedging",
    "formatted": "markdown or code",
    "json": "valid JSON",
    "json_broken": "broken JSON",
    "other_language": "answers in another language than asked",
    "tool_use": "tool calls",
    "truncated": "answers cut off",
}
LENGTH: Final = "ln_output_chars"
GRAVE: Final = "refusal"
"""The behaviour whose gap is a failure: evals then test a model that users do not get."""

Answer = Literal["different", "equivalent", "cannot tell"]

_FLIPS = 9_999
_SEED = 20_260_101
# Flipping is for those that a t-test leaves in doubt: of the others it takes nothing back.
_WORTH_FLIPPING = 0.05


@dataclass(frozen=True, slots=True)
class Gap:
    """Evals minus production in one behaviour, on the scale of `margin` (shares, or ln of length).

    `p_value` is that of no gap at all, the larger of two tests; `answer` says what follows.
    """

    behaviour: str
    interval: Interval
    margin: float
    p_value: float
    n: int
    mean_eval: float
    mean_production: float
    answer: Answer

    @property
    def unit(self) -> str:
        """Unit in which people read it."""
        return "%" if self.behaviour == LENGTH else "pp"

    def shown(self, value: float) -> float:
        """Return a value of its scale in its unit."""
        return 100 * (exp(value) - 1) if self.behaviour == LENGTH else 100 * value

    def __str__(self) -> str:
        """Say it with its interval."""
        value, lo, hi = (
            self.shown(x) for x in (self.interval.estimate, self.interval.lo, self.interval.hi)
        )
        return f"{WORDS[self.behaviour]} {value:+.1f} {self.unit} [{lo:+.1f}, {hi:+.1f}]"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a gap must be to count as one, or as none."""

    max_gap_pp: float
    max_length_percent: float
    q: float
    alpha: float
    level: float
    min_inputs: int
    min_clusters: float


def gaps(pairs: Pairs, rules: Rules) -> list[Gap]:
    """Return the gap of each behaviour that enough pairs know, in the order of `BEHAVIOURS`.

    A behaviour that no call of either side shows, or every call, is left out. Refusals are not:
    that so few inputs brought none does not say that there are none.
    """
    differences = pairs.evals - pairs.controls
    if effective_clusters(pairs.weight) < rules.min_clusters:
        return []
    estimates = {
        at: one
        for at, name in enumerate(BEHAVIOURS)
        if (one := _estimate(pairs, at, rules, is_share=name != LENGTH))
        and (name == GRAVE or _varies(pairs.evals[:, at], pairs.controls[:, at]))
    }
    doubtful = [at for at, one in estimates.items() if one.p_value < _WORTH_FLIPPING]
    p = {at: one.p_value for at, one in estimates.items()}
    if doubtful:
        flipped = cluster_sign_flip(
            differences[:, doubtful], pairs.control, n_flips=_FLIPS, seed=_SEED
        )
        p |= {at: max(p[at], float(one)) for at, one in zip(doubtful, flipped, strict=True)}
    rejected = benjamini_hochberg(list(p.values()), rules.q).rejected
    return [
        _gap(pairs, at, one, p[at], rules, is_rejected=bool(is_rejected))
        for (at, one), is_rejected in zip(estimates.items(), rejected, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Mean:
    value: float
    se: float
    dof: int
    p_value: float


def _estimate(pairs: Pairs, at: int, rules: Rules, *, is_share: bool) -> _Mean | None:
    """Return the mean of the differences that are known; None where they are too few.

    The variance is that of pairs, as large as users (of the nearest control) show it to be, and
    that of the users whose calls are in many pairs at once. The degrees of freedom of the first lie
    half way between users and users of equal weight: with one user behind a quarter of 36 pairs, p
    below 0.001 came 0.3 to 1.2 times in 1,000 where users differed by up to 0.3 of the variance.
    """
    differences = pairs.evals[:, at] - pairs.controls[:, at]
    known = ~np.isnan(differences)
    d, users = differences[known], pairs.user[known]
    n_of_user = np.unique(users, return_counts=True)[1]
    if len(d) < rules.min_inputs or len(n_of_user) < 2:
        return None
    mean = float(d.mean())
    between_pairs = max(clustered_change(d, users).se ** 2, float(d.var(ddof=1)) / len(d))
    if is_share:
        # What one more pair that differs each way would show: none in 40 is not none at all.
        between_pairs = max(between_pairs, 2 / (len(d) + 2) ** 2)
    shared = pairs.shared[:, at]
    variance = between_pairs + max(float(shared.sum()), 0.0)
    if variance == 0:
        return _Mean(mean, 0.0, len(d) - 1, float(mean == 0))
    dof_of_pairs = max((len(n_of_user) + effective_clusters(n_of_user)) / 2 - 1, 1)
    spent = between_pairs**2 / dof_of_pairs + float((np.maximum(shared, 0.0) ** 2).sum())
    dof = max(int(variance**2 / spent), 1)
    se = sqrt(variance)
    return _Mean(mean, se, dof, 2 * float(stdtr(dof, -abs(mean) / se)))


def _varies(evals: Floats, controls: Floats) -> bool:
    both = np.concatenate([evals, controls])
    return bool(np.nanmax(both) > np.nanmin(both))


def _gap(pairs: Pairs, at: int, mean: _Mean, p: float, rules: Rules, *, is_rejected: bool) -> Gap:
    behaviour = BEHAVIOURS[at]
    known = ~np.isnan(pairs.evals[:, at] - pairs.controls[:, at])
    margin = rules.max_gap_pp / 100
    if behaviour == LENGTH:
        margin = log(1 + rules.max_length_percent / 100)
    bounds = two_one_sided_tests(mean.value, mean.se, mean.dof, -margin, margin, alpha=rules.alpha)
    answer: Answer = "cannot tell"
    if is_rejected and abs(mean.value) > margin:
        answer = "different"
    elif bounds.is_equivalent:
        answer = "equivalent"
    return Gap(
        behaviour=behaviour,
        interval=t_interval(mean.value, mean.se, mean.dof, level=rules.level),
        margin=margin,
        p_value=p,
        n=int(known.sum()),
        mean_eval=float(pairs.evals[known, at].mean()),
        mean_production=float(pairs.controls[known, at].mean()),
        answer=answer,
    )
