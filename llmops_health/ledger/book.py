"""A ledger file that steps are written to, and the chain that holds their rows together."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmops_health.kernels.hash_chain import GENESIS, row_hash
from llmops_health.kernels.ledger_record import ledger_record
from llmops_health.ledger import files, fingerprints
from llmops_health.ledger.step import Step

DEFAULT_PATH = Path("ledger.jsonl")


class Ledger:
    """A ledger file, and the pipeline whose steps are written to it."""

    def __init__(
        self,
        path: Path | str,
        pipeline: str,
        *,
        actor: str | None = None,
        environment: Path | str | None = None,
    ) -> None:
        """Write to `path`; see `open`."""
        if not pipeline.strip():
            raise ValueError("A pipeline needs an id, as support-intents/feedback.")
        self.path = Path(path)
        self.pipeline = pipeline.strip()
        self._actor = actor
        self._environment = Path(environment) if environment else None

    @contextmanager
    def step(
        self,
        op: str,
        *,
        params: Mapping[str, Any] | None = None,
        code: fingerprints.Code | None = None,
        prompt_version: str | None = None,
        actor: str | None = None,
        started_at: datetime | None = None,
    ) -> Iterator[Step]:
        """Record what happens in the block; where it raises, nothing is recorded.

        `code` is the function or file that does the work; missing, it is the file that calls.
        """
        # Up from here through contextlib's two frames to who wrote `with`.
        caller = sys._getframe(2)  # noqa: SLF001
        reference, sha256 = fingerprints.code_of(code, caller)
        said = {
            "code_ref": reference,
            "code_sha256": sha256,
            "env_sha256": fingerprints.sha256_of(self._environment)
            if self._environment
            else fingerprints.environment(),
            "prompt_version": prompt_version,
            "actor": actor or self._actor,
            "params": params,
        }
        begun = Step(op, started_at or datetime.now(UTC), **said)
        yield begun
        self._write(begun)

    def append(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Append one row of `ledger_steps` that came from elsewhere; return it with its chain.

        Its `pipeline_id`, `seq` and hashes are set here, and `step_id` where it has none.
        """
        with files.writing(self.path) as file:
            return self._chained(file, dict(row))

    def _write(self, begun: Step) -> None:
        row = begun.row()
        with files.writing(self.path) as file:
            # Rows first: a step whose rows are missing would look like one without.
            row["step_id"] = self._step_id(row)
            files.append(files.artifacts_path(self.path), begun.artifacts())
            files.append(files.rows_path(self.path), begun.row_map(row["step_id"]))
            self._chained(file, row)

    def _chained(self, file: Any, row: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        last = files.newest(file, lambda one: one.get("pipeline_id") == self.pipeline) or {}
        placed = {
            "pipeline_id": self.pipeline,
            "step_id": row.get("step_id") or self._step_id(row),
            "seq": int(last.get("seq", 0)) + 1,
            **{k: v for k, v in row.items() if v is not None and k not in _SET_HERE},
        }
        previous = str(last.get("row_hash") or GENESIS)
        placed |= {"prev_hash": previous, "row_hash": row_hash(previous, ledger_record(placed))}
        text = files.line(placed)
        file.seek(0, 2)
        file.write(text)
        return placed

    def _step_id(self, row: Mapping[str, Any]) -> str:
        # Rows of single steps are told apart by it alone, over all pipelines.
        return f"{self.pipeline}/{row['op']}-{os.urandom(6).hex()}"


_SET_HERE = frozenset({"pipeline_id", "step_id", "seq", "prev_hash", "row_hash"})


def open(  # noqa: A001 - read as ledger.open
    path: Path | str = DEFAULT_PATH,
    *,
    pipeline: str,
    actor: str | None = None,
    environment: Path | str | None = None,
) -> Ledger:
    """Open a ledger for the steps of a pipeline; the file is made with its first step.

    `actor` is who or what runs it (a job's name rather than a person's), `environment` a lock file
    whose hash stands for what is installed; missing, it is told from the installed packages.
    """
    return Ledger(path, pipeline, actor=actor, environment=environment)


@contextmanager
def step(
    op: str,
    *,
    pipeline: str,
    path: Path | str = DEFAULT_PATH,
    params: Mapping[str, Any] | None = None,
    code: fingerprints.Code | None = None,
    prompt_version: str | None = None,
    actor: str | None = None,
) -> Iterator[Step]:
    """Record one step in `ledger.jsonl`, or the file at `path`; see `Ledger.step`."""
    if code is None:
        called = sys._getframe(2).f_code.co_filename  # noqa: SLF001
        code = Path(called) if Path(called).is_file() else None
    with Ledger(path, pipeline).step(
        op, params=params, code=code, prompt_version=prompt_version, actor=actor
    ) as begun:
        yield begun
