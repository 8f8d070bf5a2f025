"""Behaviour switch: asked the same, the feature answers evals otherwise than users.

Why it matters
    Evals stand for what users get. A feature that refuses, hedges or writes more when it is watched
    has scores that say nothing of the product, and nobody sees it from the scores.
How it is found
    Each input of the eval calls of the last 7 days (14 or 28 where they are few) is paired with the
    production calls of these days that have the very same input, else with those nearest to it:
    nearer than nine of ten production inputs are to another user's, in the same language, at most
    half as long again, and of the same models and prompt version where there are any; every user
    has one vote. Another mix of topics is therefore no gap, and as each is compared with the evals
    of its own day, no more is a model that changed for all (evals once a week see such a change
    late). Differences of refusals, answer length, hedging, markdown or code,
    JSON, language, tool calls and answers cut off are tested by Student's t with users as clusters
    and by flipping the signs of pairs that share a production call; both must speak, and
    Benjamini-Hochberg holds the behaviours together. Three answers: different (beyond `max_gap_pp`
    or `max_length_percent`, and not by chance), equivalent (two one-sided tests within the same
    margins), or cannot tell. FAIL for refusals on the same model and prompt, else WARN. Where
    `harness_differs` finds another model, prompt or parameter, that is named as the likely reason,
    and the gap is WARN.
How to mend it
    Read the pairs of the evidence. Make the harness equal first; then look for what tells the
    model that it is tested (`eval_marker`), and evaluate on sampled production inputs.
What it cannot see
    What differs between inputs of one meaning: files and context beside the input, the history of
    a conversation, how hard the question is. Inputs of evals that have no like in production (see
    `unmatched_traffic`), calls without a logged answer, and eval runs that are not logged as calls.
Source
    Stuart (2010), Statistical Science 25:1-21, on matching; Schuirmann (1987), J. Pharmacokinet.
    Biopharm. 15:657-680, on equivalence; Benjamini and Hochberg (1995), J. R. Statist. Soc. B 57.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
from pydantic import Field

from llmops_health.config import Feature
from llmops_health.figures import Estimate, Forest, ForestRow
from llmops_health.findings import (
    CheckParams,
    Finding,
    Status,
    literal,
    not_applicable,
    not_enough_data,
)
from llmops_health.health.eval_prod_gap import _pairs
from llmops_health.health.eval_prod_gap._gaps import GRAVE, WORDS, Gap, Rules, gaps
from llmops_health.health.eval_prod_gap._harness import Difference, compare
from llmops_health.health.eval_prod_gap._pairs import Pairs, n_days_of_evals, paired
from llmops_health.health.eval_prod_gap._windows import WINDOWS

HISTORY_DAYS = _pairs.HISTORY_DAYS

_SHOWN = {"different": "moved", "equivalent": "fine", "cannot tell": "cannot tell"}
_MAX_UNTESTED = 0.5


class Params(CheckParams):
    """Settings of this check."""

    max_gap_pp: float = Field(
        default=5.0, gt=0, lt=100, description="Tolerated gap of a share of calls (pp)."
    )
    max_length_percent: float = Field(
        default=10.0, gt=0, description="Tolerated gap of the mean answer length (%)."
    )
    q: float = Field(
        default=0.002,
        gt=0,
        lt=1,
        description="False discovery rate over the behaviours of a day: judged every day.",
    )
    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="Level of each one-sided test of equivalence."
    )
    level: float = Field(default=0.99, gt=0, lt=1, description="Coverage of the shown intervals.")
    min_inputs: int = Field(
        default=20, ge=8, description="Matched eval inputs: with fewer only extremes are seen."
    )
    min_clusters: float = Field(
        default=6,
        ge=2,
        description="Users, as if all had equally many, whose calls they are matched with.",
    )

    def rules(self) -> Rules:
        """Return what the gaps are judged by."""
        return Rules(
            max_gap_pp=self.max_gap_pp,
            max_length_percent=self.max_length_percent,
            q=self.q,
            alpha=self.alpha,
            level=self.level,
            min_inputs=self.min_inputs,
            min_clusters=self.min_clusters,
        )


def check(
    feature: Feature,
    day: date,
    summary__compared_calls: pl.DataFrame,
    summary__matches: pl.DataFrame,
    summary__categories: pl.DataFrame,
    summary__parameters: pl.DataFrame,
    summary__system_texts: pl.DataFrame,
    params: Params,
) -> Iterator[Finding]:
    """Yield one finding about all behaviours, then one for each that differs."""
    pairs = _pairs_of(summary__compared_calls, summary__matches, day, params)
    if pairs is None:
        yield not_applicable(f"No eval call with input and answer is logged in {WINDOWS[-1]} days.")
        return
    found = gaps(pairs, params.rules()) if len(pairs) else []
    if not found:
        yield not_enough_data(
            len(pairs),
            f"Of {pairs.n_asked} inputs that evals asked in {pairs.n_days} days, {len(pairs)} have "
            f"their like in production, in calls of {len(pairs.weight)} users; "
            f"{params.min_inputs} and {params.min_clusters:g} or more are needed. Where texts are "
            "not kept, only the very same inputs are alike.",
        )
        return
    different = [gap for gap in found if gap.answer == "different"]
    if not different:
        yield _no_gap(pairs, found, params)
        return
    harness = compare(
        summary__categories,
        summary__parameters,
        summary__system_texts,
        day,
        max_untested=_MAX_UNTESTED,
    )
    reasons = list(harness.differences) if harness else []
    yield _whole(feature, day, pairs, found, reasons)
    for gap in different:
        yield _of_one(feature, day, pairs, gap, reasons)


def figure(
    feature: Feature,
    day: date,
    summary__compared_calls: pl.DataFrame,
    summary__matches: pl.DataFrame,
    summary__categories: pl.DataFrame,
    summary__parameters: pl.DataFrame,
    summary__system_texts: pl.DataFrame,
    params: Params,
) -> Forest | None:
    """Show the gap of each behaviour in multiples of its margin."""
    del feature, summary__categories, summary__parameters, summary__system_texts
    pairs = _pairs_of(summary__compared_calls, summary__matches, day, params)
    found = gaps(pairs, params.rules()) if pairs and len(pairs) else []
    if not pairs or not found:
        return None
    said = "; ".join(f"{gap}: {gap.answer}" for gap in found)
    return Forest(
        title="Evals against production on the same inputs",
        description=f"{len(pairs)} eval inputs and their like in production. {said}.",
        measure="evals minus production",
        unit="margins",
        rows=tuple(
            ForestRow(
                label=WORDS[gap.behaviour],
                effect=Estimate(
                    value=gap.interval.estimate / gap.margin,
                    lo=gap.interval.lo / gap.margin,
                    hi=gap.interval.hi / gap.margin,
                ),
                n=gap.n,
                answer=_SHOWN[gap.answer],  # type: ignore[arg-type]
            )
            for gap in found
        ),
        zone_lo=-1.0,
        zone_hi=1.0,
    )


def _pairs_of(
    compared: pl.DataFrame, matches: pl.DataFrame, day: date, params: Params
) -> Pairs | None:
    """Return the pairs of the shortest window with enough of them; None without evals."""
    n_days = n_days_of_evals(compared, day, params.min_inputs)
    if n_days is None:
        return None
    return paired(compared, matches, day, n_days, params.min_inputs)


def _no_gap(pairs: Pairs, found: list[Gap], params: Params) -> Finding:
    unsure = [gap for gap in found if gap.answer == "cannot tell"]
    worst = max(found, key=_size)
    if not unsure:
        return Finding(
            status=Status.PASS,
            n=len(pairs),
            value=worst.shown(worst.interval.estimate),
            lo=worst.shown(worst.interval.lo),
            hi=worst.shown(worst.interval.hi),
            threshold=worst.shown(worst.margin),
            unit=worst.unit,
            message=f"On {len(pairs)} inputs asked of both, evals and production are equivalent in "
            f"all {len(found)} behaviours; the largest gap is {worst}.",
        )
    equal = [WORDS[gap.behaviour] for gap in found if gap.answer == "equivalent"]
    settled = f"; {', '.join(equal)}: equivalent" if equal else ""
    listed = "; ".join(str(gap) for gap in sorted(unsure, key=_size, reverse=True))
    return not_enough_data(
        len(pairs),
        f"No behaviour is seen to differ on {len(pairs)} inputs asked of both, but whether all are "
        f"within {params.max_gap_pp:g} pp ({params.max_length_percent:g} % of length) cannot be "
        f"told: {listed}{settled}.",
    )


def _whole(
    feature: Feature, day: date, pairs: Pairs, found: list[Gap], reasons: list[Difference]
) -> Finding:
    different = sorted((gap for gap in found if gap.answer == "different"), key=_size, reverse=True)
    # The worst first: a switch of refusals is what somebody has to look at now.
    first = next((gap for gap in different if _status(gap, pairs, reasons) is Status.FAIL), None)
    first = first or different[0]
    others = "; ".join(str(gap) for gap in different if gap is not first)
    also = f" Also: {others}." if others else ""
    return _finding(feature, day, pairs, first, reasons, segment="", also=also)


def _of_one(
    feature: Feature, day: date, pairs: Pairs, gap: Gap, reasons: list[Difference]
) -> Finding:
    return _finding(feature, day, pairs, gap, reasons, segment=WORDS[gap.behaviour], also="")


def _finding(
    feature: Feature,
    day: date,
    pairs: Pairs,
    gap: Gap,
    reasons: list[Difference],
    *,
    segment: str,
    also: str,
) -> Finding:
    why = ""
    action = (
        "Read the pairs of the evidence, look for what tells an eval apart (eval_marker), and "
        "evaluate on sampled production inputs."
    )
    if _is_explained(pairs, reasons):
        named = "; ".join(str(one) for one in reasons) or "model or prompt version"
        why = f" They do not run the same: {named}."
        action = "Run evals with what production runs (harness_differs), then compare again."
    return Finding(
        status=_status(gap, pairs, reasons),
        segment=segment,
        n=gap.n,
        value=gap.shown(gap.interval.estimate),
        lo=gap.shown(gap.interval.lo),
        hi=gap.shown(gap.interval.hi),
        threshold=gap.shown(gap.margin),
        unit=gap.unit,
        p_value=gap.p_value,
        message=f"Asked the same, evals differ from production: {gap} on {gap.n} inputs of "
        f"{pairs.n_days} days ({pairs.n_exact} the very same, the others alike); "
        f"{gap.shown(gap.margin):.3g} {gap.unit} are tolerated.{also}{why}",
        action=action,
        evidence_sql=_evidence(feature, day, pairs, gap),
    )


def _status(gap: Gap, pairs: Pairs, reasons: list[Difference]) -> Status:
    is_grave = gap.behaviour == GRAVE and not _is_explained(pairs, reasons)
    return Status.FAIL if is_grave else Status.WARN


def _is_explained(pairs: Pairs, reasons: list[Difference]) -> bool:
    return bool(reasons) or not pairs.is_same_harness


def _size(gap: Gap) -> float:
    return abs(gap.interval.estimate) / gap.margin


def _evidence(feature: Feature, day: date, pairs: Pairs, gap: Gap) -> str:
    """Return the query that lists near pairs and same inputs, those that differ most first."""
    column = gap.behaviour
    given = f"feature_id = {literal(feature.id)}"
    days = f"between {literal(day)}::date - {pairs.n_days - 1} and {literal(day)}::date"
    return (
        "with pairs as ("  # noqa: S608 - literals only
        "select call_id, match_call_id, similarity from summary__matches "
        f"where {given} and is_eval and similarity >= caliper and day {days} "
        "union all select e.call_id, c.call_id, 1.0 from summary__compared_calls as e "
        "inner join summary__compared_calls as c on e.feature_id = c.feature_id "
        "and e.input_sha256 = c.input_sha256 and not c.is_eval "
        f"where e.{given} and e.is_eval and e.day {days} and c.day {days}) "
        f"select e.call_id as eval_call_id, c.call_id as production_call_id, p.similarity, "
        f"e.{column} as in_eval, c.{column} as in_production, e.input_sha256 as eval_input, "
        "c.input_sha256 as production_input from pairs as p "
        "inner join summary__compared_calls as e on p.call_id = e.call_id "
        "inner join summary__compared_calls as c on p.match_call_id = c.call_id "
        f"where e.{given} and c.{given} "
        f"order by abs(e.{column} - c.{column}) desc nulls last, p.similarity desc, "
        "e.call_id, c.call_id limit 100"
    )
