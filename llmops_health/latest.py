"""The newest verdicts and standing alarms, as `llmops-health status` prints them."""

from __future__ import annotations

from typing import Any

from llmops_health import acknowledgements
from llmops_health.config import Config, acknowledgements_path
from llmops_health.storage.warehouse import open_published

SCHEMA_VERSION = 1


def latest(config: Config) -> dict[str, Any]:
    """Return what holds on the newest judged day, as the stable JSON of `status --json`."""
    connection = open_published(config.storage.path)
    try:
        rows = connection.execute(
            "select day, feature_id, mode, status, n_checks, n_failed, headline"
            " from latest_verdicts order by feature_id, mode"
        ).fetchall()
        said = acknowledgements.on_file(acknowledgements_path(config))
        known = acknowledgements.is_known(connection)
        alarms = acknowledgements.alarms(connection, said) if known else []
    finally:
        connection.close()
    names = ("mode", "status", "n_checks", "n_failed", "headline")
    features: dict[str, list[dict[str, Any]]] = {}
    for _, feature_id, *verdict in rows:
        features.setdefault(feature_id, []).append(dict(zip(names, verdict, strict=True)))
    return {
        "schema_version": SCHEMA_VERSION,
        "day": str(rows[0][0]) if rows else None,
        "failing": sum(row[3] == "failing" for row in rows),
        "features": [{"feature_id": key, "verdicts": given} for key, given in features.items()],
        "alarms": [acknowledgements.as_json(alarm) for alarm in alarms],
    }
