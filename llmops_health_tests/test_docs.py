"""docs/: generated pages are as generated, links lead somewhere, commands exist, queries answer."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.main import get_command

from llmops_health import config, health, reference
from llmops_health.cli import app
from llmops_health.contract import TABLES
from llmops_health.reference import checks, lineage, tables
from llmops_health.reference.cookbook import Recipe, answer, answered, recipes
from llmops_health.reference.markdown import anchor, paragraph
from llmops_health.reference.meanings import MEANINGS
from llmops_health.storage.warehouse import Warehouse, open_published

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WRITTEN = sorted(DOCS.rglob("*.md"))
COOKBOOK = (DOCS / "cookbook.md").read_text("utf-8")
RECIPES = recipes(COOKBOOK)
CHECKS = list(health.discover())
PAGES = reference.pages()
COMMAND = re.compile(r"llmops-health ([a-z][a-z-]*)((?: +[^\s`|&>]+)*)")


def page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def question(recipe: Recipe) -> str:
    return anchor(recipe.question)


def blocks(text: str, *languages: str) -> list[str]:
    fence = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    return re.findall(fence, text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """Text without its blocks of code, in which nothing is a link."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_generated_page_is_as_generated(path: str) -> None:
    assert (DOCS / path).read_text("utf-8") == PAGES[path], "make docs"


def test_no_page_is_left_of_a_check_that_is_gone(tmp_path: Path) -> None:
    assert reference.stale(DOCS) == []
    written = reference.write(tmp_path)
    (tmp_path / "checks" / "drift" / "gone.md").write_text("# gone\n", "utf-8")
    assert len(written) == len(PAGES)
    assert reference.write(tmp_path) == [tmp_path / "checks" / "drift" / "gone.md"]
    assert reference.write(tmp_path) == []


@pytest.mark.parametrize("path", [ROOT / "README.md", *WRITTEN], ids=page)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text("utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        file, _, fragment = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.+)$", prose(found.read_text("utf-8")), re.MULTILINE)
            assert fragment in {anchor(heading) for heading in headings}, target


@pytest.mark.parametrize("path", WRITTEN, ids=page)
def test_every_page_can_be_reached_from_the_index(path: Path) -> None:
    if path != DOCS / "README.md":
        assert f"]({path.relative_to(DOCS)})" in (DOCS / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", WRITTEN, ids=page)
def test_every_command_and_option_of_a_page_exists(path: Path) -> None:
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    text = path.read_text("utf-8")
    shown = "\n".join([*blocks(text, "console", "text", "ini"), *re.findall(r"`([^`\n]+)`", text)])
    for name, rest in COMMAND.findall(shown):
        assert name in commands, name
        assert_options(commands[name], rest)


def test_every_dagster_command_of_the_deployment_exists() -> None:
    from dagster._daemon.cli import create_dagster_daemon_cli
    from dagster_webserver.cli import create_dagster_webserver_cli

    text = (DOCS / "deploy.md").read_text("utf-8")
    shown = "\n".join(blocks(text, "console", "ini"))
    served = re.findall(r"dagster-webserver (.+)", shown)
    started = re.findall(r"dagster-daemon run (.+)", shown)
    assert len(served) == 1
    assert len(started) == 2
    run = create_dagster_daemon_cli().commands["run"]
    for options in started:
        assert_options(run, options)
    assert_options(create_dagster_webserver_cli(), served[0])  # type: ignore[no-untyped-call]


def assert_options(command: Any, arguments: str) -> None:
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    used = {word.split("=")[0] for word in arguments.split() if re.match(r"--?[a-z]", word)}
    assert used <= known, command.name


def test_every_make_target_of_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in WRITTEN:
        assert set(re.findall(r"`make ([a-z-]+)`", path.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_the_yaml_of_a_check_loads_and_sets_it(check: health.Check, tmp_path: Path) -> None:
    text = checks.setting(check)
    assert text in PAGES[f"checks/{check.mode}/{check.name}.md"]
    path = tmp_path / "llmops-health.yaml"
    path.write_text(text + "\n", "utf-8")
    loaded = config.load(path, {})
    registry = {check.mode: {check.name: check.params}}
    [(key, value)] = loaded.checks[check.mode][check.name].items()  # type: ignore[index]
    assert config.validate_checks(loaded, registry)[check.mode][check.name] == check.params()
    assert getattr(check.params(), key) == value


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_a_page_tells_all_of_its_docstring_and_parameters(check: health.Check) -> None:
    told = PAGES[f"checks/{check.mode}/{check.name}.md"]
    flat = " ".join(told.split())
    for line in check.doc.splitlines():
        assert " ".join(line.split()) in flat
    for name, field in check.params.model_fields.items():
        assert f"| `{name}` |" in told
        assert " ".join((field.description or "").split()).replace("|", "\\|") in told


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.key)
def test_the_alarms_that_the_docstring_names_are_told(check: health.Check) -> None:
    told = {status.value for status in lineage.statuses(check)}
    assert set(re.findall(r"\b(WARN|FAIL)(?:s|\b)", check.doc)) <= told
    assert {"PASS", "NOT_ENOUGH_DATA", "NOT_APPLICABLE"} < told


def test_what_a_check_needs_is_traced_to_the_files() -> None:
    [overconfidence] = [check for check in CHECKS if check.name == "overconfidence"]
    needed = lineage.needs(overconfidence)
    # Read in sql/summary/summary__calibration.sql.
    assert set(needed["labels"]) == {
        *("call_id", "label", "labelled_at", "labeller_kind", "labeller_id")
    }
    assert {"predicted_label", "confidence", "user_id", "started_at"} < set(needed["calls"])
    assert not {"input_text", "latency_ms", "cost_usd"} & set(needed["calls"])
    for check in CHECKS:
        assert lineage.needs(check), check.key


def test_a_stored_column_leads_back_to_what_was_brought() -> None:
    calls = next(table for table in TABLES if table.name == "calls")
    assert lineage.brought(calls, "day") == ["started_at"]
    assert lineage.brought(calls, "input_sha256") == ["input_text"]
    assert lineage.brought(calls, "is_refusal") == ["output_text"]
    assert lineage.brought(calls, "prompt_key") == ["input_text", "prompt_name", "system_text"]
    assert lineage.brought(calls, "attributes") == []


def test_what_embedding_reads_is_what_the_graph_says() -> None:
    from llmops_health.orchestration.assets import text_vectors

    upstream = {
        dep.asset_key.to_user_string() for spec in text_vectors().specs for dep in spec.deps
    }
    assert upstream == set(lineage.VECTORS_READ)


def test_every_column_has_a_meaning_and_every_meaning_a_column() -> None:
    used: set[str] = set()
    for table in (table for layer in tables.described().values() for table in layer):
        for name in table.columns:
            assert tables.column_meaning(table, name), (table.name, name)
            keys = (f"{table.name}.{name}", f"{table.name.removeprefix('core__')}.{name}", name)
            used.update(keys)
    assert set(MEANINGS) <= used


def test_every_key_of_the_configuration_is_described() -> None:
    text = (DOCS / "configuration.md").read_text("utf-8")
    for model in (
        config.Config, config.Feature, config.Source, config.Storage, config.Spark, config.Privacy,
        config.Retention, config.Review, config.Slo,
    ):  # fmt: skip
        for key in model.model_fields:
            [*rows] = re.findall(rf"^\| `{key}` \| .+ \| .* \| (.*) \|$", text, re.MULTILINE)
            assert rows, (model, key)
            assert all(rows), (model, key)


def test_a_wrapped_line_never_begins_a_list() -> None:
    words = "x " * 47 + "confidence - correct is 1. Then 2) and + more # of it"
    lines = paragraph(words).splitlines()
    assert len(lines) > 1
    assert not any(re.match(r"[-+*#>]|\d+[.)] ", line) for line in lines)
    assert " ".join(lines) == " ".join(words.split())


def test_the_cookbook_asks_at_least_twenty_questions() -> None:
    assert len({recipe.question for recipe in RECIPES}) == len(RECIPES) >= 20
    assert len(RECIPES) == len(blocks(COOKBOOK, "sql"))
    assert all(recipe.why and recipe.answer for recipe in RECIPES)
    assert sum(recipe.is_exact for recipe in RECIPES) >= 10


def test_answers_are_printed_anew() -> None:
    text = "## How many?\n\nWhy.\n\n```sql\nselect 1 as n, null as x\n```\n"
    text += "\n| old |\n| --- |\n\n## B\n"
    new = text.replace("| old |\n| --- |", "| n | x |\n| --- | --- |\n| 1 |  |")
    with duckdb.connect() as connection:
        assert answered(text, connection) == new
        assert answered(text.replace("\n| old |\n| --- |\n", ""), connection) == new
        assert answered(new, connection) == new


@pytest.fixture
def published(demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = demo.parent / "health.duckdb"
    connection = open_published(path, Warehouse(path).contents)
    yield connection
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=question)
def test_a_recipe_runs_and_answers_as_printed(
    published: duckdb.DuckDBPyConnection, recipe: Recipe
) -> None:
    got, printed = answer(published, recipe.query).splitlines(), recipe.answer.splitlines()
    assert got[0] == printed[0]
    assert len(got) > 2, "no row"
    if recipe.is_exact:
        assert got == printed, "make cookbook"


@pytest.mark.slow
def test_the_python_of_the_cookbook_runs(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A copy: DuckDB opens one file with one set of settings per process.
    shutil.copyfile(demo.parent / "health.duckdb", tmp_path / "health.duckdb")
    monkeypatch.chdir(tmp_path)
    found: dict[str, object] = {}
    for block in blocks(COOKBOOK, "python"):
        exec(compile(block, "cookbook.md", "exec"), found)  # noqa: S102
    assert (tmp_path / "verdicts.parquet").stat().st_size > 0
    assert (tmp_path / "findings.csv").stat().st_size > 0
    assert found["late"]
    assert found["rows"] is not None
    assert set(found["by_day"].columns) == {"feature_id", "day", *health.MODES}  # type: ignore[attr-defined]
    made = found["failing_features"]()  # type: ignore[operator]
    assert made.metadata["n_failing"] >= 1


@pytest.mark.slow
def test_the_queries_of_modes_and_checks_run(published: duckdb.DuckDBPyConnection) -> None:
    for path in [*DOCS.glob("modes/*.md"), *DOCS.glob("checks/*/*.md")]:
        [query] = blocks(path.read_text("utf-8"), "sql")
        assert published.execute(query).description, path
        if path.parent.name == "modes":
            assert published.execute(query).fetchone() is not None, path


@pytest.mark.slow
def test_the_page_of_tables_is_the_published_file(published: duckdb.DuckDBPyConnection) -> None:
    stored: dict[str, dict[str, str]] = {}
    for table, column, kind in published.execute(
        "select table_name, column_name, lower(data_type) from duckdb_columns()"
        " where schema_name = 'main' and not internal order by table_name, column_index"
    ).fetchall():
        stored.setdefault(table, {})[column] = kind
    told = {table.name: table.columns for layer in tables.described().values() for table in layer}
    assert told == stored


@pytest.mark.slow
def test_no_check_says_what_its_page_does_not(published: duckdb.DuckDBPyConnection) -> None:
    told = {check.name: {status.value for status in lineage.statuses(check)} for check in CHECKS}
    for name, status in published.execute(
        "select distinct check_name, status from health__findings"
    ).fetchall():
        assert status in told[name], name
