"""Refused configurations: every rule, hostile files, and the words of each message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmops_health import config_yaml
from llmops_health.config import OTHER_FORMATS, ConfigError, load

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


def refusal(file: Path) -> str:
    """Return the error of a file, with its folder left out."""
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert isinstance(caught.value, ValueError)
    return str(caught.value).replace(f"{file.parent}/", "")


# One file, one rule, the whole message.
REFUSALS = [
    ("storge: {}", "1: storge is unknown. Did you mean storage?"),
    ("- a", "1: The file holds a list; it must hold a mapping of keys to values."),
    ("hello", '1: The file holds only "hello"; it must hold a mapping of keys to values.'),
    ("features: 3", "1: features is 3; it must be a list."),
    ("storage: x", '1: storage is "x"; it must be a mapping of keys to values.'),
    ("storage: {path: 3}", "1: storage.path is 3; it must be text: put it in quotes."),
    ("storage: {memory_limit: 2}", "1: storage.memory_limit is 2; it must be text"),
    ("storage: {memory_limit: lots}", '1: storage.memory_limit is "lots"; it must be a size of'),
    ('storage: {path: ""}', '1: storage.path is ""; it must be a path: not empty, no control'),
    ("engine: sdk", '1: engine is "sdk"; it must be duckdb, or {spark: "sc://host:15002"}.'),
    ("engine: [spark]", '1: engine is a list; it must be duckdb, or {spark: "sc://host:15002"}.'),
    ("engine:\n  sprak: x", "2: engine.sprak is unknown. Did you mean spark?"),
    ("engine: {}", "1: engine.spark is missing. It is required."),
    (
        "engine: {spark: 'http://host'}",
        (
            '1: engine.spark is "http://host"; it must be a Spark Connect address such as '
            "sc://host:15002."
        ),
    ),
    (
        "privacy: {content: fulll}",
        '1: privacy.content is "fulll"; it must be one of none, redacted, full. Did you mean full?',
    ),
    ("privacy: {user_id_key: [x]}", "1: privacy.user_id_key is (hidden); it must be text"),
    ("retention_days: {contents: 0}", "1: retention_days.contents is 0; it must be at least 1."),
    ("retention_days: {calls: yes}", "1: retention_days.calls is true; it must be a number."),
    ("retention_days: {calls: 1.5}", "1: retention_days.calls is 1.5; it must be a whole number."),
    ("retention_days: {call: 1}", "1: retention_days.call is unknown. Did you mean calls?"),
    (
        "retention_days: {days: 1}",
        "1: retention_days.days is unknown. Known here: contents, calls.",
    ),
    ("schedule: daily", '1: schedule is "daily"; it must be a cron line of five fields (UTC): it'),
    (
        'schedule: "75 2 * * *"',
        (
            '1: schedule is "75 2 * * *"; it must be a cron line of five fields (UTC): the minute '
            "must be *, or numbers, ranges and steps within 0-59."
        ),
    ),
    ("features:\n  - kind: rag", "2: features[0].id is missing. It is required."),
    (
        "features:\n  - id: a",
        (
            "2: features[0].kind is missing. It is required, one of classifier, extraction, "
            "generation, rag, agent."
        ),
    ),
    (
        "features:\n  - id: a\n    kind: clasifier",
        (
            '3: features[0].kind is "clasifier"; it must be one of classifier, extraction, '
            "generation, rag, agent. Did you mean classifier?"
        ),
    ),
    (f"{FEATURE}    confidence-gate: 1", "4: features[0].confidence-gate is unknown. Did you mean"),
    (f"{FEATURE}    listed: false", "4: features[0].listed is unknown. Known here: id, kind, name"),
    (f"{FEATURE}    confidence_gate: 1.2", "confidence_gate is 1.2; it must be at most 1."),
    (f"{FEATURE}    confidence_gate: .nan", "confidence_gate is NaN; it must be a finite number."),
    (f"{FEATURE}    confidence_gate: high", 'confidence_gate is "high"; it must be a number.'),
    (f"{FEATURE}    name: 3", "4: features[0].name is 3; it must be text: put it in quotes."),
    (f"{FEATURE}    launched_on: 20260301", "is 20260301; it must be a date such as 2026-03-31."),
    (f"{FEATURE}    launched_on: 2026-03-01 10:00", "it must be a date such as 2026-03-31."),
    (f"{FEATURE}    launched_on: '2026-13-01'", 'launched_on is "2026-13-01"; it must be a valid'),
    (
        f"{FEATURE}    trained_on: 2026-02-30",
        '4: features[0].trained_on is "2026-02-30", which is no valid date. Quote it if it is',
    ),
    (f"{FEATURE}    lifecycle: beeta", "deprecated, retired. Did you mean beta?"),
    (f"{FEATURE}    risk_tier: hgih", "must be one of low, medium, high. Did you mean high?"),
    (f"{FEATURE}    maintenance_hours_per_month: -1", "is -1; it must be at least 0."),
    (f"{FEATURE}    eval_suites: one", '4: features[0].eval_suites is "one"; it must be a list.'),
    (f"{FEATURE}    review: {{sla_hours: 0}}", "review.sla_hours is 0; it must be more than 0."),
    (f"{FEATURE}    review: {{reviewers: 0}}", "review.reviewers is 0; it must be at least 1."),
    (f"{FEATURE}    review: {{quee: x}}", "features[0].review.quee is unknown. Did you mean queue"),
    (f"{FEATURE}    slo: {{p95_latency_ms: 0}}", "slo.p95_latency_ms is 0; it must be more than"),
    (
        f"{FEATURE}    error_costs: {{a->b: -1}}",
        '4: features[0].error_costs["a->b"] is -1; it must be at least 0.',
    ),
    (
        f"{FEATURE}    error_costs:\n      defalt: 1",
        (
            '5: features[0].error_costs.defalt is "defalt"; it must be default, or two labels '
            'as in "billing->cancel" (true->predicted).'
        ),
    ),
    (f"{FEATURE}    error_costs: {{'->b': 1}}", '["->b"] is "->b"; it must be default, or two'),
    (f"{FEATURE}    error_costs: {{a->b: 1, a -> b: 2}}", "error_costs is not valid: names an er"),
    (
        f"{FEATURE}  - id: a\n    kind: rag",
        '4: features[1].id is "a"; it must be unique, and an earlier feature has this id.',
    ),
    (
        "features: [{id: '  ', kind: rag}]",
        'id is "  "; it must be 1 to 200 characters, none of them a control character.',
    ),
    ("sources: [{}]", "1: sources[0].table is missing. It is required, one of calls, labels,"),
    (
        "sources:\n  - table: cals",
        "component_edges, acknowledgements. Did you mean calls?",
    ),
    (f"{SOURCE}    path: []", "sources[0].path is a list; it must name at least one file or glob."),
    (f"{SOURCE}    path: [x*, 3]", "4: sources[0].path[1] is 3; it must be text"),
    (
        f"{SOURCE}    path: none.jsonl",
        (
            '4: sources[0].path is "none.jsonl"; it must name a file that exists, or a glob '
            "such as logs/*.jsonl."
        ),
    ),
    (f"{SOURCE}    path: .", "must name files, and this is a folder. Name them, as ./*.jsonl."),
    (f"{SOURCE}    path: {'x' * 300}", "must name a file that can be reached: File name too long."),
    (f"{SOURCE}    path: '*'\n    columns: {{'a b': x}}", 'sources[0].columns["a b"] is "a b"; it'),
    (f"{SOURCE}    path: '*'\n    columns: {{score: 1}}", "columns.score is 1; it must be text"),
    (f"{SOURCE}    path: '*'\n    columns: {{score: ''}}", 'score is ""; it must not be empty.'),
    ("sources:\n  - format: jsnl", "must be one of jsonl, csv, parquet. Did you mean jsonl?"),
    ("sources:\n  - format: langfus", "jsonl, csv, parquet. Did you mean langfuse?"),
    ("sources:\n  - format: 3", "format is 3; it must be one of jsonl, csv, parquet."),
    ("checks: {driff: {}}", "1: checks.driff is unknown. Did you mean drift?"),
    ("checks: {drift: {input_drift: 3}}", "checks.drift.input_drift is 3; it must be a mapping"),
    ("schedule: a\nschedule: b", "2: schedule is written twice, first on line 1. Keep one of the"),
    ("features: []\n3: x", "2: 3 is not a key of text. Put the key in quotes."),
    ("features: []\n? [a]\n: x", "is not a key of text. Put the key in quotes."),
    ("privacy: {content: !secret x}", 'content is "x", which is no valid !secret. Quote it'),
    ("privacy: {content: !!binary eA==}", "privacy.content is of type bytes; it must be one of"),
    ("storage: {<<: 3}", "1: The value of << must be an alias of a mapping."),
    ("schedule: a\nengine: }", "2: The file is not valid YAML: "),
    ("schedule: a\n  engine: b", "2: The file is not valid YAML: "),
    ("engine: *x", "1: The file is not valid YAML: found undefined alias"),
    ("engine: a\n---\nengine: b", "2: The file is not valid YAML: but found another document."),
    ("engine: a\nschedule: \x01", "2: The file is not valid YAML: "),
]


@pytest.mark.parametrize(("text", "message"), REFUSALS)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, config_yaml._LOADER])
def test_a_refusal_says_where_what_and_why(
    text: str, message: str, loader: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_yaml, "_LOADER", loader)
    error = refusal(write(text))
    assert error.startswith("health.yaml:")
    assert f"health.yaml:{message}" in error if message[0].isdigit() else message in error


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_formats_of_other_tools_are_known(name: str, write: Write) -> None:
    assert (
        f'sources[0].format is "{name}"; it must be jsonl, csv or parquet: a known format, not '
        "supported by this version. Convert the files to native jsonl"
    ) in refusal(write(f"sources:\n  - format: {name}"))


def test_all_problems_are_in_one_error_in_the_order_of_the_file(write: Write) -> None:
    text = (
        "engine: ${NOPE}\nschedule: never\nfeatures:\n  - id: a\n    kind: x\n    kind: rag\n"
        "sources:\n  - table: calls\n    format: csv\n    path: gone.csv\nchecks: {driff: {}}"
    )
    lines = refusal(write(text)).splitlines()
    assert [line.split(" ")[0] for line in lines] == [
        "health.yaml:1:",
        "health.yaml:2:",
        "health.yaml:6:",
        "health.yaml:10:",
        "health.yaml:11:",
    ]


def test_problems_can_be_read_by_programs(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write("storge: 1"), {})
    [problem] = caught.value.problems
    assert (problem.file.name, problem.line, problem.key) == ("health.yaml", 1, "storge")


def test_a_missing_file_names_init(tmp_path: Path) -> None:
    assert refusal(tmp_path / "health.yaml") == (
        "health.yaml: The file does not exist. `llmops-health init` writes one to start from; "
        "--config names another."
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\ufeff", "---\n"])
def test_an_empty_file_names_init(text: str, write: Write) -> None:
    assert "`llmops-health init` writes one" in refusal(write(text)) or text == "---\n"
    assert refusal(write(text)).count("\n") == 0


def test_a_folder_and_other_encodings_are_no_configuration(tmp_path: Path) -> None:
    assert "The file cannot be read: Is a directory." in refusal(tmp_path)
    file = tmp_path / "health.yaml"
    file.write_bytes(b"engine: duckdb\nschedule: \xe9\n")
    assert refusal(file) == "health.yaml:2: The file is not UTF-8 text. Save it as UTF-8."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"engine: {'x' * 5000}", f'engine is "{"x" * 60}..." (5000 characters); it must'),
        (f"{'k' * 900}: 1", f'["{"k" * 60}... (900 characters)"] is unknown. Known here: stor'),
        ('engine: "a\\tb\\e[31m\\u202e"', 'engine is "a\\u0009b\\u001b[31m\\u202e"; it must'),
        ('"a\\nb": 1', '["a\\u000ab"] is unknown.'),
        ("engine: 東京", 'engine is "東京"; it must'),
        (f"retention_days: {{calls: {'9' * 4000}}}", "calls is a very large number; it must be"),
        (f"retention_days: {{calls: {'9' * 5000}}}", "which is no valid int."),
        (f"schedule: ${{{'N' * 400}}}", "... (400 characters), which is not set."),
        ('features: [{id: "a\\u0085", kind: rag}]', 'id is "a\\u0085"; it must be 1 to 200'),
        (f"features: [{{id: {'a' * 201}, kind: rag}}]", "(201 characters); it must be 1 to 200"),
        (f'{SOURCE}    path: "a\\0b"', 'path is "a\\u0000b"; it must be a path: not empty'),
        ("checks: " + "[" * 100_000, "1: Values are nested more than 50 deep."),
        ("checks: &a {drift: *a}", "1: Values are nested more than 50 deep, or hold themselves."),
        ("checks: &a {<<: *a}", "1: Values are nested more than 50 deep, or hold themselves."),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n"
                for a, b in [("a", "b"), ("b", "c"), ("c", "d")]
            )
            + "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
            "The file stands for more than 100000 values, with its aliases.",
        ),
        ("# " + "x" * 2_000_000, "The file has 2000002 bytes; at most 2000000 are read."),
    ],
    ids=map(str, range(16)),
)
def test_hostile_values_are_shortened_and_stopped(text: str, message: str, write: Write) -> None:
    error = refusal(write(text))
    assert message in error
    assert all(line.startswith("health.yaml:") for line in error.splitlines())
    assert all(c.isprintable() or c == "\n" for c in error)
    assert max(map(len, error.splitlines())) < 400


@pytest.mark.parametrize(
    "line", ["* * * * *", "*/15 0-6 1,15 jan-MAR mon-fri", "0 0 29 2 *", "5-55/10 2 * * 7"]
)
def test_schedules_that_every_cron_takes(line: str, write: Write) -> None:
    assert load(write(f"schedule: '{line}'"), {}).schedule == line


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("@daily", "it has 1."),
        ("0 0 * * * *", "it has 6."),
        ("60 0 * * *", "the minute must be"),
        ("0 24 * * *", "the hour must be"),
        ("0 0 0 * *", "the day of the month must be"),
        ("0 0 * 13 *", "the month must be"),
        ("0 0 * * 8", "the day of the week must be"),
        ("0 0 * * L", "the day of the week must be"),
        ("0 5-3 * * *", "the hour must be"),
        ("*/0 * * * *", "the minute must be"),
        ("5/15 * * * *", "the minute must be"),
        ("1,, * * * *", "the minute must be"),
        ("٣ * * * *", "the minute must be"),
        ("0 0 30 2 *", "no such day exists in the months named"),
        ("0 0 30 2 */2,*", "no such day exists in the months named"),
        ("0 0 31 4,6,9,11 *", "no such day exists in the months named"),
    ],
)
def test_schedules_that_are_refused(line: str, fault: str, write: Write) -> None:
    assert fault in refusal(write(f"schedule: '{line}'"))
