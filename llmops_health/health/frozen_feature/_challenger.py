"""The version in use against those that were tried beside it, case by case of the eval suites.

Reads `summary__eval_items` of one feature up to a day; nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from typing import Final

import polars as pl

from llmops_health.kernels.paired import PairedChange, paired_change
from llmops_health.kernels.power import mde_mean
from llmops_health.kernels.regret import chance_above

CHALLENGERS: Final = ("challenger", "candidate")
_TAKER: Final = ["model", "prompt_version"]
_CASE: Final = ["suite_id", "case_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """A challenger on the cases that the version in use ran too; scores are 0-1.

    `change` is challenger minus champion per case, its interval shared among all challengers.
    """

    champion: str
    challenger: str
    model: str | None
    prompt_version: str | None
    same_model: bool
    champion_score: float
    challenger_score: float
    change: PairedChange
    last_run: date

    @property
    def se(self) -> float:
        """Standard error of the gap."""
        return self.change.sd / sqrt(self.change.n)

    @property
    def room(self) -> float:
        """The largest gap that the cases could show: what the champion does not score."""
        return 1 - self.champion_score

    @property
    def smallest_seen(self) -> float:
        """Smallest gap that so many cases find 4 times of 5."""
        return mde_mean(self.change.sd, self.change.n)

    def chance(self, margin: float) -> float:
        """Chance that the gap exceeds a margin (0-1)."""
        return chance_above(self.change.mean, self.se, margin)


def duels(
    items: pl.DataFrame, day: date, *, max_age_days: int, min_cases: int, level: float
) -> tuple[Duel, ...]:
    """Return every challenger with enough shared cases, the best one first.

    The champion is the version of the newest champion run; scores of a version's runs within
    `max_age_days` are averaged per case.
    """
    on, role = items["day"], items["role"]
    is_recent = on > day - timedelta(days=max_age_days)
    is_tried = is_recent & ((role == CHALLENGERS[0]) | (role == CHALLENGERS[1]))
    is_reigning = is_recent & (role == "champion")
    if not is_tried.any() or not is_reigning.any():
        return ()
    reigning, tried = (_columns(items, chosen) for chosen in (is_reigning, is_tried))
    newest = reigning.filter(reigning["day"] == reigning["day"].max())
    champion = newest[_TAKER].row(newest["eval_run_id"].arg_max())
    base = _means(reigning.filter(_is_taker(champion)))
    others = tried.filter(~_is_taker(champion)).partition_by(_TAKER, as_dict=True)
    suites = base["suite_id"].unique().to_list()
    pairs = []
    for taker, rows in others.items():
        comparable = rows.filter(rows["suite_id"].is_in(suites))
        if len(comparable) < max(min_cases, 2):
            continue
        both = _means(comparable).join(base, on=_CASE, suffix="_base").sort(_CASE)
        if len(both) >= max(min_cases, 2):
            pairs.append((taker, both, rows["day"].max()))
    each = 1 - (1 - level) / max(1, len(pairs))
    found = [
        Duel(
            champion=_label(champion),
            challenger=_label(taker),
            model=taker[0],
            prompt_version=taker[1],
            same_model=taker[0] == champion[0],
            champion_score=float(both["score_base"].mean()),  # type: ignore[arg-type]
            challenger_score=float(both["score"].mean()),  # type: ignore[arg-type]
            change=paired_change(both["score"] - both["score_base"], level=each),
            last_run=last,  # type: ignore[arg-type]
        )
        for taker, both, last in pairs
    ]
    return tuple(sorted(found, key=lambda one: (-one.change.lo, one.challenger)))


def what_lacks(items: pl.DataFrame, day: date, *, max_age_days: int, min_cases: int) -> str:
    """Say why `duels` found none."""
    roles = items["role"].filter(items["day"] > day - timedelta(days=max_age_days))
    if roles.is_empty():
        return f"No eval run in the {max_age_days} days up to {day}"
    if not (roles == "champion").any():
        return f"No eval run of the last {max_age_days} days has the role champion"
    if not any((roles == one).any() for one in CHALLENGERS):
        return f"Nothing was tried against it in {max_age_days} days: no run as challenger"
    return f"No challenger ran {min_cases} cases that the champion ran too"


def _columns(items: pl.DataFrame, chosen: pl.Series) -> pl.DataFrame:
    names = ("day", "eval_run_id", *_TAKER, *_CASE, "score")
    return pl.DataFrame([items[name].filter(chosen) for name in names])


def _is_taker(taker: tuple[object, ...]) -> pl.Expr:
    model, prompt_version = (
        pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(_TAKER, taker, strict=True)
    )
    return model & prompt_version


def _means(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(_CASE).agg(pl.col("score").mean())


def _label(taker: tuple[object, ...]) -> str:
    return " ".join(str(part) for part in taker if part is not None) or "a version without name"
