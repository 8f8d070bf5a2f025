"""The configuration: what loads, and the words of every refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from llmops_health.config import (
    MODES,
    NATIVE_FORMATS,
    OTHER_FORMATS,
    TABLE_NAMES,
    Config,
    ConfigError,
    Feature,
    Source,
    Spark,
    config_path,
    load,
    validate_checks,
)
from llmops_health.findings import CheckParams

FEATURE = "features:\n  - id: a\n    kind: rag\n"
SOURCE = "sources:\n  - table: calls\n    format: jsonl\n"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a configuration file of this text."""

    def to_file(text: str) -> Path:
        file = tmp_path / "health.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return to_file


def refusal(file: Path, environ: Mapping[str, str] | None = None) -> str:
    """Return the error of a file, with its folder left out."""
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {})
    assert isinstance(caught.value, ValueError)
    assert caught.value.__context__ is None  # pydantic's own error holds the values
    return str(caught.value).replace(f"{file.parent}/", "")


def test_every_key_is_optional(write: Write, tmp_path: Path) -> None:
    config = load(write("features: []"), {})
    assert config.storage.path == tmp_path / "health.duckdb"
    assert (config.engine, config.schedule) == ("duckdb", "15 2 * * *")
    assert (config.privacy.content, config.privacy.user_id_key.get_secret_value()) == (
        "redacted",
        "",
    )
    assert (config.retention_days.contents, config.retention_days.calls) == (30, 400)
    assert (config.features, config.sources, config.checks) == ((), (), {})


def test_a_key_without_a_value_is_not_set(write: Write) -> None:
    keys = ("storage", "engine", "privacy", "retention_days", "schedule", "features", "sources")
    empty = "".join(f"{key}:\n" for key in keys)
    unset = load(write(f"{empty}checks:\n"), {})
    assert unset.model_dump() == load(write("features: []"), {}).model_dump()
    assert load(write("checks: {drift: {input_drift: }, bom: }"), {}).checks == {
        "drift": {"input_drift": {}},
        "bom": {},
    }


def test_the_contract_has_fourteen_tables_and_thirteen_modes() -> None:
    assert (len(set(TABLE_NAMES)), len(set(MODES))) == (14, 13)


# Environment.


def test_variables_are_filled_in(write: Write) -> None:
    file = write(
        "storage: {path: '${DIR}/${NAME:-h}.duckdb'}\nretention_days: {calls: '${DAYS}'}\n"
        "checks: {drift: {x: {pattern: '$${NAME} $5', empty: '${EMPTY:-d}'}}}"
    )
    config = load(file, {"DIR": "/data", "DAYS": "7", "EMPTY": ""})
    assert config.storage.path == Path("/data/h.duckdb")
    assert config.retention_days.calls == 7
    assert config.checks["drift"]["x"] == {"pattern": "${NAME} $5", "empty": "d"}


def test_a_missing_variable_is_named_with_its_key(write: Write) -> None:
    assert refusal(write("privacy:\n  user_id_key: ${PEPPER}")) == (
        "health.yaml:2: privacy.user_id_key needs the environment variable PEPPER, which is not "
        "set. Set it, or write ${PEPPER:-default}."
    )


@pytest.mark.parametrize("text", ["${", "${9x}", "${A:-${B}}", "${A-x}"])
def test_a_broken_reference_is_refused(text: str, write: Write) -> None:
    error = refusal(write(f"schedule: '{text}'"))
    assert "schedule has a ${ that opens neither ${NAME} nor ${NAME:-default}." in error


def test_a_secret_is_in_no_error_and_no_dump(write: Write) -> None:
    environ = {"PEPPER": "hunter2"}
    config = load(write("privacy: {user_id_key: '${PEPPER}'}"), environ)
    assert config.privacy.user_id_key.get_secret_value() == "hunter2"
    for text in (repr(config), str(config.model_dump()), config.model_dump_json()):
        assert "hunter2" not in text
    for key in (
        "engine",
        "schedule",
        "storage",
        "features",
        "privacy",
        "checks",
        "retention_days",
    ):
        error = refusal(write(f"{key}: '${{PEPPER}}'"), environ)
        assert "hunter2" not in error
        assert f'{key} is "${{PEPPER}}" (as filled in from the environment); it must' in error
    nested = "privacy: {user_id_key: {a: hunter2}}\nfeatures: {user_id_key: hunter2}"
    assert "hunter2" not in refusal(write(nested))
    address = load(write("engine: {spark: 'sc://host/;token=hunter2'}"), {})
    assert "hunter2" not in repr(address)


def test_merged_mappings_keep_their_own_keys_first(write: Write) -> None:
    config = load(
        write(
            "checks:\n  drift:\n    one: &one {days: 7, level: 1}\n    two: &two {level: 2}\n"
            "    three: {<<: [*two, *one], days: 8}\n"
        ),
        {},
    )
    assert config.checks["drift"]["three"] == {"days": 8, "level": 2}


# Features and sources.


def test_a_feature_not_listed_is_taken_in() -> None:
    feature = Config().feature("seen\nin data")
    assert (feature.id, feature.kind, feature.listed) == ("seen\nin data", "generation", False)
    assert (feature.owner, feature.error_cost("a", "b")) == (None, 1)
    assert Feature(id="a", kind="rag").listed is True
    assert "listed" not in feature.model_dump()


def test_error_costs_fall_back_to_the_default_then_to_one() -> None:
    costs = {"billing -> cancel": 20.0}
    feature = Feature(id="a", kind="classifier", error_costs=costs)
    assert feature.error_cost("billing", "cancel") == 20
    assert feature.error_cost("cancel", "billing") == 1
    free = Feature(id="a", kind="classifier", error_costs={"default": 3.0, "x->y": 0.0})
    assert (free.error_cost("x", "y"), free.error_cost("y", "x")) == (0, 3)


def test_an_engine_of_spark(write: Write) -> None:
    engine = load(write('engine: {spark: "sc://[::1]:15002/;use_ssl=true"}'), {}).engine
    assert isinstance(engine, Spark)
    assert engine.spark == "sc://[::1]:15002/;use_ssl=true"


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ("feature_id: a", "'a'"),
        ("feature_id: metadata.feature", "metadata.feature"),
        ("feature_id: \"'b'\"", "'b'"),
        ("feature_id: a\n    columns: {feature_id: f}", "f"),
    ],
)
def test_the_feature_of_a_source_becomes_a_column(line: str, expression: str, write: Write) -> None:
    config = load(write(f"{FEATURE}{SOURCE}    path: '*.x'\n    {line}\n"), {})
    assert config.sources[0].columns == {"feature_id": expression}


def test_source_paths_start_from_the_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").touch()
    paths = ["a[1].jsonl", "*.jsonl", "/nowhere/*.jsonl", "s3a://bucket/calls/"]
    config = load(write(f"{SOURCE}    path: {json.dumps(paths)}"), {})
    assert config.sources[0].path == (
        str(tmp_path / "a[1].jsonl"),
        str(tmp_path / "*.jsonl"),
        "/nowhere/*.jsonl",
        "s3a://bucket/calls/",
    )
    assert config.warnings == ["No file matches /nowhere/*.jsonl yet."]


def test_the_name_of_the_folder_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "[x]"
    folder.mkdir()
    (folder / "a.jsonl").touch()
    (folder / "health.yaml").write_text(f"{SOURCE}    path: '*.jsonl'")
    config = load(folder / "health.yaml", {})
    assert (config.sources[0].path, config.warnings) == ((f"{tmp_path}/[[]x]/*.jsonl",), [])
    (folder / "health.yaml").write_text(f"{SOURCE}    path: b.jsonl")
    assert "must name a file that exists" in refusal(folder / "health.yaml")


def test_models_are_made_without_a_file() -> None:
    source = Source(table="calls", format="csv", path=("x.csv",), feature_id="f")
    assert source.columns == {"feature_id": "f"}
    assert Config(sources=(source,)).storage.path == Path("health.duckdb")


# Checks.


class Drift(CheckParams):
    """Parameters of a check of this test."""

    reference_days: int = Field(default=28, ge=7, le=90)
    method: Literal["psi", "ks"] = "psi"


REGISTRY: dict[str, dict[str, type[BaseModel]]] = {
    "drift": {"input_drift": Drift},
    "calibration": {"overconfidence": CheckParams},
}


def test_parameters_of_every_check(write: Write) -> None:
    config = load(write("checks: {drift: {input_drift: {reference_days: 7}}}"), {})
    assert validate_checks(config, REGISTRY) == {
        "drift": {"input_drift": Drift(reference_days=7)},
        "calibration": {"overconfidence": CheckParams()},
    }


def test_every_problem_of_checks_is_in_one_error(write: Write) -> None:
    file = write(
        "checks:\n  drift:\n    input_drif: {}\n    input_drift:\n      reference_day: 1\n"
        "      reference_days: 3\n      method: '${M}'\n      enabled: maybe\n  bom: {stale: {}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        validate_checks(load(file, {"M": "hunter2"}), REGISTRY)
    at = "checks.drift.input_drift"
    assert str(caught.value).replace(f"{file.parent}/", "").splitlines() == [
        "health.yaml:3: checks.drift.input_drif is unknown. Did you mean input_drift?",
        f"health.yaml:5: {at}.reference_day is unknown. Did you mean reference_days?",
        f"health.yaml:6: {at}.reference_days is 3; it must be at least 7.",
        (
            f'health.yaml:7: {at}.method is "${{M}}" (as filled in from the environment); it '
            "must be one of psi, ks."
        ),
        f'health.yaml:8: {at}.enabled is "maybe"; it must be true or false.',
        "health.yaml:9: checks.bom.stale is unknown. Known here: nothing.",
    ]


def test_the_option_wins_over_the_variable_and_that_over_the_default() -> None:
    environ = {"LLMOPS_HEALTH_CONFIG": "env.yaml"}
    assert config_path(Path("option.yaml"), environ) == Path("option.yaml")
    assert config_path(None, environ) == Path("env.yaml")
    assert config_path(None, {}) == Path("llmops-health.yaml")
    assert config_path(None, {"LLMOPS_HEALTH_CONFIG": ""}) == Path("llmops-health.yaml")


def test_native_formats_are_not_among_the_others() -> None:
    assert not set(NATIVE_FORMATS) & set(OTHER_FORMATS)


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'dagster', 'duckdb', 'numpy', 'polars', 'scipy'}"
    code = f"import llmops_health.config, sys; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
