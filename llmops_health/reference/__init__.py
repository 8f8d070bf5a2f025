"""The reference pages of `docs/`: all of it comes from docstrings, models, contract and SQL.

`python -m llmops_health.reference docs` writes them; a test holds the files to what would be
written. The cookbook, the pages of deployment and decisions are written by hand; of the cookbook
the printed answers are made by `cookbook.py`, and that of benchmarks by `make bench`.
"""

from __future__ import annotations

from pathlib import Path

from llmops_health import health
from llmops_health.reference import checks, configuration, markdown, tables

GENERATED = ("modes", "checks")

_BY_HAND = (
    ("cookbook.md", "Cookbook", "the questions people ask of the database, with their answers"),
    ("deploy.md", "Deploy", "cron or Dagster, backup, upgrade, retention and erasure"),
    ("decisions.md", "Decisions", "choices that a newcomer would question"),
    ("benchmarks.md", "Benchmarks", "how fast it is, measured by `make bench`"),
)
_MADE = (
    ("tables.md", "Tables", "every table and column that can be asked"),
    ("configuration.md", "Configuration", "every key of `llmops-health.yaml`"),
)


def pages() -> dict[str, str]:
    """Return every generated page by its path in `docs/`."""
    return {
        "README.md": _index(),
        "tables.md": tables.tables_page(),
        "configuration.md": configuration.configuration_page(),
        **dict(checks.pages()),
    }


def write(folder: Path) -> list[Path]:
    """Write every page that is not there as it should be, remove pages of checks that are gone."""
    wanted = {folder / path: text for path, text in pages().items()}
    changed: list[Path] = []
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(path)
    for path in stale(folder):
        path.unlink()
        changed.append(path)
    return changed


def stale(folder: Path) -> list[Path]:
    """Return the pages of modes and checks that are no more."""
    wanted = {folder / path for path in pages()}
    found = [path for part in GENERATED for path in sorted((folder / part).rglob("*.md"))]
    return [path for path in found if path not in wanted]


def _index() -> str:
    modes = []
    for mode in health.MODES:
        links = [
            f"[{check.name}](checks/{mode}/{check.name}.md)"
            for check in health.discover()
            if check.mode == mode
        ]
        first = health.mode_doc(mode).splitlines()[0]
        modes.append((f"[{mode}](modes/{mode}.md)", first, ", ".join(links)))
    listed = "\n".join(f"- [{title}]({path}): {what}" for path, title, what in (*_BY_HAND, *_MADE))
    return markdown.page(
        "# Documentation",
        listed,
        "## Modes and checks",
        markdown.table(("mode", "the fault", "checks"), modes),
        "The same in the terminal: `llmops-health explain MODE` and"
        " `llmops-health explain MODE.CHECK`.",
        "## How these pages are made",
        "`make docs` writes this page and those of tables, configuration, modes and checks from the"
        "\ncode. Change the docstring, the parameter or the SQL header, not the page.",
    )
