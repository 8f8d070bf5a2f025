"""One step of a pipeline while it runs: what is said of it, and the row that this makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmops_health.ledger.fingerprints import Hashing
from llmops_health.ledger.frames import measure, n_different

OPS = (
    *("ingest", "filter", "dedup", "weight", "upsample", "relabel", "map", "merge", "split"),
    *("train", "promote", "revert", "other"),
)
ACTIONS = ("kept", "dropped", "modified", "created")
KINDS = ("raw_feedback", "dataset", "checkpoint", "prompt", "eval_set")


class Step:
    """What a step reads, does and leaves. Nothing is written before it ends without an error."""

    def __init__(self, op: str, started_at: datetime, **said: Any) -> None:  # noqa: ANN401
        """Begin a step; `said` are fields of its row that are known from the start."""
        if op not in OPS:
            raise ValueError(f"op must be one of {', '.join(OPS)}, got {op!r}.")
        self._params: dict[str, Any] = dict(said.pop("params", None) or {})
        self._row: dict[str, Any] = {"op": op, "started_at": _iso(started_at), **said}
        self._inputs: list[str | Hashing] = []
        self._output: str | Hashing | None = None
        self._artifacts: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []
        self._started_at = started_at

    def input(
        self,
        data: Any,  # noqa: ANN401 - any table
        *,
        label: str | None = None,
        weight: str | None = None,
        artifact: str | Path | None = None,
        kind: str | None = None,
        name: str | None = None,
        version: str | None = None,
    ) -> None:
        """Say what the step reads: a frame, a file, a list of rows, or a count. Inputs add up.

        `label` and `weight` name columns. `artifact` is the SHA-256, or the file, that names the
        table; a file names itself. With `kind` (raw_feedback, dataset, checkpoint, prompt,
        eval_set) the artifact is listed among the artifacts, with its `name` and `version`.
        """
        found = measure(data, label=label, weight=weight, artifact=artifact)
        self._add("rows_in", found.rows)
        self._add_classes("class_counts_in", found.classes)
        self._add("weight_in", found.weight)
        if found.artifact:
            self._inputs.append(found.artifact)
        self._list(found.artifact, kind, name, version, found.rows)

    def output(
        self,
        data: Any,  # noqa: ANN401 - any table
        *,
        label: str | None = None,
        weight: str | None = None,
        artifact: str | Path | None = None,
        kind: str | None = None,
        name: str | None = None,
        version: str | None = None,
    ) -> None:
        """Say what the step leaves, as `input`; the last artifact is the step's."""
        found = measure(data, label=label, weight=weight, artifact=artifact)
        self._add("rows_out", found.rows)
        self._add_classes("class_counts_out", found.classes)
        self._add("weight_out", found.weight)
        if found.artifact:
            self._output = found.artifact
        self._list(found.artifact, kind, name, version, found.rows)

    def dropped(self, n: int, reason: str = "") -> None:
        """Say that rows were dropped on purpose; what is not said is not taken from the counts."""
        self._counted("rows_dropped", n, reason)

    def created(self, n: int, reason: str = "") -> None:
        """Say that rows were created: repeated, generated, merged in."""
        self._counted("rows_created", n, reason)

    def modified(self, n: int, reason: str = "") -> None:
        """Say that rows were changed."""
        self._counted("rows_modified", n, reason)

    def flipped(self, n: int) -> None:
        """Say how many labels were changed."""
        self._add("labels_flipped", _count(n))

    def labels(self, before: Any, after: Any) -> None:  # noqa: ANN401 - any columns
        """Count the labels that changed, from two columns in the same order of rows."""
        self.flipped(n_different(before, after))

    def param(self, **params: Any) -> None:  # noqa: ANN401
        """Add parameters that were not known at the start."""
        self._params |= params

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Say what became of single rows: all of them, or a sample.

        Each has an `action` (kept, dropped, modified, created), and what applies of `in_row_id`,
        `out_row_id`, `reason`, `weight` and `feedback_id`. Use ids that are no content: hashes of
        short texts can be guessed. Other fields, as `label_in` and `label_out`, are kept too.
        """
        for row in rows:
            if row.get("action") not in ACTIONS:
                raise ValueError(f"action must be one of {', '.join(ACTIONS)}, got {dict(row)}.")
            self._rows.append(dict(row))

    def row(self) -> dict[str, Any]:
        """Return the step as a row of `ledger_steps`, without what chains it to others.

        Raises
        ------
        ValueError
            If it was not said what the step reads and leaves.
        """
        for name, how in (("rows_in", "input"), ("rows_out", "output")):
            if name not in self._row:
                raise ValueError(f"The {self._row['op']} step does not say its {how}: step.{how}()")
        row = {**self._row, "params": self._params}
        if self._inputs:
            row["input_artifacts"] = [_name(one) for one in self._inputs]
        if self._output:
            row["output_artifact"] = _name(self._output)
        return row

    def row_map(self, step_id: str) -> list[dict[str, Any]]:
        """Return what was said of single rows, as rows of `ledger_rows`."""
        return [{"step_id": step_id, **row} for row in self._rows]

    def artifacts(self) -> list[dict[str, Any]]:
        """Return what was listed, as rows of `artifacts`."""
        named = (
            {**one, "artifact_sha256": _name(one["artifact_sha256"])} for one in self._artifacts
        )
        return list(named)

    def _add(self, name: str, value: float | None) -> None:
        if value is not None:
            self._row[name] = self._row.get(name, 0) + value

    def _add_classes(self, name: str, classes: dict[str, int] | None) -> None:
        if classes is not None:
            seen: dict[str, int] = self._row.get(name, {})
            names = sorted(seen.keys() | classes.keys())
            self._row[name] = {one: seen.get(one, 0) + classes.get(one, 0) for one in names}

    def _counted(self, name: str, n: int, reason: str) -> None:
        self._add(name, _count(n))
        if reason:
            reasons = self._params.setdefault("reasons", {})
            reasons[reason] = reasons.get(reason, 0) + int(n)

    def _list(
        self,
        artifact: str | Hashing | None,
        kind: str | None,
        name: str | None,
        version: str | None,
        rows: int,
    ) -> None:
        if kind is None:
            return
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
        if artifact is None:
            raise ValueError("An artifact is named by its SHA-256: give artifact=, or a file.")
        listed: dict[str, Any] = {
            "artifact_sha256": artifact,
            "kind": kind,
            "name": name,
            "version": version,
        }
        listed |= {"n_rows": rows, "created_at": _iso(self._started_at)}
        self._artifacts.append({key: value for key, value in listed.items() if value is not None})


def _name(artifact: str | Hashing) -> str:
    return artifact if isinstance(artifact, str) else artifact.result()


def _count(n: int) -> int:
    if n < 0 or int(n) != n:
        raise ValueError(f"n must be a whole number, 0 or more, got {n}.")
    return int(n)


def _iso(moment: datetime) -> str:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"
