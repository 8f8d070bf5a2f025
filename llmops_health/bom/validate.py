"""Is a document what it says: the official schema, strictly, and what a schema cannot see.

A schema holds shapes. That refs lead somewhere, are unique and are all told of in `dependencies`,
and that package URLs can be read, is ours to check.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema_rs import Draft7Validator, ValidationError

MOST_ERRORS = 50
SPECS = ("1.6", "1.7")
_BASE = "http://cyclonedx.org/schema/"
_REFERRED = tuple(
    f"{name}.SNAPSHOT.schema.json" for name in ("spdx", "jsf-0.82", "cryptography-defs")
)


def errors(bom: dict[str, Any]) -> list[str]:
    """Return what is wrong with a document, each as a sentence with its place; none if valid."""
    found = list(_of_schema(bom))
    # Of a document that has another shape, refs cannot be followed.
    return (found or [*_of_refs(bom), *_of_package_urls(bom)])[:MOST_ERRORS]


def refs(bom: dict[str, Any]) -> list[str]:
    """Return every bom-ref that a document defines, repeated ones too, in order."""
    return [str(one["bom-ref"]) for _, one in _objects(bom) if "bom-ref" in one]


def _of_schema(bom: dict[str, Any]) -> Iterator[str]:
    for error in _validator(str(bom.get("specVersion"))).iter_errors(bom):
        yield _told(error)


@cache
def _validator(spec: str) -> Draft7Validator:
    from jsonschema_rs import Draft7, Draft7Validator, Registry  # noqa: PLC0415

    if spec not in SPECS:
        raise ValueError(f"specVersion is {spec}; {' and '.join(SPECS)} are written here.")
    registry = Registry([(f"{_BASE}{name}", _schema(name)) for name in _REFERRED], draft=Draft7)
    return Draft7Validator(
        _schema(f"bom-{spec}.SNAPSHOT.schema.json"),
        validate_formats=True,
        registry=registry,
        offline=True,
    )


def _schema(name: str) -> dict[str, Any]:
    """Return an official schema, as the library of CycloneDX brings it: nothing is fetched."""
    found: dict[str, Any] = json.loads(
        files("cyclonedx.schema").joinpath("_res", name).read_text("utf-8")
    )
    return found


def _told(error: ValidationError) -> str:
    """Return a schema's error in one line; of alternatives, what the nearest of them misses."""
    while alternatives := [one for some in getattr(error.kind, "context", ()) for one in some]:
        error = max(alternatives, key=lambda one: len(one.instance_path))
    place = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path
    )
    said = " ".join(error.message.split())
    return f"${place}: {said if len(said) <= 200 else f'{said[:80]} ... {said[-110:]}'}"


def _of_refs(bom: dict[str, Any]) -> Iterator[str]:
    defined = refs(bom)
    for ref, n in Counter(defined).items():
        if n > 1:
            yield f"bom-ref {ref!r} is given {n} times."
    known = set(defined)
    for place, ref in _used(bom):
        if ref not in known:
            yield f"{place}: {ref!r} is no bom-ref of this document."
    listed = Counter(one["ref"] for one in bom.get("dependencies", ()))
    for ref, n in listed.items():
        if n > 1:
            yield f"dependencies has {n} entries of {ref!r}."
    parts = {str(one["bom-ref"]) for _, one in _parts(bom) if "bom-ref" in one}
    for ref in sorted(parts - set(listed)):
        yield f"{ref!r} is not in dependencies."
    for place, one in _parts(bom):
        if "bom-ref" not in one:
            yield f"{place} has no bom-ref."


def _used(bom: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every place that points at a ref."""
    for at, one in enumerate(bom.get("dependencies", ())):
        yield f"dependencies[{at}].ref", one["ref"]
        for name in ("dependsOn", "provides"):
            for ref in one.get(name, ()):
                yield f"dependencies[{at}].{name}", ref
    for at, one in enumerate(bom.get("compositions", ())):
        for name in ("assemblies", "dependencies"):
            for ref in one.get(name, ()):
                yield f"compositions[{at}].{name}", ref
    for place, one in _objects(bom):
        last = place.rpartition(".")[2]
        if "ref" in one and (last.startswith("datasets[") or last == "resource"):
            yield place, one["ref"]


def _parts(bom: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what `dependencies` must tell of: the subject, components and services."""
    for place, one in _objects(bom):
        last = place.rpartition(".")[2]
        is_part = place == "metadata.component" or last.startswith(("components[", "services["))
        if is_part and not place.startswith("metadata.tools"):
            yield place, one


def _of_package_urls(bom: dict[str, Any]) -> Iterator[str]:
    from packageurl import PackageURL  # noqa: PLC0415

    for place, one in _objects(bom):
        if "purl" in one:
            try:
                PackageURL.from_string(one["purl"])
            except ValueError as error:
                yield f"{place}.purl: {error}"


def _objects(value: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object below a value with its path."""
    if isinstance(value, dict):
        if place:
            yield place, value
        for name, below in value.items():
            yield from _objects(below, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, below in enumerate(value):
            yield from _objects(below, f"{place}[{at}]")
