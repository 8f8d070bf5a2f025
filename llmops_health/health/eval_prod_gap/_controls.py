"""Which production calls stand beside each eval input. Nothing is compared.

Frames are those of `summary__compared_calls` and `summary__matches`, sorted by day.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

UNIT: Final = ["input_sha256", "harness_key"]
"""What makes an eval input: its text, and what it was run with."""

# At most half as long again, as those that were matched when their texts were read.
_MAX_LOG_LENGTH: Final = log(1.5) + 1e-9
_ASKED: Final = ["call_id", *UNIT, "ln_input_chars", "input_language"]


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """Production calls beside eval inputs, a row per input and call.

    `unit` is the place of the input among those asked, `at` that of the call among the calls of the
    window; `is_same_harness` says whether both ran with the same models and prompt version.
    """

    unit: Ints
    at: Ints
    similarity: Floats
    is_exact: Flags
    is_same_harness: Flags

    def take(self, rows: Ints | Flags) -> Controls:
        """Return the controls of some rows, in their order."""
        return Controls(
            self.unit[rows],
            self.at[rows],
            self.similarity[rows],
            self.is_exact[rows],
            self.is_same_harness[rows],
        )


def asked_units(recent: pl.DataFrame) -> pl.DataFrame:
    """Return the eval inputs among calls, sorted, and the place `unit` of each."""
    asked = recent[UNIT].filter(recent["is_eval"])
    return asked.unique().sort(UNIT).with_row_index("unit")


def best_controls(
    compared: pl.DataFrame,
    recent: pl.DataFrame,
    matches: pl.DataFrame,
    asked: pl.DataFrame,
    min_inputs: int,
) -> Controls:
    """Return of each input its controls of the same harness, else others; exact twins go first.

    Where `min_inputs` have controls of the same harness, only these count. `recent` are the calls
    of the window, in which `asked` and `matches` are.
    """
    live = recent[_ASKED].with_row_index("at").filter(~recent["is_eval"])
    known = compared[_ASKED].filter(compared["is_eval"])
    twins = live[["at", "input_sha256"]].join(asked[["unit", "input_sha256"]], on="input_sha256")
    near = _near(known, live, matches).join(asked, on=UNIT, maintain_order="left")
    unit, at = (
        np.concatenate([side[name].to_numpy() for side in (twins, near)]).astype(np.int64)
        for name in ("unit", "at")
    )
    found = Controls(
        unit=unit,
        at=at,
        similarity=np.concatenate([np.ones(len(twins)), near["similarity"].to_numpy()]),
        is_exact=np.arange(len(unit)) < len(twins),
        is_same_harness=np.asarray(
            recent["harness_key"].to_numpy()[at] == asked["harness_key"].to_numpy()[unit]
        ),
    )
    goes_first = 2 * found.is_same_harness + found.is_exact
    best = np.zeros(len(asked), dtype=np.int64)
    np.maximum.at(best, unit, goes_first)
    found = found.take(goes_first == best[unit])
    # A call that was found from either side counts once.
    once = np.unique(found.unit * len(recent) + found.at, return_index=True)[1]
    found = found.take(np.sort(once))
    same = found.take(found.is_same_harness)
    return same if len(np.unique(same.unit)) >= min_inputs else found


def _near(evals: pl.DataFrame, live: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """Return the production calls within the caliper of an input.

    Found from either side: those nearest to an input, and those that no input is nearer to. The
    caliper of the first holds for both.
    """
    is_near = matches["similarity"] >= matches["caliper"]
    of_evals = matches["is_eval"] & is_near
    caliper = matches["caliper"].filter(of_evals).max()
    of_live = ~matches["is_eval"] & (
        matches["similarity"] >= pl.Series([caliper], dtype=pl.Float64)
    )

    def either(of_eval: str, of_call: str) -> pl.Series:
        return pl.concat([matches[of_eval].filter(of_evals), matches[of_call].filter(of_live)])

    named = pl.DataFrame(
        {
            "eval_call_id": either("call_id", "match_call_id"),
            "call_id": either("match_call_id", "call_id"),
            "similarity": either("similarity", "similarity"),
        }
    )
    inputs = evals.rename({"call_id": "eval_call_id"})
    found = live.drop(UNIT).join(
        named.join(inputs, on="eval_call_id"), on="call_id", suffix="_eval"
    )
    differs = (found["ln_input_chars"] - found["ln_input_chars_eval"]).abs() > _MAX_LOG_LENGTH
    differs |= found["input_language"] != found["input_language_eval"]
    return found.filter(~differs.fill_null(value=False))
