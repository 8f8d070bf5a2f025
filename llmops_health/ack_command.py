"""The command that takes an alarm on: who answers for it, and until when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_EXAMPLE = (
    "Example: llmops-health ack support-intents/calibration.overconfidence"
    " --by team-support@example.com --until 2026-11-15"
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("ack", epilog=_EXAMPLE)(ack)


def ack(
    finding: Annotated[
        str, typer.Argument(help="An alarm as status names it: feature/mode.check[/segment].")
    ],
    by: Annotated[str, typer.Option("--by", help="Who has taken it on: person or team.")],
    until: Annotated[str, typer.Option("--until", help="Last day on which that holds.")],
    note: Annotated[str | None, typer.Option("--note", help="What is being done.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Configuration file.", show_default=False)
    ] = None,
) -> None:
    """Say that an alarm is yours, until a day; it stays an alarm until its fault is mended."""
    from llmops_health import acknowledgements
    from llmops_health.config import acknowledgements_path, config_path, load
    from llmops_health.storage.warehouse import open_published

    loaded = load(config_path(config))
    path = acknowledgements_path(loaded)
    connection = open_published(loaded.storage.path)
    try:
        found = acknowledgements.alarms(connection, acknowledgements.on_file(path))
    finally:
        connection.close()
    alarm, segment = acknowledgements.meant(finding, found)
    day = acknowledgements.until(until, alarm.day)
    given = acknowledgements.acknowledge(path, alarm, segment, by=by, until=day, note=note)
    typer.echo(
        f"{finding}: alarmed since {alarm.alarmed_since}, acknowledged by {given.acknowledged_by}"
        f" until {day}. Written to {path}; verdicts know it of days from"
        f" {given.acknowledged_at[:10]} on."
    )
