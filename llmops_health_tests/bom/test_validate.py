"""What a schema cannot see is caught, and what it can: each fault is put in alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from llmops_health.bom.validate import errors
from llmops_health_tests.bom import world

Fault = Callable[[dict[str, Any]], None]


def of(bom: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in bom["components"] if one["name"] == name)


def dangling_dependency(bom: dict[str, Any]) -> None:
    bom["dependencies"][0].setdefault("dependsOn", []).append("gone")


def dangling_dataset(bom: dict[str, Any]) -> None:
    of(bom, "rerank-ckpt")["modelCard"]["modelParameters"]["datasets"][0]["ref"] = "gone"


def dangling_composition(bom: dict[str, Any]) -> None:
    bom["compositions"][0]["dependencies"] = ["gone"]


def dangling_output(bom: dict[str, Any]) -> None:
    bom["formulation"][0]["workflows"][0]["outputs"][0]["resource"]["ref"] = "gone"


def repeated_ref(bom: dict[str, Any]) -> None:
    bom["components"][0]["bom-ref"] = bom["components"][1]["bom-ref"]


def repeated_ref_of_a_nested_service(bom: dict[str, Any]) -> None:
    server = next(one for one in bom["services"] if "services" in one)
    server["services"][0]["bom-ref"] = server["bom-ref"]


def left_out_of_dependencies(bom: dict[str, Any]) -> None:
    bom["dependencies"] = [one for one in bom["dependencies"] if one["ref"] != "tool:find"]
    for one in bom["dependencies"]:
        one["dependsOn"] = [ref for ref in one.get("dependsOn", ()) if ref != "tool:find"]


def listed_twice(bom: dict[str, Any]) -> None:
    bom["dependencies"].append({"ref": "tool:find", "dependsOn": ["lib:litellm"]})


def without_ref(bom: dict[str, Any]) -> None:
    del of(bom, "litellm")["bom-ref"]


def bad_package_url(bom: dict[str, Any]) -> None:
    of(bom, "litellm")["purl"] = "litellm@1.80.1"


def bad_licence(bom: dict[str, Any]) -> None:
    of(bom, "litellm")["licenses"] = [{"license": {"id": "MIT-ish"}}]


def number_as_metric(bom: dict[str, Any]) -> None:
    card = of(bom, "rerank-ckpt")["modelCard"]
    card["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.7


def bad_serial_number(bom: dict[str, Any]) -> None:
    bom["serialNumber"] = "urn:uuid:1"


def bad_address(bom: dict[str, Any]) -> None:
    bom["services"][0]["endpoints"] = ["https://api.example.com/a b"]


def bad_percent(bom: dict[str, Any]) -> None:
    of(bom, "Qwen2.5-0.5B")["externalReferences"][0]["url"] = "https://example.com/%zz"


def unknown_key(bom: dict[str, Any]) -> None:
    bom["components"][0]["owner"] = "me"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (dangling_dependency, "dependencies[0].dependsOn: 'gone' is no bom-ref"),
        (dangling_dataset, "modelParameters.datasets[0]: 'gone' is no bom-ref"),
        (dangling_composition, "compositions[0].dependencies: 'gone' is no bom-ref"),
        (dangling_output, "outputs[0].resource: 'gone' is no bom-ref"),
        (repeated_ref, "is given 2 times"),
        (repeated_ref_of_a_nested_service, "bom-ref 'mcp:tickets' is given 2 times"),
        (left_out_of_dependencies, "'tool:find' is not in dependencies"),
        (listed_twice, "dependencies has 2 entries of 'tool:find'"),
        (without_ref, "has no bom-ref"),
        (bad_package_url, ".purl: "),
        (bad_licence, '"MIT-ish" is not one of'),
        (number_as_metric, '0.7 is not of type "string"'),
        (bad_serial_number, "$.serialNumber: "),
        (bad_address, "endpoints[0]: "),
        (bad_percent, "externalReferences[0].url: "),
        (unknown_key, "'owner' was unexpected"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_fault_is_caught(fault: Fault, said: str) -> None:
    bom = world.full().document
    assert errors(bom) == []
    fault(bom)
    found = errors(bom)
    assert any(said in one for one in found), found
    assert all("\n" not in one and len(one) < 400 for one in found)


def test_another_version_of_the_standard_is_refused() -> None:
    with pytest.raises(ValueError, match="specVersion is 1"):
        errors(world.bare().document | {"specVersion": "1.4"})


def test_a_wrong_moment_is_caught() -> None:
    bom = world.full().document
    bom["metadata"]["timestamp"] = "yesterday"
    [said] = errors(bom)
    assert said.startswith("$.metadata.timestamp: ")


def test_validation_brings_no_slow_library_in() -> None:
    slow = ("jsonschema", "rfc3987_syntax", "lark")
    code = (
        "import sys\n"
        "from llmops_health.bom.validate import errors\n"
        "assert errors({'specVersion': '1.6'})\n"
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
