"""Bills of materials as files: the pure functions called on what was read, their results written.

What a document or a page says is decided in `bom` and `report.bom_page`; nothing imports Dagster.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from llmops_health import judge
from llmops_health.bom import validate
from llmops_health.bom.answers import Answers, answers
from llmops_health.bom.document import Spec, as_bytes, document
from llmops_health.bom.facts import Facts, facts
from llmops_health.bom.inventory import Inventory
from llmops_health.bom.sign import SUFFIX, key_named
from llmops_health.bom.stocktake import inventory
from llmops_health.bom_material import Material, read
from llmops_health.config import Config, Feature
from llmops_health.exports import file_name
from llmops_health.health.bom._score import Score, parts_of, score
from llmops_health.report import bom_page
from llmops_health.steps import report_folder
from llmops_health.storage.warehouse import Warehouse

FOLDER = "bom"
"""Of documents and pages, below the folder of the report."""


@dataclass(frozen=True, slots=True)
class Bom:
    """A feature's bill of materials, and what is wrong with it: nothing, if it may be written."""

    feature: Feature
    inventory: Inventory
    answers: Answers
    score: Score
    document: dict[str, Any]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a bill of materials; `path` is None where it was not valid."""

    bom: Bom
    path: Path | None


def make(feature: Feature, material: Material, spec: Spec = "1.6") -> Bom:
    """Make the bill of materials of one feature."""
    found = inventory(feature.id, material.day, material.parts, material.edges, material.observed)
    known = _facts(feature.id, material)
    made = document(feature, material.day, found, known, spec)
    return Bom(
        feature=feature,
        inventory=found,
        answers=answers(feature, material.day, found, known),
        score=_score(feature, material, found),
        document=made,
        errors=tuple(validate.errors(made)),
    )


def write(bom: Bom, path: Path) -> Written:
    """Write the document, and its page beside it, each atomically; an invalid one is not written.

    A file that an earlier run left stays then: it is of its own day and says so.
    """
    if bom.errors:
        return Written(bom, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, as_bytes(bom.document))
    write_page(bom, path)
    return Written(bom, path)


def write_page(bom: Bom, path: Path) -> None:
    """Write the page of a document that lies at a path, and names its signature if it has one."""
    content = path.read_bytes()
    signed = bom_page.Signed(
        name=path.name,
        sha256=sha256(content).hexdigest(),
        key=key_named(content, path.with_name(path.name + SUFFIX)),
    )
    is_beside = (path.parent.parent.name, path.parent.name) == ("report", FOLDER)
    page = bom_page.text(
        bom.feature,
        bom.answers,
        bom.document,
        signed,
        bom.score,
        back="../index.html" if is_beside else "",
    )
    _replace(page_of(path), page.encode())


def write_latest(config: Config, warehouse: Warehouse, day: date) -> list[Written]:
    """Write the bills of materials of all features as of a day, beside the page."""
    watched = judge.features(config, warehouse)
    with warehouse.read() as connection:
        material = read(connection, config, watched, day)
    return write_all(report_folder(config), watched, material)


def write_all(folder: Path, features: Sequence[Feature], material: Material) -> list[Written]:
    """Write the bills of materials of all features to `folder`/bom."""
    return [write(make(feature, material), path_of(folder, feature.id)) for feature in features]


def path_of(folder: Path, feature_id: str) -> Path:
    """Return where a feature's document lies below the folder of the report."""
    return folder / FOLDER / file_name(feature_id, ".cdx.json")


def page_of(path: Path) -> Path:
    """Return where the page of a document lies."""
    return path.with_name(path.name.removesuffix(".json").removesuffix(".cdx") + ".html")


def _facts(feature_id: str, material: Material) -> Facts:
    def of_it(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col("feature_id") == feature_id)

    return facts(
        of_it(material.evals),
        of_it(material.settings),
        of_it(material.pipelines),
        material.retention,
    )


def _score(feature: Feature, material: Material, found: Inventory) -> Score:
    seen = sorted({part.component_id for part in found.parts if part.evidence == "both"})
    rows = parts_of(feature.id, material.parts, material.edges, seen)
    return score(
        feature,
        rows.with_columns(is_observed=pl.col("component_id").is_in(seen)),
        material.edges,
        [part.label for part in found.undeclared],
        material.day,
        known_ids=set(material.parts["component_id"]),
    )


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)
