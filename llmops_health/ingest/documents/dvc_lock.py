"""A `dvc.lock`: files that stages made or read, by MD5, and which were made from which.

Code is no part here, and an MD5 is no SHA-256: it is the version, written `md5:...` as the ledger
of `import-dvc` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmops_health.ingest.documents import Row, Rows
from llmops_health.ingest.documents.facts import address, known, mapping, mappings, text
from llmops_health.ingest.documents.reading import DocumentError, yaml_documents
from llmops_health.ledger.dvc import is_code, named, stages_of

_WEIGHTS = frozenset({
    *(".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".gguf", ".ggml", ".h5"),
    *(".keras", ".joblib", ".pkl", ".pb"),
})  # fmt: skip


def rows(text: str, table: str, path: PurePath) -> Rows:  # noqa: ARG001 - one shape for all
    """Yield the files of a lock file in their order, or what each was made from."""
    values = [value for _, value in yaml_documents(text)]
    try:
        stages = stages_of(values[0] if values else None, "it")
    except ValueError as error:
        raise DocumentError(str(error)) from None
    files = _files(stages)
    if table == "components":
        for place, (own, (file, stage)) in enumerate(files.items(), start=1):
            yield place, _component(own, file, stage)
    else:
        for place, edge in enumerate(dict.fromkeys(_edges(stages)), start=1):
            yield place, dict(zip(("src", "dst", "relation"), edge, strict=True))


def _files(
    stages: Mapping[str, Any],
) -> dict[str, tuple[Mapping[str, Any], str | None]]:
    """Return every file of data once, with the stage that made it."""
    found: dict[str, tuple[Mapping[str, Any], str | None]] = {}
    for key in ("deps", "outs"):
        for name, stage in stages.items():
            for file in mappings(mapping(stage).get(key)):
                own = _id(file)
                if own and not is_code(own):
                    found[own] = (file, name if key == "outs" else None)
    return found


def _id(file: Mapping[str, Any]) -> str | None:
    path = text(file.get("path"))
    # A path may be the address of a bucket.
    return address(path) if path and "://" in path else path


def _kind(path: str) -> str:
    words = {part.lower() for part in PurePath(path).parts}
    if any(word in path.lower() for word in ("adapter", "lora")):
        return "adapter"
    is_model = PurePath(path).suffix.lower() in _WEIGHTS or any(
        word.startswith(("checkpoint", "model")) for word in words
    )
    return "checkpoint" if is_model else "dataset"


def _component(own: str, file: Mapping[str, Any], stage: str | None) -> Row:
    return known({
        "component_id": own,
        "kind": _kind(own),
        "name": own,
        "version": named(file) if any(map(file.get, ("md5", "checksum", "etag"))) else None,
        "stage": stage,
        "n_bytes": text(file.get("size")),
        "n_files": text(file.get("nfiles")),
    })  # fmt: skip


def _edges(stages: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for stage in stages.values():
        deps = [own for one in mappings(mapping(stage).get("deps")) if (own := _id(one))]
        for out in mappings(mapping(stage).get("outs")):
            own = _id(out)
            for dep in deps:
                if own and own != dep and not is_code(dep):
                    is_training = _kind(own) != "dataset" and _kind(dep) == "dataset"
                    yield own, dep, "trained_on" if is_training else "derived_from"
