"""Undeclared component: traffic uses a model, a prompt or a tool that no list names.

Why it matters
    A bill of materials that leaves out what answers is wrong where it is relied on: in a customer's
    review, in the search for who is hit by a withdrawn model, in what leaves the company. A gateway
    that falls back, a prompt edited in production and a tool somebody added show in traffic first.
How it is found
    A census of production traffic of the last 7 days against the parts that lists made by then name
    for the feature, or for all. Providers' ways of writing one name are one (`openai/gpt-4o`,
    `gpt-4o-2024-08-06`), and of a model the name that answered counts. In use is what answered in
    `min_calls` without an error, on `min_days` days or in `min_week_share` of the calls: a typo
    that only fails and a trial by hand are told, and alarm nobody. FAIL for a model or a tool in
    use with `fail_calls` of whose share the lower bound (Wilson) is above `min_share`; WARN below
    that, for a prompt, and for what is listed in another version. Where fewer calls name their
    model than show a part of `blind_share` with 99 %, it cannot tell.
How to mend it
    Find who added it. Take it out, or add it to the list, under the name that traffic shows or with
    that name as its version, with its supplier and the data that flow to it.
What it cannot see
    What no call names: see `data_not_ready`. Another model or host behind the same name. A version
    that a list named once and that comes back. On days before the first list, everything that a
    list without a date names counts as listed.
Source
    G7 and CISA (2026), "SBOM for AI: minimum elements", cluster models; Wilson (1927), JASA
    22:209-212.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, log

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Part, Parts
from llmops_health.findings import CheckParams, Finding, Status, not_applicable, not_enough_data
from llmops_health.health.bom import _traffic
from llmops_health.health.bom._matching import MODELS, NOT_LISTED, Listed, best, listed
from llmops_health.health.bom._names import Fit
from llmops_health.health.bom._traffic import Used, Window
from llmops_health.kernels.intervals import Interval, wilson_interval

HISTORY_DAYS = 7

_GRAVE = frozenset({"model", "embedding_model", "tool"})
_MOST_SEGMENTS = 20
_MOST_NAMED = 5
_SURE = 0.99


class Params(CheckParams):
    """Settings of this check."""

    min_calls: int = Field(
        default=5, ge=1, description="Calls without an error: fewer are a trial, or a typo."
    )
    fail_calls: int = Field(
        default=10, ge=1, description="Calls to FAIL: two trials by hand in a week have less."
    )
    min_days: int = Field(default=2, ge=1, le=7, description="Days on which it answered, or")
    min_week_share: float = Field(
        default=0.02, gt=0, le=1, description="the share of the week's calls that one day weighs."
    )
    min_share: float = Field(
        default=0.001,
        ge=0,
        lt=1,
        description="Share of calls that the lower bound must exceed to FAIL: one in a thousand.",
    )
    level: float = Field(
        default=0.99, gt=0, lt=1, description="Coverage of the interval: judged every day."
    )
    blind_share: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="A part of so many calls must show with 99 % before silence is a pass.",
    )

    @property
    def min_named(self) -> int:
        """Calls of which one shows a part of `blind_share`, with 99 %."""
        return ceil(log(1 - _SURE) / log(1 - self.blind_share))


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What traffic used and no list names, its share, and what that comes to."""

    used: Used
    is_other_version: bool
    share: Interval
    status: Status

    @property
    def words(self) -> str:
        """What messages call it, with its share."""
        return f"{self.used.words} in {_percent(self.share)} of {_n_of(self.used)}"


def check(
    feature: Feature,
    day: date,
    summary__observed_components: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on the whole, and one per part in use that no list names."""
    week = _traffic.window(summary__observed_components, day, HISTORY_DAYS)
    known = _known(feature, day, summary__listed_parts, week)
    if known is None:
        yield not_applicable(
            "No list names a part of it: list its models, prompts and tools as components (a file "
            "of components, a CycloneDX document, mcp.json), with its feature_id."
        )
        return
    found = undeclared(week, known, params)
    alarms = [one for one in found if one.status in {Status.WARN, Status.FAIL}]
    n_named = max(week.n_named.get("model", 0), week.n_named.get("embedding_model", 0))
    if not alarms and n_named < params.min_named:
        yield not_enough_data(
            n_named,
            f"Cannot tell: {n_named:,} of {week.n_calls:,} calls of the last {HISTORY_DAYS} days "
            f"name their model, {params.min_named:,} show a part of {params.blind_share:.0%} with "
            f"{_SURE:.0%}.{_rare(found)}",
        )
        return
    yield _whole(feature, day, week, found, alarms, params)
    segments = {one.used.words: one for one in reversed(alarms)}
    for segment in list(reversed(segments))[:_MOST_SEGMENTS]:
        yield _single(feature, day, segment, segments[segment], params)


def figure(
    feature: Feature,
    day: date,
    summary__observed_components: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    params: Params,
) -> Parts | None:
    """Return how the week's calls divide among models, those that no list names marked."""
    week = _traffic.window(summary__observed_components, day, HISTORY_DAYS)
    known = _known(feature, day, summary__listed_parts, week)
    models = [one for one in week.used if one.kind == "model"]
    if known is None or not models:
        return None
    found = {one.used: one for one in undeclared(week, known, params)}
    # What no list names is shown before the listed ones, however small.
    first = sorted(models, key=lambda one: (one not in found, -one.n_calls))[:8]
    chosen = sorted(first, key=lambda one: -one.n_calls)
    n_bad = sum(one.n_calls for one in models if one in found)
    return Parts(
        title="Models that answered, and whether a list names them",
        description=f"{n_bad:,} of {models[0].n_of:,} calls of the last {HISTORY_DAYS} days were "
        f"answered by models that no list names; {len(models)} models answered.",
        whole=f"calls of the last {HISTORY_DAYS} days",
        parts=tuple(
            Part(
                label=_traffic.shown(one.name or "") + _why(found.get(one)),
                share=_estimate(_share(one, params)),
                is_chosen=one in found,
            )
            for one in chosen
        ),
    )


def undeclared(week: Window, known: Sequence[Listed], params: Params) -> list[Undeclared]:
    """Return what traffic used and no list names, the gravest first."""
    found = []
    for used in week.used:
        fit = best(used.kind, used.name, used.version, known)
        if fit is not Fit.SAME:
            share = _share(used, params)
            status = _status(used, share, fit, params)
            found.append(Undeclared(used, fit is Fit.OTHER_VERSION, share, status))
    rank = {Status.FAIL: 0, Status.WARN: 1, Status.PASS: 2}
    return sorted(found, key=lambda one: (rank[one.status], -one.share.estimate))


def _status(used: Used, share: Interval, fit: Fit, params: Params) -> Status:
    n_good = used.n_calls - used.n_errors
    if n_good < params.min_calls:
        return Status.PASS
    is_grave = fit is Fit.NONE and used.kind in _GRAVE
    is_grave &= n_good >= params.fail_calls and share.lo > params.min_share
    if used.n_days < params.min_days and n_good < params.min_week_share * used.n_of:
        return Status.PASS
    if is_grave:
        return Status.FAIL
    return Status.WARN if used.n_days >= params.min_days else Status.PASS


def _known(feature: Feature, day: date, rows: pl.DataFrame, week: Window) -> list[Listed] | None:
    """Return what lists name that traffic can show; None where no list is of this feature."""
    known = listed(rows, feature.id, day)
    if any(one.of is not None for one in known):
        return known
    shared = [best(one.kind, one.name, one.version, known) for one in week.used]
    return known if any(shared) else None


def _whole(
    feature: Feature,
    day: date,
    week: Window,
    found: Sequence[Undeclared],
    alarms: Sequence[Undeclared],
    params: Params,
) -> Finding:
    span = f"the last {HISTORY_DAYS} days"
    if not alarms:
        n_listed = len(week.used) - len(found)
        return Finding(
            status=Status.PASS,
            message=f"Lists name {n_listed} of {len(week.used)} models, prompts and tools that "
            f"{week.n_calls:,} calls of {span} show.{_rare(found)}",
            n=week.n_calls,
            value=0.0,
            threshold=params.min_share,
            unit="share",
        )
    worst = alarms[0]
    graver = [one for one in alarms if one.status is worst.status]
    told = ", ".join(one.words + _why(one) for one in alarms[:_MOST_NAMED])
    more = f", and {len(alarms) - _MOST_NAMED} more" if len(alarms) > _MOST_NAMED else ""
    verb = "parts are" if len(alarms) > 1 else "part is"
    return Finding(
        status=worst.status,
        message=f"{len(alarms)} {verb} in use that no list names as traffic does: {told}{more}; "
        f"{span}.{_rare(found)}",
        n=worst.used.n_of,
        value=worst.share.estimate,
        lo=worst.share.lo,
        hi=worst.share.hi,
        threshold=params.min_share,
        unit="share",
        action=_action(worst)
        + (f" {len(graver) - 1} more need the same." if len(graver) > 1 else ""),
        evidence_sql=_traffic.evidence(feature.id, day, HISTORY_DAYS),
    )


def _single(feature: Feature, day: date, segment: str, one: Undeclared, params: Params) -> Finding:
    used = one.used
    asked = f" It was asked for as {_traffic.shown(used.asked)}." if used.asked else ""
    verb = "answered" if used.kind in MODELS else "was used in"
    what = "is listed in another version" if one.is_other_version else "is on no list"
    return Finding(
        status=one.status,
        segment=segment,
        message=f"{used.words} {what} and {verb} {used.n_calls - used.n_errors:,} of "
        f"{used.n_of:,} {_unit(used)}, {_percent(one.share)}, on {used.n_days} of the last "
        f"{HISTORY_DAYS} days.{asked}",
        n=used.n_of,
        value=one.share.estimate,
        lo=one.share.lo,
        hi=one.share.hi,
        threshold=params.min_share,
        unit="share",
        action=_action(one),
        evidence_sql=_traffic.evidence(
            feature.id, day, HISTORY_DAYS, kind=used.kind, name=used.name or ""
        ),
    )


def _action(one: Undeclared) -> str:
    words = one.used.words
    if one.is_other_version:
        return f"Put the version in use on the list: {words}; or go back to the listed one."
    if one.used.asked:
        return f"Look why {words} answers for {_traffic.shown(one.used.asked)}; list it or stop it."
    return f"Find who added {words}; list it with its supplier, or take it out."


def _rare(found: Sequence[Undeclared]) -> str:
    rare = [one for one in found if one.status is Status.PASS]
    if not rare:
        return ""
    names = ", ".join(
        f"{one.used.words} ({one.used.n_calls:,} {_unit(one.used)}, {one.used.n_errors:,} failed)"
        for one in rare[:_MOST_NAMED]
    )
    more = f", and {len(rare) - _MOST_NAMED} more" if len(rare) > _MOST_NAMED else ""
    return f" Too rare to matter, and on no list: {names}{more}."


def _share(used: Used, params: Params) -> Interval:
    # A shock or a log in two parts may count a call twice: a share is at most one.
    n_good = min(used.n_calls - used.n_errors, used.n_of)
    return wilson_interval(n_good, used.n_of, level=params.level)


def _percent(share: Interval) -> str:
    return f"{share.estimate:.1%} [{share.lo:.1%}, {share.hi:.1%}]"


def _n_of(used: Used) -> str:
    return f"{used.n_of:,} {_unit(used)}"


def _unit(used: Used) -> str:
    return "embedding calls" if used.kind == "embedding_model" else "calls"


def _why(one: Undeclared | None) -> str:
    if one is None:
        return ""
    return " (another version is listed)" if one.is_other_version else f" ({NOT_LISTED})"


def _estimate(share: Interval) -> Estimate:
    return Estimate(value=share.estimate, lo=share.lo, hi=share.hi)
