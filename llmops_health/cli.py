"""The command line. Heavy imports happen in the command that needs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmops_health import ack_command, bom_commands, ledger_commands

if TYPE_CHECKING:
    from llmops_health.config import Config

app = typer.Typer(
    name="llmops-health",
    help="Health of LLM features in production: drift, calibration, eval rot, from your own logs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration file [default: llmops-health.yaml, "
        "or LLMOPS_HEALTH_CONFIG]", show_default=False,
    ),
]  # fmt: skip
FAILING = 1
WRONG = 2


def main() -> None:
    """Run the command line; errors of use and configuration end with exit code 2 and one text."""
    try:
        app()
    except (ValueError, FileNotFoundError, FileExistsError, TimeoutError) as error:
        typer.echo(str(error), err=True)
        raise SystemExit(WRONG) from None


@app.command(epilog="Example: llmops-health init && llmops-health run")
def init(config: ConfigOption = None) -> None:
    """Write a commented starter configuration; an existing file is never overwritten."""
    from llmops_health.config import config_path, write_template

    path = config_path(config)
    write_template(path)
    typer.echo(f"Wrote {path}. Edit its features and sources, then: llmops-health run")


@app.command(epilog="Example: llmops-health schema > llmops-health.schema.json")
def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    from llmops_health.config import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command(epilog="Example: llmops-health demo --folder /tmp/demo")
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's files go.")] = Path("demo"),
    days: Annotated[int, typer.Option(min=14, max=400, help="Days of traffic.")] = 60,
) -> None:
    """Make a small world of six LLM features with planted faults, and judge it."""
    from llmops_health.demo import write_world
    from llmops_health.running import RunFailedError

    path = folder / "llmops-health.yaml"
    if not path.exists():
        typer.echo(f"Writing {days} days of logs, labels, feedback and evals to {folder}/ ...")
        write_world(folder, days=days)
    try:
        _run_shown(path)
    except RunFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG) from None
    from llmops_health import terminal
    from llmops_health.latest import latest

    shown = latest(_loaded(path))
    terminal.print_verdicts(shown)
    program, option = _program(), f"--config {path}"
    query = "select feature_id, mode, headline from latest_verdicts where status = 'failing'"
    page = _loaded(path).storage.path.parent / "report" / "index.html"
    typer.echo(f"\nThe faults that were planted: {folder / 'truth.json'}")
    typer.echo(f"The report, for a browser:     {_from_here(page)}")
    typer.echo("\nNext:")
    typer.echo(f"  {program} ui {option}    # lineage, checks, reruns at http://127.0.0.1:3000")
    typer.echo(f"  {program} explain calibration.overconfidence")
    typer.echo(f'  {program} sql {option} "{query}"')


@app.command(
    epilog="Examples: llmops-health run --since 2026-10-01 --until 2026-10-07;"
    " llmops-health run --full"
)
def run(
    config: ConfigOption = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    full: Annotated[bool, typer.Option("--full", help="Compute every day again.")] = False,
) -> None:
    """Read new files, and bring every day that is missing or out of date up to date."""
    from llmops_health.config import config_path
    from llmops_health.running import RunFailedError

    path = config_path(config)
    try:
        _run_shown(
            path,
            since=since.date() if since else None,
            until=until.date() if until else None,
            full=full,
        )
    except RunFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG) from None
    from llmops_health import terminal
    from llmops_health.latest import latest

    terminal.print_verdicts(latest(_loaded(path)))


@app.command(epilog="Example: llmops-health ingest --dry-run")
def ingest(
    config: ConfigOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be read; write nothing.")
    ] = False,
) -> None:
    """Read new and changed files of the configured sources."""
    loaded = _loaded(config)
    if dry_run:
        from llmops_health.ingest.dry_run import dry_run as preview
        from llmops_health.ingest.dry_run import lines

        for line in lines(preview(loaded)):
            typer.echo(line)
        return
    from llmops_health.ingest.land import land
    from llmops_health.storage.warehouse import Warehouse

    warehouse = Warehouse(loaded.storage.path, memory_limit=loaded.storage.memory_limit)
    with _progress():
        done = land(loaded, warehouse)
    for report in done.files:
        typer.echo(
            f"{report.table:14} {report.path.name:32} {report.state:9} {report.n_rows:>9,} rows"
            f" {report.n_new:>9,} new {report.n_rejected:>6,} rejected"
        )


@app.command(epilog="Example: llmops-health status --json | jq .failing")
def status(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print stable JSON.")] = False,
) -> None:
    """Print the latest verdicts; exit code 1 where one is failing."""
    from llmops_health import terminal
    from llmops_health.latest import latest

    shown = latest(_loaded(config))
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
    else:
        terminal.print_verdicts(shown)
    if shown["failing"]:
        raise typer.Exit(FAILING)


@app.command(epilog="Example: llmops-health explain drift.input_drift")
def explain(
    name: Annotated[str, typer.Argument(help="A check as MODE.CHECK, or a mode.")],
) -> None:
    """Say why a check matters, how it finds its fault, how to mend it, what it cannot see."""
    from difflib import get_close_matches

    from llmops_health import health

    checks = {f"{check.mode}.{check.name}": check for check in health.discover()}
    if name in health.MODES:
        typer.echo(health.mode_doc(name) + "\n")
        for key, check in checks.items():
            if check.mode == name:
                typer.echo(f"  {key:36} {check.title}")
        return
    if name not in checks:
        near = get_close_matches(name, [*checks, *health.MODES], n=1)
        hint = f" Did you mean {near[0]}?" if near else " Checks: " + ", ".join(checks)
        raise ValueError(f"{name} is not a check.{hint}")
    check = checks[name]
    typer.echo(f"{name}\n\n{check.doc}\n\nParameters (checks.{name} in the configuration)")
    for key, field in check.params.model_fields.items():
        typer.echo(f"    {key} = {field.default!r}: {field.description}")
    typer.echo("\nReads\n    " + ", ".join(check.reads))


@app.command(
    epilog="Example: llmops-health sql \"select * from latest_findings where status = 'FAIL'\""
)
def sql(
    query: Annotated[str, typer.Argument(help="A DuckDB query; nothing can be changed.")],
    config: ConfigOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Query the published database, read only."""
    import duckdb

    from llmops_health import terminal
    from llmops_health.storage.warehouse import Warehouse, open_published

    warehouse = Warehouse(_loaded(config).storage.path)
    connection = open_published(warehouse.path, warehouse.contents)
    try:
        cursor = connection.execute(query)
        columns = [column[0] for column in cursor.description or []]
        rows = cursor.fetchall()
    except duckdb.Error as error:
        raise ValueError(str(error)) from None
    finally:
        connection.close()
    show = terminal.print_csv if as_csv else terminal.print_rows
    show(columns, rows)


@app.command(epilog="Example: llmops-health report --full")
def report(
    config: ConfigOption = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Make power cards and Evidently's reports too, as on Sundays."),
    ] = False,
) -> None:
    """Write the page of the newest day again and say where it is."""
    loaded = _loaded(config)
    if full:
        from llmops_health.config import config_path
        from llmops_health.running import RunFailedError, make_report

        try:
            typer.echo(str(make_report(config_path(config))))
        except RunFailedError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(WRONG) from None
        return
    from llmops_health.steps import write_page

    typer.echo(str(write_page(loaded)))


@app.command(epilog="Example: llmops-health refresh help-rag")
def refresh(
    feature: Annotated[str, typer.Argument(help="Feature id.")], config: ConfigOption = None
) -> None:
    """Write the cases to add to a feature's eval set, as JSON lines ready to import."""
    from llmops_health.steps import export_refresh

    loaded = _loaded(config)
    path, n_rows = export_refresh(loaded, feature)
    typer.echo(f"Wrote {n_rows} cases to {path}")


@app.command(epilog="Example: llmops-health erase --user-id customer-4711")
def erase(
    user_id: Annotated[str, typer.Option("--user-id", help="The id as it stands in your logs.")],
    config: ConfigOption = None,
) -> None:
    """Remove a person's calls, feedback and texts for good, from working and published files."""
    from llmops_health.storage.erase import erase_person

    erased = erase_person(_loaded(config), user_id)
    for table, n_rows in erased.items():
        typer.echo(f"{table:14} {n_rows:>9,} rows removed")
    typer.echo("Their days are out of date now: llmops-health run")


@app.command(epilog="Example: llmops-health ui --port 3000")
def ui(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show, but let nobody start or change anything.")
    ] = False,
) -> None:
    """Open Dagster with everything: lineage, checks, schedules, reruns. Ctrl-C ends it."""
    from llmops_health.config import FILE_VARIABLE, config_path, load
    from llmops_health.running import prepare_home
    from llmops_health.storage.warehouse import Warehouse

    path = config_path(config).absolute()
    warehouse = Warehouse(load(path).storage.path)
    warehouse.prepare()
    home = prepare_home(warehouse)
    os.environ |= {
        FILE_VARIABLE: str(path),
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    typer.echo(f"Dagster for {path} at http://127.0.0.1:{port} (history in {home})")
    target = ["-m", "llmops_health.definitions", "-h", "127.0.0.1", "-p", str(port)]
    module = "dagster_webserver" if read_only else "dagster"
    verb = ["--read-only"] if read_only else ["dev"]
    raise typer.Exit(subprocess.call([sys.executable, "-m", module, *verb, *target]))  # noqa: S603


ack_command.register(app)
bom_commands.register(app)
ledger_commands.register(app)


def _program() -> str:
    """Return how this program is called from the folder one stands in."""
    from shutil import which

    if "UV_RUN_RECURSION_DEPTH" in os.environ:
        return "uv run llmops-health"
    called = Path(sys.argv[0])
    found = which("llmops-health")
    if called.name != "llmops-health" or (found and Path(found).resolve() == called.resolve()):
        return "llmops-health"
    return str(_from_here(called))


def _from_here(path: Path) -> Path:
    here, whole = Path.cwd(), path.absolute()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def _loaded(option: Path | None) -> Config:
    from llmops_health.config import config_path, load

    return load(config_path(option))


def _run_shown(
    path: Path, *, since: date | None = None, until: date | None = None, full: bool = False
) -> None:
    from llmops_health.config import load
    from llmops_health.running import run as run_days

    for warning in load(path).warnings:
        typer.echo(warning, err=True)
    with _progress():
        outcome = run_days(path, since=since, until=until, full=full)
    read = f"{outcome.n_new_rows:,} new rows, {outcome.n_rejected:,} rejected"
    done = "every day was up to date"
    if outcome.day:
        done = f"judged {outcome.day.first} to {outcome.day.last}"
    typer.echo(f"Read {read}; {done}.")


@contextmanager
def _progress() -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from llmops_health.progress import shown_by

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:44}"), BarColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as shown:
        task = shown.add_task("starting", total=1.0)
        with shown_by(
            lambda share, what: shown.update(task, completed=share, description=what[:44])
        ):
            yield


if __name__ == "__main__":
    main()
