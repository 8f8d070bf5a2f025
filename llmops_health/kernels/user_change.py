"""Why a mean over rows of users changed: the same users, other users, or other amounts of each.

Every user is a stratum. The strata of `decomposition` are coarser and known; users come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llmops_health.kernels.jackknife import JackknifeEstimate, bucket_jackknife

Floats = NDArray[np.float64]
Part = Literal["total", "within", "reweighted", "entry", "exit", "between"]

_PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True, slots=True)
class UserChange:
    """Change of a mean over rows of users, each part with its interval over buckets of users.

    `total` is the sum of `within` (the same users, otherwise than before), `reweighted` (who
    stayed, more or less often), `entry` and `exit`; `between` is the sum of the last three.
    """

    before: float
    after: float
    total: JackknifeEstimate
    within: JackknifeEstimate
    reweighted: JackknifeEstimate
    entry: JackknifeEstimate
    exit: JackknifeEstimate
    between: JackknifeEstimate


def user_change(
    before: ArrayLike, after: ArrayLike, bucket: ArrayLike, *, level: float = 0.95
) -> UserChange:
    """Split the change of a mean over rows of users, with intervals over buckets of users.

    Parameters
    ----------
    before, after
        Rows and sum of their values per user, shape (n_users, 2), the same users in both. A user
        with rows in both periods stayed, in one of them came or left.
    bucket
        Bucket of each user, an integer >= 0, shape (n_users,).
    level
        Coverage of the intervals, strictly between 0 and 1.

    Raises
    ------
    ValueError
        For other shapes or values out of range, and where `bucket_jackknife` has no answer: fewer
        than 2 buckets, or all users that stayed are in one.

    Notes
    -----
    Melitz and Polanec with the part of those who stayed split by Kitagawa, each user a stratum:
    ``within = 1/2 [sum n0 (y1 - y0) / N0 + sum n1 (y1 - y0) / N1]`` over who stayed, which is a
    smooth function of sums, so that a bucket can be left out of it. Given how often each user
    asked, it has no small-sample bias.

    Examples
    --------
    >>> change = user_change(
    ...     [[10, 10], [10, 30], [10, 20], [0, 0]],
    ...     [[10, 20], [10, 40], [0, 0], [10, 90]],
    ...     [0, 1, 2, 3],
    ... )
    >>> change.within.estimate, change.entry.estimate, change.exit.estimate
    (1.0, 2.0, 0.0)
    """
    sums = _bucket_sums(before, after, bucket)
    found = {name: _jackknife(sums, name, level) for name in _PARTS}
    whole = _parts(sums.sum(axis=0))
    return UserChange(before=float(whole["before"]), after=float(whole["after"]), **found)


def change_part(
    before: ArrayLike, after: ArrayLike, bucket: ArrayLike, part: Part, *, level: float = 0.95
) -> JackknifeEstimate:
    """Return one part of `user_change`, of which parameters and errors are those.

    Examples
    --------
    >>> change_part([[10, 10], [10, 30]], [[10, 20], [10, 40]], [0, 1], "within").estimate
    1.0
    """
    return _jackknife(_bucket_sums(before, after, bucket), part, level)


def newcomer_gap(
    stayed: ArrayLike, other: ArrayLike, bucket: ArrayLike, *, level: float = 0.95
) -> JackknifeEstimate:
    """Return by how much the mean of users who came, or left, exceeds that of those who stayed.

    Parameters
    ----------
    stayed, other
        Rows and sum of their values per user in one period, shape (n_users, 2); of the users who
        stayed, and of the others, zeros elsewhere.
    bucket, level
        As in `user_change`, and so are the errors.

    Notes
    -----
    The part `entry` of `user_change` is this gap times the share of rows that the others have. A
    test needs the gap: how many came is uncertain too, and means nothing where they ask alike.

    Examples
    --------
    >>> newcomer_gap([[9, 9], [9, 9], [0, 0]], [[0, 0], [3, 6], [3, 6]], [0, 1, 2]).estimate
    1.0
    """
    sides = [np.asarray(values, dtype=np.float64) for values in (stayed, other)]
    group = np.asarray(bucket).astype(np.int64)
    if any(side.shape != (len(group), 2) for side in sides):
        raise ValueError(
            "stayed and other must have shape (n_users, 2) and bucket (n_users,), got "
            f"{sides[0].shape}, {sides[1].shape} and {group.shape}."
        )
    n_buckets = int(group.max(initial=0)) + 1
    columns = [side[:, i] for side in sides for i in (0, 1)]
    sums = np.stack([np.bincount(group, column, n_buckets) for column in columns], axis=1)

    def gap(totals: Floats) -> Floats:
        return np.asarray(totals[..., 3] / totals[..., 2] - totals[..., 1] / totals[..., 0])

    return bucket_jackknife(sums, gap, level=level)


def part_size(before: ArrayLike, after: ArrayLike, part: Part) -> float:
    """Return one part of `user_change` without an interval; nan where nobody stayed.

    Examples
    --------
    >>> part_size([[10, 10], [10, 30]], [[10, 20], [10, 40]], "within")
    1.0
    """
    zeros = np.zeros(len(np.asarray(before)), dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(_parts(_bucket_sums(before, after, zeros).sum(axis=0))[part])


def _jackknife(sums: Floats, part: Part, level: float) -> JackknifeEstimate:
    return bucket_jackknife(sums, lambda totals: _parts(totals)[part], level=level)


def _bucket_sums(before: ArrayLike, after: ArrayLike, bucket: ArrayLike) -> Floats:
    """Return the sums that `_parts` needs, per bucket, shape (n_buckets, 10)."""
    old, new = (np.asarray(values, dtype=np.float64) for values in (before, after))
    group = np.asarray(bucket).astype(np.int64)
    if old.ndim != 2 or old.shape[1] != 2 or new.shape != old.shape or group.shape != (len(old),):
        raise ValueError(
            "before, after and bucket must have shapes (n_users, 2), (n_users, 2) and (n_users,), "
            f"got {old.shape}, {new.shape} and {group.shape}."
        )
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        raise ValueError("before and after must be finite.")
    if (old[:, 0] < 0).any() or (new[:, 0] < 0).any() or (group < 0).any():
        raise ValueError("Rows per user and buckets must not be negative.")
    n0, s0, n1, s1 = old[:, 0], old[:, 1], new[:, 0], new[:, 1]
    stayed = (n0 > 0) & (n1 > 0)
    change = np.zeros(len(old))
    change[stayed] = s1[stayed] / n1[stayed] - s0[stayed] / n0[stayed]
    columns = np.stack(
        [
            *(np.where(stayed, of, 0.0) for of in (n0, s0, n1, s1)),
            *(np.where(stayed, 0.0, of) for of in (n0, s0, n1, s1)),
            n0 * change,
            n1 * change,
        ]
    )
    n_buckets = int(group.max(initial=0)) + 1
    return np.stack([np.bincount(group, of, n_buckets) for of in columns], axis=1)


def _parts(totals: Floats) -> dict[str, Floats]:
    """Every part of a change from totals, shape (..., 10); nan where nobody stayed."""
    n0, s0, n1, s1, left_n, left_s, came_n, came_s, moved0, moved1 = np.moveaxis(totals, -1, 0)
    all0, all1 = n0 + left_n, n1 + came_n
    before, after = (s0 + left_s) / all0, (s1 + came_s) / all1
    within = (moved0 / n0 + moved1 / n1) / 2
    reweighted = s1 / n1 - s0 / n0 - within
    entry = (came_s - came_n * s1 / n1) / all1
    exit_ = (left_n * s0 / n0 - left_s) / all0
    return {
        "before": before,
        "after": after,
        "total": after - before,
        "within": within,
        "reweighted": reweighted,
        "entry": entry,
        "exit": exit_,
        "between": reweighted + entry + exit_,
    }
