"""The six features of the demo world: their size, service and settings. No randomness here."""

from __future__ import annotations

from dataclasses import dataclass

from llmops_health.demo import faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One LLM feature while nothing is wrong with it.

    Attributes
    ----------
    volume
        Calls per day over those of the world, on average over a week at the start.
    latency_ms
        Median latency of an answer of `typical_tokens` tokens.
    latency_spread
        Standard deviation of ln latency within a user.
    skill
        Centre of the logit of confidence; None where the feature states no confidence.
    label_delay_days
        Shortest and longest time until people say what was right; None where nobody does.
    """

    feature_id: str
    prefix: str
    kind: str
    suite_id: str
    model: str
    prompt_version: str
    temperature: float
    max_tokens: int
    volume: float = 1.0
    n_users: int = 300
    growth: float = 1.0
    latency_ms: float
    latency_spread: float = 0.35
    typical_tokens: float = 3.0
    usd_per_input_token: float = 2e-6
    usd_per_output_token: float = 8e-6
    error_share: float = 0.004
    skill: float | None = None
    label_delay_days: tuple[float, float] | None = None


FEATURES = (
    Feature(
        feature_id=faults.MODERATION,
        prefix="mod",
        kind="classifier",
        suite_id="moderation-v4",
        model="corvid-mini",
        prompt_version="v12",
        temperature=0.0,
        max_tokens=16,
        growth=faults.GROWTH_FACTOR,
        latency_ms=420,
        usd_per_input_token=4e-7,
        usd_per_output_token=1.6e-6,
        skill=3.2,
        label_delay_days=(1, 6),
    ),
    Feature(
        feature_id=faults.SUPPORT_INTENTS,
        prefix="sup",
        kind="classifier",
        suite_id="intents-v1",
        model="corvid-mini",
        prompt_version="v7",
        temperature=0.0,
        max_tokens=16,
        latency_ms=480,
        usd_per_input_token=4e-7,
        usd_per_output_token=1.6e-6,
        skill=3.05,
        label_delay_days=(1, 6),
    ),
    Feature(
        feature_id=faults.SALES_DRAFTS,
        prefix="dra",
        kind="generation",
        suite_id="drafts-v2",
        model="corvid-large",
        prompt_version="v5",
        temperature=0.7,
        max_tokens=700,
        latency_ms=2600,
        typical_tokens=75,
    ),
    Feature(
        feature_id=faults.HELP_RAG,
        prefix="rag",
        kind="rag",
        suite_id="help-v3",
        model="corvid-large",
        prompt_version="v9",
        temperature=0.2,
        max_tokens=500,
        latency_ms=1900,
        typical_tokens=55,
    ),
    Feature(
        feature_id=faults.CODE_AGENT,
        prefix="cod",
        kind="agent",
        suite_id="agent-v1",
        model="corvid-large",
        prompt_version="v3",
        temperature=0.2,
        max_tokens=2000,
        latency_ms=7800,
        latency_spread=0.45,
        typical_tokens=75,
        error_share=0.005,
    ),
    Feature(
        feature_id=faults.INVOICE_FIELDS,
        prefix="inv",
        kind="extraction",
        suite_id="invoices-v2",
        model="corvid-mini",
        prompt_version="v4",
        temperature=0.0,
        max_tokens=200,
        volume=60 / 220,
        n_users=30,
        latency_ms=1100,
        typical_tokens=40,
        usd_per_input_token=4e-7,
        usd_per_output_token=1.6e-6,
        skill=3.6,
        label_delay_days=(5, 15),
    ),
)
