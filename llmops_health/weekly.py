"""What is too slow for every night and changes slowly: power cards and Evidently's reports.

Both are for people who want to know more; no verdict reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from threadpoolctl import threadpool_limits

from llmops_health import judge, processes, progress
from llmops_health.config import Config, Feature
from llmops_health.exports import file_name
from llmops_health.findings import CheckParams
from llmops_health.health import MODES, discover
from llmops_health.power import cards
from llmops_health.power.quiet import REPLAY_DAYS
from llmops_health.report import evidently_report
from llmops_health.steps import report_folder, texts_at_hand
from llmops_health.storage.day import Day
from llmops_health.storage.warehouse import Warehouse, frame

EVIDENTLY_FOLDER = "evidently"


def without_card(config: Config, warehouse: Warehouse) -> list[Feature]:
    """Return the watched features that have no power card yet."""
    made = warehouse.frame("select distinct feature_id from health__power_cards")
    known = set(made["feature_id"].to_list())
    return [one for one in judge.features(config, warehouse) if one.id not in known]


def power_cards(
    warehouse: Warehouse,
    watched: Iterable[Feature],
    params_of: Mapping[str, Mapping[str, CheckParams]],
    day: date,
    n_processes: int | None = None,
) -> dict[str, int]:
    """Make the power cards of features as of a day; return how many checks were replayed.

    Parameters
    ----------
    n_processes
        None: as `processes.count` has it.
    """
    features = list(watched)
    n_processes = n_processes or processes.count(len(features), REPLAY_DAYS)
    n_shares = min(n_processes, len(features))
    shares = [features[at::n_shares] for at in range(n_shares)]
    parts = [(mode, share) for mode in MODES for share in shares]
    replay = partial(
        _cards_of_mode,
        path=warehouse.path,
        memory_limit=warehouse.memory_limit,
        params_of=params_of,
        alarms=_alarmed_days(warehouse, day),
        day=day,
    )
    made: dict[str, list[cards.PowerCard]] = {feature.id: [] for feature in features}
    for done, found in enumerate(processes.each(replay, parts, n_processes), 1):
        progress.report(0.3 + 0.6 * done / len(parts), f"replayed {parts[done - 1][0]}")
        for card in found:
            made[card.feature_id].append(card)
    for feature_id, rows in made.items():
        warehouse.replace_frame(
            "health__power_cards",
            cards.CARD_COLUMNS,
            cards.rows(rows),
            Day(day, day),
            feature_id=[feature_id],
        )
    return {
        feature_id: sum(1 for card in rows if card.n_planted) for feature_id, rows in made.items()
    }


@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def _cards_of_mode(
    part: tuple[str, Sequence[Feature]],
    *,
    path: Path,
    memory_limit: str | None,
    params_of: Mapping[str, Mapping[str, CheckParams]],
    alarms: Mapping[tuple[str, str, str], Sequence[date]],
    day: date,
) -> list[cards.PowerCard]:
    """Return the cards of one mode's checks on some features, check by check."""
    mode, watched = part
    checks = [check for check in discover() if check.mode == mode]
    # A check may look back further than it is replayed, or not as far.
    loaded = [replace(one, history_days=max(REPLAY_DAYS, one.history_days)) for one in checks]
    warehouse = Warehouse(path, memory_limit=memory_limit)
    feature_ids = [feature.id for feature in watched]
    histories = judge.Histories(judge.load_all(loaded, warehouse, Day(day, day), feature_ids))
    return [
        cards.power_card(
            check,
            histories.known(read, feature.id, day),
            feature,
            params_of[check.mode][check.name],
            day,
            alarmed=alarms.get((feature.id, check.mode, check.name), ()),
        )
        for check, read in zip(checks, loaded, strict=True)
        for feature in watched
    ]


def card_table(warehouse: Warehouse, day: date) -> str:
    """Return the cards of a day as a Markdown table, those that were replayed."""
    rows = warehouse.frame(
        "select * from health__power_cards where day = $day and n_planted > 0"
        " order by feature_id, mode, check_name",
        {"day": day},
    )
    head = "| feature | check | false alarms a month | found | smallest share found |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for row in rows.iter_rows(named=True):
        smallest = "none" if row["smallest_effect"] is None else f"{row['smallest_effect']:.0%}"
        lines.append(
            f"| {_cell(row['feature_id'])} | {row['mode']}.{row['check_name']}"
            f" | {row['false_alarms_per_month']:.1f} [{row['false_lo']:.1f}, {row['false_hi']:.1f}]"
            f" | {row['n_found']} of {row['n_planted']} | {smallest} |"
        )
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _alarmed_days(warehouse: Warehouse, day: date) -> dict[tuple[str, str, str], list[date]]:
    rows = warehouse.frame(
        "select feature_id, mode, check_name, day from health__findings"
        " where segment = '' and status in ('WARN', 'FAIL') and day between $first and $day",
        {"first": day - timedelta(days=REPLAY_DAYS), "day": day},
    )
    found: dict[tuple[str, str, str], list[date]] = {}
    for feature_id, mode, check_name, one_day in rows.iter_rows():
        found.setdefault((feature_id, mode, check_name), []).append(one_day)
    return found


def evidently_reports(
    config: Config, warehouse: Warehouse, day: date
) -> Iterator[tuple[str, Path | None, str]]:
    """Write Evidently's report per feature; yield its id, the file, and why there is none."""
    folder = report_folder(config) / EVIDENTLY_FOLDER
    for feature in judge.features(config, warehouse):
        progress.report(0.5, f"Evidently's report of {feature.id}")
        path = folder / file_name(feature.id, ".html")
        with warehouse.read() as connection:
            sample = _sample(connection, warehouse, feature.id, day)
        why_not = evidently_report.write(sample, path)
        if why_not:
            path.unlink(missing_ok=True)  # an old picture under today's date would mislead
        yield feature.id, None if why_not else path, why_not


def _sample(
    connection: duckdb.DuckDBPyConnection, warehouse: Warehouse, feature_id: str, day: date
) -> Any:  # noqa: ANN401
    texts_at_hand(connection, warehouse, *evidently_report.days_read(day))
    return frame(
        connection,
        evidently_report.SAMPLE_SQL,
        {"feature_id": feature_id, "day": day, **evidently_report.SAMPLE_SIZES},
    )
