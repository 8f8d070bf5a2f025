"""Steps of a `dvc.lock`: what DVC knows of a pipeline, as rows of `ledger_steps`.

DVC names files by MD5, and has no times and no rows: an MD5 is kept as `md5:...`, the time is when
the lock file was written, and rows are counted where all files of a stage are there as DVC knows
them, else 0 in and out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from llmops_health.kernels.hash_chain import canonical_json
from llmops_health.ledger.files import Row
from llmops_health.ledger.frames import measure

_OPS = ("ingest", "filter", "dedup", "weight", "upsample", "relabel", "merge", "split", "train")
_TABLES = frozenset({".jsonl", ".ndjson", ".csv", ".parquet"})
_CODE = frozenset({".py", ".sh", ".sql", ".r", ".ipynb"})


def steps_of(lock: Path) -> Iterator[Row]:
    """Yield the stages of a lock file, each after those that it reads from.

    Raises
    ------
    ValueError
        If it is no `dvc.lock` of schema 2.0.
    """
    text = lock.read_bytes()
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{lock} is no YAML: {error}") from None
    stages = stages_of(read, str(lock))
    written = datetime.fromtimestamp(lock.stat().st_mtime, UTC)
    for name in _in_order(stages):
        yield _step(lock.parent, name, stages[name], written)


def stages_of(read: object, file: str) -> dict[str, Any]:
    """Return the stages of a lock file's YAML by name.

    Raises
    ------
    ValueError
        If it is no `dvc.lock` of schema 2.0; `file` says which.
    """
    if not isinstance(read, dict) or not str(read.get("schema", "")).startswith("2."):
        raise ValueError(f"{file} is no dvc.lock of schema 2.0.")
    stages = read.get("stages")
    return dict(stages) if isinstance(stages, dict) else {}


def is_code(path: str) -> bool:
    """Whether a path is one of code, which a stage runs rather than reads."""
    return Path(path).suffix.lower() in _CODE


def _step(root: Path, name: str, stage: Mapping[str, Any], written: datetime) -> Row:
    deps = list(stage.get("deps") or ())
    outs = list(stage.get("outs") or ())
    data = [one for one in deps if not is_code(one["path"])]
    code = [one for one in deps if one not in data]
    said = {"cmd": str(stage.get("cmd", "")), "code": [[one["path"], named(one)] for one in code]}
    rows_in, rows_out = _total(root, data), _total(root, outs)
    if None in (rows_in, rows_out):
        rows_in = rows_out = 0
    row: Row = {
        "op": next((op for op in _OPS if op in name.lower()), "other"),
        "started_at": written.isoformat(),
        "rows_in": rows_in,
        "rows_out": rows_out,
        "code_ref": f"dvc:{name}",
        "code_sha256": hashlib.sha256(canonical_json(said)).hexdigest(),
        "params": {**(stage.get("params") or {}), "cmd": said["cmd"]},
        "input_artifacts": [named(one) for one in data],
    }
    if outs:
        row["output_artifact"] = named(outs[-1])
    return row


def named(file: Mapping[str, Any]) -> str:
    """Return how a file of DVC is named in place of a SHA-256."""
    return f"md5:{file.get('md5') or file.get('checksum') or file.get('etag')}"


def _total(root: Path, files: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the rows of files, None unless all of them are there as DVC knows them."""
    total = 0
    for file in files:
        path = root / file["path"]
        if path.suffix.lower() not in _TABLES or not path.is_file():
            return None
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() != file.get("md5"):
            return None
        total += measure(path, label=None, weight=None, artifact="named by DVC").rows
    return total


def _in_order(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield stages by name, each after the makers of what it reads."""
    made = {out["path"]: name for name, stage in stages.items() for out in stage.get("outs") or ()}
    done: set[str] = set()
    left = sorted(stages)
    while left:
        ready = [
            name
            for name in left
            if all(
                made.get(dep["path"]) in {None, name} | done
                for dep in stages[name].get("deps") or ()
            )
        ]
        # A circle cannot be run, so the lock file is not DVC's; any order will do.
        for name in ready or left:
            yield name
            done.add(name)
        left = [name for name in left if name not in done]
