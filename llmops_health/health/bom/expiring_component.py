"""Expiring component: a part in use is withdrawn soon, or no licence of it is known or allowed.

Why it matters
    On the day a provider withdraws a model, or a library its last version, the feature stops or
    runs unpatched. A part without a licence is used without a right to it.
How it is found
    A census of what the newest lists say of the feature's parts, and of the shared ones that its
    parts lead to or that its traffic shows. A part is in use if production traffic showed it in 28
    days (not where 14 or more calls used it and none in the last 7: it has been left), or if it is
    of a kind that traffic does not show, or of which no call names one. FAIL less than `fail_days`
    before its date of withdrawal (`deprecated_on`) and after it, for a model, a prompt or a tool
    from `min_share` of the last week's calls on; WARN less than `warn_days` ahead. A licence: WARN
    where models, checkpoints, adapters, datasets or libraries have none (unknown, NOASSERTION),
    FAIL for one of `denied`. Services are used under terms and are not asked. Where no library at
    all has a licence, the list does not say licences (lock files do not), and that is told.
How to mend it
    Run the evals on the successor and switch before the date; see `stale_model`. Ask the supplier
    for the licence and put its SPDX id on the list; replace what is denied.
What it cannot see
    Dates that no list carries: providers announce them on pages. Terms of services, and whether a
    licence allows this use.
Source
    SPDX specification 2.3, annex D (licence expressions); G7 and CISA (2026), "SBOM for AI: minimum
    elements", licence of models and datasets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.findings import CheckParams, Finding, Status, literal, not_applicable
from llmops_health.health.bom import _parts, _traffic
from llmops_health.health.bom._licences import is_denied, is_missing
from llmops_health.health.bom._matching import MODELS, Listed, as_listed, fit
from llmops_health.health.bom._names import Fit
from llmops_health.health.bom._parts import CODEOWNERS_RULE, listed_at, rows_of
from llmops_health.health.bom._traffic import Used, Window

HISTORY_DAYS = 28

_LATE_DAYS = 7
# Of so many calls in 21 days, e^-(14/3) < 1 % are followed by 7 days without one.
_MANY_CALLS = 14
_SHOWN = MODELS | {"prompt", "tool"}
_LICENSED = frozenset({"model", "checkpoint", "adapter", "embedding_model", "dataset", "library"})
_MOST_NAMED = 5


class Params(CheckParams):
    """Settings of this check."""

    fail_days: int = Field(
        default=30, ge=0, description="Days that a change of model takes with its evals."
    )
    warn_days: int = Field(default=90, ge=0, description="Days: one quarter's planning ahead.")
    min_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of the last week's calls from which a part must be replaced in time.",
    )
    denied: tuple[str, ...] = Field(
        default=(), description="SPDX ids of licences that may not be used, such as AGPL-3.0."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """What the newest list says of a part."""

    part: Listed
    licence: str | None
    endpoint: str | None
    ends_on: date | None

    @property
    def words(self) -> str:
        """What messages call it."""
        version = f" {self.part.version}" if self.part.version else ""
        return _traffic.shown(f"{self.part.kind.replace('_', ' ')} {self.part.name}{version}")


def check(
    feature: Feature,
    day: date,
    summary__observed_components: pl.DataFrame,
    summary__listed_parts: pl.DataFrame,
    core__component_edges: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding on dates of withdrawal, and one on licences."""
    month = _traffic.window(summary__observed_components, day, HISTORY_DAYS)
    rows, reached = _newest(summary__listed_parts, core__component_edges, feature.id, day)
    shown = _shown(rows, month)
    reached |= {row.part.component_id for row in shown}
    rows = [row for row in rows if row.part.component_id in reached]
    if not rows:
        yield not_applicable("No list names a part of it, so none that ends or lacks a licence.")
        return
    used = [row for row in rows if _is_used(row, shown, month, day)]
    is_late = any(_left(row, day) < params.fail_days for row in used)
    lately = summary__observed_components if is_late else summary__observed_components.clear()
    week = _traffic.window(lately, day, _LATE_DAYS)
    yield _ending(used, shown, week, day, params)
    yield _licensed([row for row in rows if not _is_past(row, day) or row in used], params)


def _newest(
    parts: pl.DataFrame, edges: pl.DataFrame, feature_id: str, day: date
) -> tuple[list[Row], set[str]]:
    """Return what the newest lists by the end of a day say of parts that may be the feature's.

    With them the ids of its own parts, and of all that these need.
    """
    rows = rows_of(feature_id, parts, day)
    own = {row["component_id"] for row in rows if row["feature_id"] is not None}
    reached = _reached(own, edges)
    near = [
        row
        for row in rows
        if (row["kind"] in _SHOWN or row["component_id"] in reached)
        and not row["component_id"].startswith(CODEOWNERS_RULE)
    ]
    newest: dict[str, datetime] = {}
    for row in near:
        at = listed_at(row)
        newest[row["component_id"]] = max(at, newest.get(row["component_id"], at))
    told = (_row(row) for row in near if listed_at(row) == newest[row["component_id"]])
    return list(dict.fromkeys(told)), reached


def _row(row: _parts.Row) -> Row:
    ends = row["deprecated_on"]
    part = as_listed(row)
    return Row(part, row["license"], row["endpoint"], None if ends is None else ends.date())


def _shown(rows: Sequence[Row], month: Window) -> dict[Row, list[Used]]:
    """Return which rows traffic shows; of one part's rows that fit, the one that ends last."""
    shown: dict[Row, list[Used]] = {}
    nameable = [row for row in rows if row.part.kind in _SHOWN]
    for used in month.used:
        fitting: dict[str, Row] = {}
        for row in nameable:
            one = row.part.component_id
            if _fits(used, row) and (one not in fitting or _ends(row) > _ends(fitting[one])):
                fitting[one] = row
        for row in fitting.values():
            shown.setdefault(row, []).append(used)
    return shown


def _is_used(row: Row, shown: dict[Row, list[Used]], month: Window, day: date) -> bool:
    if row.part.kind not in _SHOWN:
        return True
    if row in shown:
        late = day - timedelta(days=_LATE_DAYS)
        n_calls = sum(one.n_calls for one in shown[row])
        return n_calls < _MANY_CALLS or any(one.last_on > late for one in shown[row])
    kinds = {"model", "embedding_model"} if row.part.kind in MODELS else {row.part.kind}
    return not any(month.n_named.get(kind, 0) for kind in kinds)


def _ending(
    used: Sequence[Row], shown: Collection[Row], week: Window, day: date, params: Params
) -> Finding:
    soon = [row for row in used if _left(row, day) < params.warn_days]
    told = {row: _status(row, week if row in shown else None, day, params) for row in soon}
    soon.sort(key=lambda row: (told[row] is not Status.FAIL, _ends(row), row.words))
    if not soon:
        dates = sum(row.ends_on is not None for row in used)
        return Finding(
            status=Status.PASS,
            message=f"None of {len(used)} parts in use is withdrawn within {params.warn_days} days;"
            f" lists give {dates} of them a date.",
            n=len(used),
        )
    worst = soon[0]
    left = _left(worst, day)
    named = ", ".join(f"{row.words} {_when(_left(row, day), row)}" for row in soon[:_MOST_NAMED])
    more = f", and {len(soon) - _MOST_NAMED} more" if len(soon) > _MOST_NAMED else ""
    is_late = told[worst] is Status.FAIL
    what = "Run the evals on its successor (role challenger) and switch"
    what = what if worst.part.kind in MODELS else "Replace it"
    when = f"before {worst.ends_on}" if left > 0 else "now"
    return Finding(
        status=told[worst],
        message=f"{len(soon)} of {len(used)} parts in use {'are' if len(soon) > 1 else 'is'} "
        f"withdrawn: {named}{more}.",
        n=len(used),
        value=float(left),
        threshold=float(params.fail_days if is_late else params.warn_days),
        unit="days",
        action=f"{worst.words}: {what[0].lower()}{what[1:]} {when}.",
        evidence_sql=_evidence(soon),
    )


def _status(row: Row, week: Window | None, day: date, params: Params) -> Status:
    if _left(row, day) >= params.fail_days:
        return Status.WARN
    if week is None:
        return Status.FAIL
    lately = [one for one in week.used if _fits(one, row)]
    n, n_of = sum(one.n_calls for one in lately), max((one.n_of for one in lately), default=0)
    return Status.FAIL if n and n >= params.min_share * n_of else Status.WARN


def _fits(used: Used, row: Row) -> bool:
    return fit(used.kind, used.name, used.version, row.part) is Fit.SAME


def _licensed(rows: Sequence[Row], params: Params) -> Finding:
    asked = [row for row in rows if row.part.kind in _LICENSED and row.endpoint is None]
    if not asked:
        return not_applicable(
            "Lists name no model, dataset or library of it that has a licence.", segment="licence"
        )
    libraries = [row for row in asked if row.part.kind == "library"]
    is_silent = bool(libraries) and all(is_missing(row.licence) for row in libraries)
    denied = [row for row in asked if row.licence and is_denied(row.licence, params.denied)]
    lacking = [
        row
        for row in asked
        if is_missing(row.licence) and not (is_silent and row.part.kind == "library")
    ]
    told = []
    if denied:
        named = [f"{row.words} ({_traffic.shown(row.licence or '')})" for row in denied]
        told.append(f"{len(denied)} of {len(asked)} parts have a denied licence: {_most(named)}.")
    if lacking:
        named = [row.words for row in lacking]
        told.append(f"Of {len(lacking)} of {len(asked)} parts no licence is known: {_most(named)}.")
    if not told:
        n_known = len(asked) - (len(libraries) if is_silent else 0)
        told.append(f"The licences of {n_known} parts are known and none is denied.")
    if is_silent:
        told.append(f"The lists say no licence of any of {len(libraries)} libraries.")
    status = Status.FAIL if denied else Status.WARN if lacking else Status.PASS
    first = [*denied, *lacking][:1]
    verb = "Replace" if denied else "Ask the supplier for the licence of"
    return Finding(
        status=status,
        segment="licence",
        message=" ".join(told),
        n=len(asked),
        value=float(len(denied) + len(lacking)),
        threshold=0.0,
        unit="parts",
        action=f"{verb} {first[0].words}, and put the SPDX id on the list." if first else "",
        evidence_sql=_evidence([*denied, *lacking]) if first else "",
    )


def _reached(starts: set[str], edges: pl.DataFrame) -> set[str]:
    """Return all that some parts need, directly or through others, and they themselves."""
    needs: dict[str, list[str]] = {}
    for src, dst in zip(edges["src"].to_list(), edges["dst"].to_list(), strict=True):
        needs.setdefault(src, []).append(dst)
    reached, waiting = set(starts), list(starts)
    while waiting:
        further = [one for one in needs.get(waiting.pop(), ()) if one not in reached]
        reached.update(further)
        waiting += further
    return reached


def _is_past(row: Row, day: date) -> bool:
    return row.ends_on is not None and row.ends_on <= day


def _ends(row: Row) -> date:
    return row.ends_on or date.max


def _left(row: Row, day: date) -> int:
    return (_ends(row) - day).days


def _when(left: int, row: Row) -> str:
    if left > 0:
        return f"in {left} days, on {row.ends_on}"
    return f"{-left} days ago, on {row.ends_on}" if left else f"today, {row.ends_on}"


def _most(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _evidence(rows: Sequence[Row]) -> str:
    ids = ", ".join(sorted({literal(row.part.component_id) for row in rows[:100]}))
    return (
        "select component_id, version, kind, name, of_feature, license, deprecated_on, listed_on, "  # noqa: S608 - literals only
        f"supplier, source_uri from summary__listed_parts where component_id in ({ids}) "
        "order by component_id, version, listed_on limit 200"
    )
