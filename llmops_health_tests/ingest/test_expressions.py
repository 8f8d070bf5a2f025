"""`columns:`: the user's SQL over strings, numbers, nested JSON, constants, row and file names."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmops_health.config import ConfigError
from llmops_health_tests.ingest.project import Project

ROW = {
    "Id": "a",
    "n": 7,
    "snowflake": 1234567890123456789,
    "price": 2.5,
    "ok": True,
    "ts": 1790856000,
    "deep": {"model": {"name": "m-1"}, "tokens": [3, 4]},
    "sp ace": "spaced",
    'q"uote': "quoted",
    "zip": "00123",
    "purpose": "live",
}
BARE = {"call_id": "Id", "feature_id": "'it''s'", "started_at": "to_timestamp(ts)"}


OVER_JSON_LINES: dict[str, tuple[str, object]] = {
    "trace_id": ('"sp ace"', "spaced"),
    "span_id": ('"q""uote" || upper(id)', "quotedA"),
    "session_id": ("zip", "00123"),
    "provider": ("'s-' || n", "s-7"),
    "request_model": ("snowflake", "1234567890123456789"),
    "response_model": ("snowflake + 1", "1234567890123456790"),
    "operation": ("deep -> 'model' ->> 'name'", "m-1"),
    "prompt_name": ("deep ->> '$.model.name'", "m-1"),
    "prompt_version": ("split_part(filename, '/', -1)", "x.jsonl"),
    "n_context_chunks": ("json_array_length(deep -> 'tokens')", 2),
    "input_tokens": ("n * 2", 14),
    "output_tokens": ("file_row_number", 0),
    "latency_ms": ("n / 2", 3.5),
    "cost_usd": ("price * 10", 25.0),
    "params_known": ("not ok", False),
    "temperature": ("0.7", 0.7),
    "run_kind": ("case purpose when 'live' then 'prod' else 'eval' end", "prod"),
    "environment": ("null", None),
    "tools": ("['search', Id]", '["search","a"]'),
}


def test_expressions_over_json_lines(project: Project) -> None:
    project.write("x.jsonl", [ROW])
    expressions = {column: expression for column, (expression, _) in OVER_JSON_LINES.items()}
    project.source("x.jsonl", columns=BARE | expressions)
    project.land()
    assert project.rejects() == []
    [found] = project.calls(f"call_id, feature_id, started_at::varchar, {', '.join(expressions)}")
    expected = (value for _, value in OVER_JSON_LINES.values())
    assert found == ("a", "it's", "2026-10-01 12:00:00", *expected)


def test_expressions_over_csv(project: Project) -> None:
    text = "id,ts,zip,spend,note\na,1790856000,00123,2,x\nb,1790856000,00124,2.5,\n"
    project.write("x.csv", text.encode())
    columns = {
        "call_id": "id",
        "feature_id": "'f'",
        "started_at": "to_timestamp(ts)",
        "session_id": "zip || '-' || file_row_number",
        "cost_usd": "spend * 2",
        "error_type": "coalesce(note, 'none')",
    }
    project.source("x.csv", columns=columns)
    project.land()
    assert project.calls("call_id, session_id, cost_usd, error_type") == [
        ("a", "00123-0", 4.0, "x"),
        ("b", "00124-1", 5.0, "none"),
    ]


def test_expressions_over_parquet(project: Project) -> None:
    table = pa.table({"id": [1, 2], "stamp": [1790856000, 1790856000], "user": [{"id": "u"}, None]})
    pq.write_table(table, project.root / "x.parquet")
    columns = {
        "call_id": "id + 1",
        "feature_id": "'f'",
        "started_at": "to_timestamp(stamp)",
        "session_id": "user.id",
        "seed": "file_row_number",
    }
    project.source("x.parquet", columns=columns)
    project.land()
    assert project.calls("call_id, session_id, seed, attributes") == [
        ("2", "u", 0, None),
        ("3", None, 1, None),
    ]


def test_row_numbers_follow_the_file(project: Project) -> None:
    rows = [ROW | {"Id": f"{i:06}", "padding": "x" * 400} for i in range(40_000)]
    project.write("x.jsonl", rows)
    project.source("x.jsonl", columns=BARE | {"seed": "file_row_number"})
    project.land()
    wrong = "select count(*) from landed__calls where call_id::int <> seed"
    assert project.sql(wrong) == [(0,)]


def test_a_column_spoken_of_is_no_attribute_and_a_literal_speaks_of_none(project: Project) -> None:
    project.write("x.jsonl", [ROW])
    project.source("x.jsonl", columns=BARE | {"session_id": "'n and zip'"})
    project.land()
    [attributes] = project.calls("attributes")
    assert '"n":7' in attributes
    assert '"zip":"00123"' in attributes
    assert '"ts"' not in attributes


@pytest.mark.parametrize(
    ("change", "expression", "reason"),
    [
        ({"n": "many"}, "n + 1", "not a whole number, as the file's other values are"),
        ({"n": 1.5}, "n + 1", "not a whole number, as the file's other values are"),
        ({"Id": "broken"}, "Id::int + Id::int", "its expression fails on this row"),
    ],
)
def test_a_row_on_which_an_expression_fails_is_refused(
    project: Project, change: dict[str, object], expression: str, reason: str
) -> None:
    rows = [ROW | {"Id": str(i)} for i in range(2000)]
    rows.append(rows.pop() | change | {"padding": "x" * 300_000})
    rows[1000:1000] = [ROW | {"Id": "middle", "padding": "x" * 200_000}] if "n" in change else []
    project.write("x.jsonl", rows)
    project.source("x.jsonl", columns=BARE | {"input_tokens": expression, "seed": expression})
    [report] = project.land()
    assert report.n_rejected == 1
    assert project.rejects("row_number, reason") == [(len(rows), reason)]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("nix + 1", 'Referenced column "nix" not found'),
        ("n +", "syntax error"),
        ("no_such(n)", "no_such"),
        ("count(n)", "aggregate"),
    ],
)
def test_a_bad_expression_names_file_key_reason_and_columns(
    project: Project, expression: str, said: str
) -> None:
    project.write("x.jsonl", [ROW])
    project.source("x.jsonl", columns=BARE | {"latency_ms": expression})
    with pytest.raises(ConfigError) as caught:
        project.land()
    message = str(caught.value)
    assert message.startswith(f"{project.root / 'llmops-health.yaml'}:")
    assert f"sources[0].columns.latency_ms `{expression}` does not work on these files" in message
    assert said.lower() in message.lower()
    assert "Their columns are: " in message
    assert "sp ace" in message
    assert project.calls() == []


def test_an_unknown_contract_column_is_named(project: Project) -> None:
    project.write("x.jsonl", [ROW])
    project.source("x.jsonl", columns={"latency": "n"})
    with pytest.raises(ConfigError, match=r"columns\.latency is unknown\. Did you mean latency_ms"):
        project.land()
