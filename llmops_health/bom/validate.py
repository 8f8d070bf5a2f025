"""Is a document what it says: the official schema, strictly, and what a schema cannot see.

A schema holds shapes. That refs lead somewhere, are unique and are all told of in `dependencies`,
and that package URLs can be read, is ours to check.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator
    from jsonschema import ValidationError

MOST_ERRORS = 50
_PLAIN_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]"
    r"|%[0-9A-Fa-f]{2})*)*"
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
    validator = _validator(str(bom.get("specVersion")))
    text = json.dumps(_without_plain_addresses(bom))
    for error in validator.validate_str(text, all_errors=True) or ():
        yield _told(error.data)


def _without_plain_addresses(value: object, key: str = "") -> object:
    """Return a document in which a short relative address stands for each plain one.

    The validator's grammar of addresses takes 70 ms for each, which is a minute for a thousand
    libraries. What is plainly one need not be parsed; all that is not is left for the grammar.
    """
    if isinstance(value, dict):
        return {name: _without_plain_addresses(below, name) for name, below in value.items()}
    if isinstance(value, list):
        return [_without_plain_addresses(below, key) for below in value]
    is_address = key in {"url", "endpoints"} and isinstance(value, str)
    if is_address and _PLAIN_ADDRESS.fullmatch(str(value)):
        # Still another one for another address: lists may have to be without repeats.
        return f"x{crc32(str(value).encode()):x}"
    return value


@cache
def _validator(spec: str) -> JsonStrictValidator:
    # Its schemas are in its package: nothing is fetched. The import takes 1.5 seconds.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    known = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}
    if spec not in known:
        raise ValueError(f"specVersion is {spec}; {' and '.join(known)} are written here.")
    return JsonStrictValidator(known[spec])


def _told(error: ValidationError) -> str:
    """Return a schema's error in one line; of alternatives, what the nearest of them misses."""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    said = " ".join(error.message.split())
    return f"{error.json_path}: {said if len(said) <= 200 else f'{said[:80]} ... {said[-110:]}'}"


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
