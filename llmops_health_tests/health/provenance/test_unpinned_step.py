"""Unpinned steps: what each kind of step has to say, and what it need not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmops_health.findings import Finding, Status
from llmops_health.health.provenance.unpinned_step import Params, check
from llmops_health_tests.health.provenance.simulate import (
    FEATURE,
    LAST,
    NO_PIPELINES,
    Book,
    ago,
    at,
    weekly,
)


def judged(book: Book) -> Finding:
    [finding] = check(FEATURE, LAST, book.frame(), NO_PIPELINES, Params())
    return finding


@pytest.mark.parametrize(
    ("op", "missing", "status"),
    [
        ("filter", "code_sha256", Status.WARN),
        ("filter", "params", Status.WARN),
        ("filter", "env_sha256", Status.WARN),
        ("filter", "prompt_version", Status.PASS),
        ("filter", "actor", Status.PASS),
        ("filter", "code_ref", Status.PASS),
        ("ingest", "params", Status.PASS),
        ("ingest", "code_sha256", Status.WARN),
        ("relabel", "prompt_version", Status.WARN),
        ("promote", "actor", Status.WARN),
        ("promote", "code_sha256", Status.PASS),
        ("train", "env_sha256", Status.WARN),
    ],
)
def test_what_a_step_has_to_say(op: str, missing: str, status: Status) -> None:
    book = Book()
    fields: dict[str, Any] = {missing: None}
    book.add(op, at(ago(2)), 10, 10, **fields)
    assert judged(book).status is status


def test_the_message_counts_what_lacks() -> None:
    book = Book()
    book.add("filter", at(ago(2), 1), 10, 9, params=None)
    book.add("map", at(ago(2), 2), 9, 9, params=None, env_sha256=None)
    assert judged(book).message == (
        "2 of 2 ledger steps cannot be repeated (params 2 times, env_sha256 1 times missing), the"
        " first is filter (seq 1 of help/feedback, 2026-03-27) without params."
    )


def test_a_pipeline_that_says_all_passes() -> None:
    assert judged(weekly(np.random.default_rng(1))).status is Status.PASS


def test_only_what_is_in_force_counts() -> None:
    book = weekly(np.random.default_rng(1))
    book.rows[1]["params"] = None
    assert judged(book).status is Status.PASS
    book.rows[-5]["params"] = None
    assert judged(book).status is Status.WARN


def test_no_ledger_is_no_verdict() -> None:
    assert judged(Book("other")).status is Status.NOT_APPLICABLE
