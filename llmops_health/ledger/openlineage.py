"""Ledger steps as OpenLineage events, for tools that read them; nothing is read back from them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmops_health.kernels.ledger_record import ledger_record
from llmops_health.ledger.files import Row

PRODUCER = "https://llmops-health.dev"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
NAMESPACE = "llmops-health"


def events(rows: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a COMPLETE RunEvent per row of `ledger_steps`, the same whenever it is made."""
    for row in rows:
        yield _event(ledger_record(row), row.get("row_hash"))


def _event(step: Mapping[str, Any], row_hash: str | None) -> Row:
    key = f"{step['pipeline_id']}\0{step['step_id']}".encode()
    said = {
        name: step[name]
        for name in ("op", "seq", "rows_dropped", "rows_created", "rows_modified", "labels_flipped",
                     "env_sha256", "prompt_version", "params")
        if name in step
    }  # fmt: skip
    facet = _facet("llmopsHealth_ledgerStep", None) | said
    if row_hash:
        facet["rowHash"] = row_hash
    job: Row = {"namespace": NAMESPACE, "name": f"{step['pipeline_id']}.{step['op']}", "facets": {}}
    if "code_ref" in step:
        job["facets"]["sourceCodeLocation"] = _facet("SourceCodeLocationJobFacet", "1-0-1") | {
            "type": "git",
            "url": step["code_ref"],
            "version": step.get("code_sha256", ""),
        }
    outputs = [step["output_artifact"]] if "output_artifact" in step else []
    return {
        "eventType": "COMPLETE",
        "eventTime": step["started_at"],
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": {
            "runId": str(uuid.UUID(bytes=hashlib.sha256(key).digest()[:16], version=5)),
            "facets": {"llmopsHealth_ledgerStep": facet},
        },
        "job": job,
        "inputs": [
            _dataset(name) | {"inputFacets": {}} for name in step.get("input_artifacts", ())
        ],
        "outputs": [
            _dataset(name)
            | {
                "outputFacets": {
                    "outputStatistics": _facet("OutputStatisticsOutputDatasetFacet", "1-0-2")
                    | {"rowCount": step["rows_out"]}
                }
            }
            for name in outputs
        ],
    }


def _dataset(sha256: str) -> Row:
    version = _facet("DatasetVersionDatasetFacet", "1-0-1") | {"datasetVersion": sha256}
    return {"namespace": NAMESPACE, "name": sha256, "facets": {"version": version}}


def _facet(name: str, version: str | None) -> Row:
    where = f"{_FACETS}/{version}/{name}.json#/$defs/{name}" if version else f"{PRODUCER}/{name}"
    return {"_producer": PRODUCER, "_schemaURL": where}
