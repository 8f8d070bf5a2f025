"""Signatures: of these bytes by this key, and of nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from llmops_health.bom.document import as_bytes
from llmops_health.bom.sign import PREDICATE_TYPE, disagreement, key_named, signed
from llmops_health.ledger.checkpoints import make_key
from llmops_health.ledger.dsse import sealed
from llmops_health_tests.bom import world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "f.cdx.json"
    path.write_bytes(as_bytes(world.full().document))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "bom.key")
    return tmp_path / "bom.key"


def public(key: Path) -> Path:
    return key.with_name("bom.key.pub")


def test_a_signature_holds_for_the_same_bytes(path: Path, key: Path) -> None:
    signature = signed(path, key)
    assert signature.name == "f.cdx.json.dsse.json"
    assert disagreement(path.read_bytes(), signature, public(key)) is None
    statement = json.loads(base64.b64decode(json.loads(signature.read_text("utf-8"))["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://cyclonedx.org/bom"
    assert statement["subject"][0]["name"] == "f.cdx.json"
    assert key_named(path.read_bytes(), signature) is not None


def test_a_changed_byte_does_not(path: Path, key: Path) -> None:
    signature = signed(path, key)
    changed = path.read_bytes().replace(b"claude-answer", b"claude-answes", 1)
    said = disagreement(changed, signature, public(key))
    assert said is not None
    assert said.endswith("was signed")
    assert key_named(changed, signature) is None


def test_a_changed_statement_does_not(path: Path, key: Path) -> None:
    signature = signed(path, key)
    envelope = json.loads(signature.read_text("utf-8"))
    payload = base64.b64decode(envelope["payload"]).replace(b"f.cdx.json", b"g.cdx.json")
    signature.write_text(json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}))
    with pytest.raises(ValueError, match="None of 1 signatures is of the key"):
        disagreement(path.read_bytes(), signature, public(key))


def test_another_key_does_not(path: Path, key: Path, tmp_path: Path) -> None:
    signature = signed(path, key)
    other = make_key(tmp_path / "other.key")
    with pytest.raises(ValueError, match="None of 1 signatures is of the key"):
        disagreement(path.read_bytes(), signature, other)


def test_a_signature_of_something_else_does_not(path: Path, key: Path, tmp_path: Path) -> None:
    statement = {"_type": "x", "subject": [], "predicateType": "https://example.com/other"}
    signature = tmp_path / "s.json"
    signature.write_text(json.dumps(sealed(statement, key)))
    with pytest.raises(ValueError, match="This is no signature of a bill of materials"):
        disagreement(path.read_bytes(), signature, public(key))
    empty = sealed(statement | {"predicateType": PREDICATE_TYPE}, key)
    signature.write_text(json.dumps(empty))
    said = disagreement(path.read_bytes(), signature, public(key))
    assert said is not None
    assert "none was signed" in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": 3}'])
def test_rubbish_is_no_signature(path: Path, key: Path, tmp_path: Path, text: str) -> None:
    signature = tmp_path / "s.json"
    signature.write_text(text)
    assert key_named(path.read_bytes(), signature) is None
    with pytest.raises(ValueError, match=r"no JSON|no DSSE envelope"):
        disagreement(path.read_bytes(), signature, public(key))
