"""When the faults of the demo world start and how large they are, and its calendar.

The modules that make calls, labels, feedback and evals read these numbers; `plants.py` tells the
story. Days are counted from 1. A world of another length keeps the same proportions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

DESIGN_DAYS = 60
MIN_DAYS = 14
LAST_DAY = date(2026, 10, 31)

MODERATION = "moderation"
SUPPORT_INTENTS = "support-intents"
SALES_DRAFTS = "sales-drafts"
HELP_RAG = "help-rag"
CODE_AGENT = "code-agent"
INVOICE_FIELDS = "invoice-fields"

BURST_DAY = 30
TOPIC_SHIFT_DAY = 36
LABEL_DRIFT_DAY = 38
SILENT_UPDATE_DAY = 41
COST_SPIKE_DAY = 44
SLOW_SERVICE_DAY = 45
MISSING_DAY = 50
TUNE_DAY = 18
HABIT_DAY = 27
SILENT_TIME_DAY = 30
SECOND_KNOB_DAY = 33
CHALLENGE_DAY = 35
SLOW_STAGE_DAY = 40
NEWCOMER_DAY = 42
HOT_DAY = 47
STAMPING_DAY = 24
STRAY_MODEL_DAY = 25
LABEL_PROMPT_DAY = 30
MANIFEST_DAY = 39
SHORT_STAFF_DAY = 46
# Counted on from the last day of the world, whatever its length.
WITHDRAWN_AFTER_DAYS = 20

GROWTH_FACTOR = 1.4
BURST_FACTOR = 3.0
COST_SPIKE_FACTOR = 1000.0
NEW_TOPIC = "meeting_assistant"
NEW_TOPIC_SHARE = 0.35
NEW_TOPIC_RAMP_DAYS = 8
HANDED_OVER_TOPIC = "installation"
REASSIGNED_TOPIC = "refund"
REASSIGNED_TO = "billing"
REASSIGNED_SHARE = 0.5
REFUSAL_SHARE = 0.01
REFUSAL_SHARE_UPDATED = 0.08
ERROR_SHARE_BROKEN = 0.04
LOG_RESUMES_AT_HOUR = 13
DUPLICATE_CASE_SHARE = 0.4
JUDGE_AGREEMENT = 0.93
TUNE_EVERY_DAYS = 4
N_CHECKPOINTS = 5
CHALLENGER_GAIN = 0.09
HOT_TEMPERATURE = 0.7
SECOND_KNOB_TOP_P = 0.85
REFUSAL_SHARE_UNWATCHED = 0.25
HABIT_SHARE = 0.65
HABIT_RAMP_DAYS = 14
NEWCOMER_SHARE = 0.3
N_NEWCOMERS = 150
SLOW_STAGE_FACTOR = 36.0
SILENT_TIME_SHARE = 0.45
STAMPING_CATCH = 0.1
STAMPING_SECONDS = 1.2
SHORT_STAFF_CAPACITY = 0.6
STRAY_MODEL = "corvid-nano"
STRAY_MODEL_SHARE = 0.04
LOST_ROWS_SHARE = 0.18
RELABELLED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a world: `days` of them, the first at index 0."""

    first_day: date
    days: int

    @classmethod
    def ending(cls, last_day: date, days: int) -> Calendar:
        """Build the calendar of `days` days up to and including `last_day`.

        Raises
        ------
        ValueError
            If `days` is below 14: no fault would have a past to be compared with.
        """
        if days < MIN_DAYS:
            raise ValueError(f"days must be at least {MIN_DAYS}, got {days}.")
        return cls(first_day=last_day - timedelta(days=days - 1), days=days)

    @property
    def last_day(self) -> date:
        """The last day of the world."""
        return self.date_of(self.days - 1)

    def index(self, day_number: int) -> int:
        """Day `day_number` (from 1) of the 60-day design as an index (from 0) in this world."""
        return (day_number - 1) * self.days // DESIGN_DAYS

    def date_of(self, index: int) -> date:
        """Return the date of the day at `index`."""
        return self.first_day + timedelta(days=index)
