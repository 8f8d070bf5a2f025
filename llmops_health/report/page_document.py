"""The page as one HTML document: views in, text out.

Escaping is the template's (autoescape is on); only our own style, script and drawn figures go in
as they are. The policy in the head lets nothing else run and nothing be loaded.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from llmops_health.config import Feature
from llmops_health.health import discover
from llmops_health.report import page_strips, plots
from llmops_health.report.page_checks import CheckView, alarms, check_views, with_pictures
from llmops_health.report.page_docs import documented
from llmops_health.report.page_feature_cards import card_section
from llmops_health.report.page_features import feature_views
from llmops_health.report.page_figures import Budget, Picture, Pictures
from llmops_health.report.page_head import head
from llmops_health.report.page_numbers import full_date, long_date, words
from llmops_health.report.page_readiness import readiness_section
from llmops_health.report.page_reading import Reading

MOST_ALARMS = 60
"""Alarms shown in full; further ones stand in their feature's table."""

FIGURE_CHARACTERS = 1_200_000
QUERY_CHARACTERS = 300_000
WORD_CHARACTERS = 400_000
MANY_FEATURES = 12
"""From more features on, each feature's checks are folded away."""

MANY_CHECKS = 1_500
"""From more rows on, those that pass have their numbers and no words, and so has what is left
once the words of the others fill their budget."""


def document(reading: Reading, features: Sequence[Feature], folder: Path) -> str:
    """Return the page of the newest day; `folder` is where it will lie."""
    docs = documented(discover())
    views = check_views(reading, docs)
    shown = feature_views(reading, features, views, folder)
    pictures = Pictures(reading.figures, reading.trend, FIGURE_CHARACTERS)
    listed = alarms(views, [feature.id for feature in shown])
    detailed = with_pictures(listed[:MOST_ALARMS], _of_alarm(pictures))
    queries = Budget(QUERY_CHARACTERS)
    style, script = _source("page.css") + plots.STYLE, _source("page.js")
    used = {view.doc for checks in views.values() for view in checks}
    return _environment().get_template("page.html.j2").render(
        policy=_policy(style, script),
        style=style,
        script=script,
        day=reading.day,
        date_words=long_date(reading.day) if reading.day else "",
        short_words=full_date(reading.day) if reading.day else "",
        head=head(reading, shown, views, listed),
        features=shown,
        modes=[(cell.mode, cell.title) for cell in shown[0].cells] if shown else [],
        is_long=len(shown) > MANY_FEATURES,
        is_brief=sum(map(len, views.values())) > MANY_CHECKS,
        alarms=detailed,
        n_alarms=[
            (status, sum(view.lead.status == status for view in listed))
            for status in ("FAIL", "WARN")
        ],
        n_more_alarms=len(listed) - len(detailed),
        anchor_of={view.key: view.anchor for view in detailed},
        feature_anchor={feature.id: feature.anchor for feature in shown},
        cards=card_section(
            reading.feature_cards, {feature.id: feature.anchor for feature in shown}
        ),
        readiness=readiness_section(
            reading.readiness, {feature.id: feature.anchor for feature in shown}
        ),
        pictures_of=_of_others(pictures, detailed),
        n_stored=pictures.n_stored,
        has_room=queries.take,
        has_words=Budget(WORD_CHARACTERS).take,
        docs=[doc for doc in docs.values() if doc.anchor in used],
        states=[*page_strips.STATES.items()],
        first_day=page_strips.first_day(reading.day) if reading.day else None,
        volume=reading.volume,
        rejects=[
            {**row, "file": _place(row["path"], folder), "field": row["column_name"] or "the row"}
            for row in reading.rejects.iter_rows(named=True)
        ],
        version=_version(),
    )  # fmt: skip


def _of_alarm(pictures: Pictures) -> Callable[[CheckView], tuple[Picture, ...]]:
    def draw(view: CheckView) -> tuple[Picture, ...]:
        return pictures.stored(view.key) or pictures.trend(
            view.key, view.lead.segment, view.title, view.unit
        )

    return draw


def _of_others(
    pictures: Pictures, detailed: Sequence[CheckView]
) -> Callable[[CheckView], tuple[Picture, ...]]:
    taken = {view.key for view in detailed}

    def draw(view: CheckView) -> tuple[Picture, ...]:
        return () if view.key in taken else pictures.stored(view.key)

    return draw


def _policy(style: str, script: str) -> str:
    """Return the content security policy: our style and script, by hash, and nothing else."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}';"
        " base-uri 'none'; form-action 'none'"
    )


def _place(path: str, folder: Path) -> str:
    """Return a source file from where the project is, if it lies below."""
    try:
        return Path(path).relative_to(folder.absolute().parent).as_posix()
    except ValueError:
        return path


def _version() -> str:
    try:
        return version("llmops-health")
    except PackageNotFoundError:
        return ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("llmops_health.report"),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    environment.filters["short_date"] = full_date
    return environment


def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")
