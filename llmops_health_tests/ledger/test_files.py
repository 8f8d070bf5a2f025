"""Ledger files under killed writers, writers at once, and people who edit them."""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmops_health import ledger
from llmops_health.ledger.checkpoints import disagreement, make_key, opened, sign
from llmops_health.ledger.files import newest, read, writing
from llmops_health.ledger.verify import Bad, Chain, chains, verify

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def write(path: Path, n: int, pipeline: str = "p") -> None:
    book = ledger.open(path, pipeline=pipeline)
    for at in range(n):
        with book.step("map", params={"at": at}) as step:
            step.input(at)
            step.output(at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    write(path, 4)
    return path


def bad(*paths: Path) -> Bad:
    [found] = verify(paths)
    assert isinstance(found, Bad)
    return found


def edited(path: Path, at: int, **changes: Any) -> None:
    rows = path.read_text("utf-8").splitlines()
    rows[at] = json.dumps(json.loads(rows[at]) | changes)
    path.write_text("\n".join(rows) + "\n", "utf-8")


def test_a_whole_file_has_a_head(path: Path) -> None:
    [chain] = verify([path])
    assert isinstance(chain, Chain)
    assert (len(chain.rows), chain.n_hashed) == (4, 4)
    assert chain.head == json.loads(path.read_text("utf-8").splitlines()[-1])["row_hash"]


@pytest.mark.parametrize("change", [{"rows_out": 7}, {"params": {"at": 9}}, {"actor": "me"}])
def test_an_altered_row_is_found(path: Path, change: dict[str, Any]) -> None:
    edited(path, 2, **change)
    assert (bad(path).number, "altered" in str(bad(path))) == (3, True)


def test_a_row_that_says_the_same_otherwise_is_not_altered(path: Path) -> None:
    rows = [json.loads(text) for text in path.read_text("utf-8").splitlines()]
    rows[1] = dict(reversed(rows[1].items())) | {"rows_in": 1.0, "actor": None, "note": "seen"}
    path.write_text("".join(json.dumps(row, indent=None) + "\n\n" for row in rows), "utf-8")
    [chain] = verify([path])
    assert isinstance(chain, Chain)


def test_a_deleted_row_is_found(path: Path) -> None:
    rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(rows[:1] + rows[2:]) + "\n", "utf-8")
    assert bad(path).number == 2
    assert "removed" in str(bad(path))


def test_a_deleted_first_row_is_found(path: Path) -> None:
    rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(rows[1:]) + "\n", "utf-8")
    assert "its seq is 2 where 1 is due" in str(bad(path))


def test_reordered_rows_are_found(path: Path) -> None:
    rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([rows[0], rows[2], rows[1], rows[3]]) + "\n", "utf-8")
    assert bad(path).number == 2


def test_a_row_put_in_by_hand_is_found(path: Path) -> None:
    row = json.loads(path.read_text("utf-8").splitlines()[-1])
    put_in = {k: v for k, v in row.items() if not k.endswith("_hash")} | {"seq": 5, "step_id": "x"}
    with path.open("a") as file:
        file.write(json.dumps(put_in) + "\n")
    assert "by hand" in str(bad(path))


def test_the_same_line_twice_is_one_row(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    [chain] = verify([path, copy])
    assert isinstance(chain, Chain)
    assert len(chain.rows) == 4


def test_a_changed_copy_is_not_the_same_line(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    edited(copy, 1, rows_out=99)
    assert bad(path, copy).path == copy


def test_a_line_that_is_no_json_is_named(path: Path) -> None:
    with path.open("a") as file:
        file.write("{torn\n")
    broken, whole = verify([path])
    assert str(broken) == f"{path}:5: it is no JSON object."
    assert isinstance(whole, Chain)


@pytest.mark.parametrize("keep", [0, 1, 40, -2, -1])
def test_a_killed_writer_leaves_nothing_behind(path: Path, keep: int) -> None:
    before = path.read_bytes()
    write(path, 1)
    added = path.read_bytes()[len(before) :]
    path.write_bytes(before + (added[:keep] if keep else b""))
    survived = keep == -1  # the whole line but its end
    write(path, 1)
    [chain] = verify([path])
    assert isinstance(chain, Chain)
    assert [row["seq"] for row in chain.rows] == list(range(1, 6 + survived))


def test_writers_at_once_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=write, args=(path, 15, name)) for name in ("p", "p", "q")]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    found = {one.pipeline: len(one.rows) for one in verify([path]) if isinstance(one, Chain)}
    assert found == {"p": 30, "q": 15}


def test_the_newest_row_is_found_over_any_distance(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    rows = [{"pipeline_id": "p" if at == 3 else "q", "text": "ü\r" * 40 * at} for at in range(90)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8", newline="")
    with writing(path) as file:
        found = newest(file, lambda row: row["pipeline_id"] == "p")
        assert found == rows[3]
        assert newest(file, lambda row: row["pipeline_id"] == "r") is None
    assert [line.row for line in read(path)] == rows


def test_a_checkpoint_vouches_for_what_was(path: Path, tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    chain = chains([path])[0]["p"]
    envelope = sign(chain, tmp_path / "key", WHEN)
    statement = opened(envelope, public)
    assert statement["predicate"] == {
        "rows": 4, "seq": 4, "merkleRoot": chain.root(), "signedAt": "2026-03-01T00:00:00+00:00",
    }  # fmt: skip
    assert disagreement(statement, chain) is None
    write(path, 2)
    assert disagreement(statement, chains([path])[0]["p"]) is None


def test_a_checkpoint_shows_what_a_chain_cannot(path: Path, tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    statement = opened(sign(chains([path])[0]["p"], tmp_path / "key", WHEN), public)
    rows = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(rows[:3]), "utf-8")
    assert isinstance(next(verify([path])), Chain)
    assert "its end was cut off" in str(disagreement(statement, chains([path])[0]["p"]))
    path.unlink()
    write(path, 4)
    assert "written anew" in str(disagreement(statement, chains([path])[0]["p"]))
    assert "is gone" in str(disagreement(statement, None))


def test_a_checkpoint_of_another_key_or_content_is_refused(path: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    other = make_key(tmp_path / "other")
    envelope = sign(chains([path])[0]["p"], tmp_path / "key", WHEN)
    with pytest.raises(ValueError, match="None of 1 signatures"):
        opened(envelope, other)
    changed = envelope | {"payload": envelope["payload"][:-8] + "AAAAAAA="}
    with pytest.raises(ValueError, match="None of 1 signatures"):
        opened(changed, tmp_path / "key.pub")
    with pytest.raises(ValueError, match="no DSSE envelope"):
        opened({"payload": ""}, other)


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError, match="never overwritten"):
        make_key(tmp_path / "key")
