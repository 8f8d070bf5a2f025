"""What is known of a check's power, in a sentence: what it finds, how often it rings falsely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmops_health.report.page_numbers import counted, short


def power_line(card: Mapping[str, Any] | None) -> str:
    """Return a power card as one sentence; empty where there is none."""
    if card is None:
        return ""
    told = [_found(card), _false_alarms(card), _smallest(card)]
    sentence = "; ".join(part for part in told if part)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else str(card.get("message") or "")


def all_power(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return what the replays of all cards say together; empty where there are none."""
    planted = [card for card in cards if card.get("n_planted")]
    if not planted:
        return ""
    n_planted = sum(card["n_planted"] for card in planted)
    n_found = sum(card["n_found"] or 0 for card in planted)
    a_month = sum(card.get("false_alarms_per_month") or 0.0 for card in planted)
    return (
        f"In replays of past days {n_found:,} of {counted(n_planted, 'planted fault')} were found"
        f" by {counted(len(planted), 'check')}; without a fault these rang"
        f" {short(round(a_month, 1))} times a month in all."
    )


def _found(card: Mapping[str, Any]) -> str:
    if not card.get("n_planted"):
        return ""
    # What the shift was is long, and told by the card's own message.
    what = str(card.get("shift") or "the planted fault").partition(" (")[0]
    return f"finds {what} in {card.get('n_found') or 0} of {card['n_planted']} replays"


def _false_alarms(card: Mapping[str, Any]) -> str:
    rate = card.get("false_alarms_per_month")
    if rate is None or not card.get("n_quiet"):
        return ""
    lo, hi = card.get("false_lo"), card.get("false_hi")
    within = ""
    if lo is not None and hi is not None:
        within = f" [{short(round(lo, 1))}, {short(round(hi, 1))}]"
    return f"{short(round(rate, 1))}{within} false alarms a month"


def _smallest(card: Mapping[str, Any]) -> str:
    effect = card.get("smallest_effect")
    if effect is None:
        return "no planted effect is found reliably" if card.get("n_planted") else ""
    unit = str(card.get("effect_unit") or "")
    is_share = unit.split(" ", maxsplit=1)[0] == "share"
    shown = f"{short(100 * effect)} %" if is_share else short(effect)
    rest = unit if not is_share else unit.removeprefix("share").strip()
    return f"smallest effect found {shown} {rest}".rstrip()
