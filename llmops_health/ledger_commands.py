"""The commands of the ledger: is it whole, where does a model come from, sign, import, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmops_health.ledger.verify import Chain

ledger = typer.Typer(
    name="ledger",
    help="Sign, import and export ledgers of the training signal.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
BROKEN = 1

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file.", show_default=False)
]
LedgerArgument = Annotated[Path, typer.Argument(help="A ledger file, JSON lines.")]
PipelineOption = Annotated[
    str | None, typer.Option("--pipeline", "-p", help="Its id, where the file has several.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("verify-ledger", epilog="Example: llmops-health verify-ledger ledger.jsonl")(verify)
    app.command("trace", epilog="Example: llmops-health trace intents@7")(trace)
    app.add_typer(ledger)


def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Ledger files [default: the ledger_steps sources configured]."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="Signed checkpoint to compare with.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Key that signed the checkpoints.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Check that ledgers are as they were written; exit code 1 at the first bad row of any."""
    from llmops_health.ledger.checkpoints import disagreement, opened
    from llmops_health.ledger.verify import chains, first_bad

    if checkpoint and public_key is None:
        raise ValueError("A checkpoint is worth nothing without the key that signed it: give"
                         " --public-key.")  # fmt: skip
    files = paths or _configured(config)
    found, unread = chains(files)
    bad = [str(one) for one in unread]
    for chain in found.values():
        first = first_bad(chain)
        if first is None:
            typer.echo(_whole(chain))
        else:
            bad.append(str(first))
    for path in checkpoint or ():
        statement = opened(json.loads(path.read_text("utf-8")), public_key or Path())
        name = statement["subject"][0]["name"]
        apart = disagreement(statement, found.get(name))
        if apart is None:
            typer.echo(f"{name}: continues what was signed in {path}")
        else:
            bad.append(f"{path}: {apart}.")
    for line in bad:
        typer.echo(line, err=True)
    if bad:
        raise typer.Exit(BROKEN)


def trace(
    checkpoint: Annotated[str, typer.Argument(help="SHA-256 (8 characters do), name or name@v.")],
    config: ConfigOption = None,
    top: Annotated[int, typer.Option(min=1, help="Steps to show as suspects.")] = 5,
) -> None:
    """Walk back from a model to the events behind it, and say which steps to look at first."""
    from llmops_health import tracing
    from llmops_health.config import config_path, load
    from llmops_health.storage.warehouse import open_published

    connection = open_published(load(config_path(config)).storage.path)
    try:
        found = tracing.trace(connection, checkpoint)
    finally:
        connection.close()
    for line in tracing.lines(found, n_suspects=top):
        typer.echo(line)


@ledger.command(epilog="Example: llmops-health ledger keygen ~/.config/ledger.key")
def keygen(path: Annotated[Path, typer.Argument(help="Where the private key goes.")]) -> None:
    """Make an Ed25519 key for checkpoints; keep the private one away from the ledger."""
    from llmops_health.ledger.checkpoints import make_key

    typer.echo(f"Wrote {path} (private) and {make_key(path)} (public)")


@ledger.command(epilog="Example: llmops-health ledger sign ledger.jsonl --key k > head.dsse.json")
def sign(
    path: LedgerArgument,
    key: Annotated[Path, typer.Option("--key", help="Private key of ledger keygen.")],
    pipeline: PipelineOption = None,
) -> None:
    """Print the signed checkpoint of a pipeline; keep it where the ledger's writer cannot reach."""
    from llmops_health.ledger.checkpoints import sign as signed
    from llmops_health.ledger.verify import first_bad

    chain = _chain(path, pipeline)
    bad = first_bad(chain)
    if bad is not None:
        typer.echo(f"{bad} A broken ledger is not signed.", err=True)
        raise typer.Exit(BROKEN)
    typer.echo(json.dumps(signed(chain, key), indent=1))
    head = f"{{seq: {chain.rows[-1].get('seq')}, row_hash: {chain.head}, kept_on: <today>}}"
    typer.echo(
        "For checks.provenance.broken_chain.kept_heads in the configuration:\n"
        f"  {chain.pipeline}: {head}",
        err=True,
    )


@ledger.command("import-dvc", epilog="Example: llmops-health ledger import-dvc dvc.lock -p intents")
def import_dvc(
    lock: Annotated[Path, typer.Argument(help="A dvc.lock.")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="The pipeline's id.")],
    into: Annotated[Path, typer.Option(help="The ledger to append to.")] = Path("ledger.jsonl"),
) -> None:
    """Append the stages of a dvc.lock to a ledger, those that it has already left out."""
    from llmops_health.ledger.book import Ledger
    from llmops_health.ledger.dvc import steps_of
    from llmops_health.ledger.verify import chains

    known = chains([into])[0].get(pipeline) if into.exists() else None
    seen = {_identity(row) for row in known.rows} if known else set()
    book, n_rows = Ledger(into, pipeline), 0
    for row in steps_of(lock):
        if _identity(row) not in seen:
            book.append(row)
            n_rows += 1
    typer.echo(f"Appended {n_rows} steps of {lock} to {into}")


@ledger.command(
    "export-openlineage",
    epilog="Example: llmops-health ledger export-openlineage ledger.jsonl > events.jsonl",
)
def export_openlineage(path: LedgerArgument, pipeline: PipelineOption = None) -> None:
    """Print the steps of a ledger as OpenLineage run events, one JSON line each."""
    from llmops_health.ledger.openlineage import events
    from llmops_health.ledger.verify import chains

    for name, chain in chains([path])[0].items():
        if pipeline in {None, name}:
            for event in events(chain.rows):
                typer.echo(json.dumps(event))


def _whole(chain: Chain) -> str:
    n, n_hashed = len(chain.rows), chain.n_hashed
    if n_hashed == 0:
        return f"{chain.pipeline}: {n} rows without hashes, nothing to verify"
    rest = f", {n - n_hashed} before them without" if n_hashed < n else ""
    return f"{chain.pipeline}: {n_hashed} hashed rows{rest}, whole; head {chain.head}"


def _identity(row: dict[str, object]) -> str:
    named = ("code_ref", "code_sha256", "params", "input_artifacts", "output_artifact")
    return json.dumps([row.get(name) for name in named], sort_keys=True)


def _chain(path: Path, pipeline: str | None) -> Chain:
    from llmops_health.ledger.verify import chains

    found, _ = chains([path])
    if pipeline is None and len(found) == 1:
        return next(iter(found.values()))
    if pipeline not in found:
        raise ValueError(f"{path} has the pipelines {', '.join(found) or 'of no one'}: give"
                         " --pipeline.")  # fmt: skip
    return found[pipeline]


def _configured(option: Path | None) -> list[Path]:
    from llmops_health.config import config_path, load
    from llmops_health.ingest.files import expand

    path = config_path(option)
    loaded = load(path)
    files = [
        file
        for source in loaded.sources
        if source.table == "ledger_steps" and source.format == "jsonl"
        for file in expand(source.path, loaded.root)
    ]
    if not files:
        raise ValueError(f"{path} names no JSON lines of ledger_steps: give the ledger's path.")
    return files
