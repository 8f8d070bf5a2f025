"""The command of the bill of materials: write it, sign it, check a signature."""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from llmops_health.bom.document import Spec
    from llmops_health.boms import Bom
    from llmops_health.config import Config, Feature

BROKEN = 1

_EXAMPLES = (
    "Examples: llmops-health bom help-rag --spec 1.7 --sign ~/.config/bom.key;"
    " llmops-health bom help-rag --verify help-rag.cdx.json.dsse.json --public-key bom.key.pub"
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("bom", epilog=_EXAMPLES)(bom)


def bom(
    feature: Annotated[str, typer.Argument(help="Feature id.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Configuration file.", show_default=False)
    ] = None,
    spec: Annotated[str, typer.Option(help="CycloneDX version, 1.6 or 1.7.")] = "1.6",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The document [default: in report/bom/].",
                     show_default=False),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Private key, made by ledger keygen.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Signature to check the document against.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Key that made the signature.")
    ] = None,
) -> None:  # fmt: skip
    """Write a feature's AI bill of materials as CycloneDX, and its page; sign or verify it."""
    from llmops_health import boms
    from llmops_health.config import config_path, load
    from llmops_health.steps import report_folder

    loaded = load(config_path(config))
    path = output or boms.path_of(report_folder(loaded), feature)
    if verify is not None:
        _verify(path, verify, public_key)
        return
    made = _made(loaded, feature, _spec(spec))
    if made.errors:
        typer.echo(
            f"The bill of materials of {feature} is not valid; nothing was written.", err=True
        )
        for error in made.errors:
            typer.echo(error, err=True)
        raise typer.Exit(BROKEN)
    boms.write(made, path)
    signature = None
    if sign is not None:
        from llmops_health.bom.sign import signed

        signature = signed(path, sign)
        boms.write_page(made, path)
    parts = made.inventory.parts
    n_unlisted = len(made.inventory.undeclared)
    told = f", {n_unlisted} of them on no list" if n_unlisted else ""
    typer.echo(f"Wrote {path}: {len(parts)} parts{told}")
    typer.echo(f"Wrote {boms.page_of(path)}, the page for people")
    if signature is not None:
        typer.echo(f"Wrote {signature}, the signature")


def _made(loaded: Config, feature_id: str, spec: Spec) -> Bom:
    from llmops_health import boms
    from llmops_health.bom_material import read
    from llmops_health.storage.warehouse import open_published

    connection = open_published(loaded.storage.path)
    try:
        day = connection.execute("select max(day) from health__verdicts").fetchall()[0][0]
        judged = connection.execute("select distinct feature_id from health__verdicts").fetchall()
        one = _feature(loaded, feature_id, [name for (name,) in judged])
        if not isinstance(day, date):
            raise ValueError("No day is judged yet: llmops-health run")  # noqa: TRY004
        return boms.make(one, read(connection, loaded, [one], day), spec)
    finally:
        connection.close()


def _feature(loaded: Config, feature_id: str, judged: list[str]) -> Feature:
    from llmops_health.config import Feature

    known = {one.id: one for one in loaded.features}
    if feature_id in known:
        return known[feature_id]
    if feature_id in judged:
        return Feature.unlisted(feature_id)
    near = get_close_matches(feature_id, [*known, *judged], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"{feature_id} is no feature of the configuration or the data.{hint}")


def _spec(text: str) -> Spec:
    from llmops_health.bom.document import SPECS

    for known in SPECS:
        if text == known:
            return known
    raise ValueError(f"--spec {text}: CycloneDX {' or '.join(SPECS)} can be written.")


def _verify(path: Path, signature: Path, public_key: Path | None) -> None:
    from llmops_health.bom.sign import disagreement

    if public_key is None:
        raise ValueError("A signature is worth nothing without the key that made it: give"
                         " --public-key.")  # fmt: skip
    apart = disagreement(path.read_bytes(), signature, public_key)
    if apart is not None:
        typer.echo(f"{path} is not what was signed: {apart}.", err=True)
        raise typer.Exit(BROKEN)
    typer.echo(f"{path}: signed by the key {public_key}, unchanged since")
