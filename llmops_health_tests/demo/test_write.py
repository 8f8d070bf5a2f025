"""Writing the demo world: same bytes from the same seed, and worlds of other sizes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from llmops_health.config import load
from llmops_health.demo import truth, write_world
from llmops_health.demo.faults import LAST_DAY


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        write_world(tmp_path / name, seed=seed, days=16, calls_per_day=20)
    one, again, other = (
        {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "one", tmp_path / "again", tmp_path / "other")
    )
    assert len(one) > 16
    assert one == again
    assert one.keys() == other.keys()
    # What people write down by hand and the dates of eval runs do not hang on the seed.
    same = {path.as_posix() for path in one if one[path] == other[path]}
    assert same == {
        "llmops-health.yaml",
        "evals/runs.parquet",
        "parts/edges.jsonl",
        "alarms/acknowledgements.csv",
        "catalogue/catalog-info.yaml",
        "catalogue/CODEOWNERS",
    }


@pytest.mark.parametrize(
    ("days", "calls_per_day", "message"),
    [
        (13, 20, "days must be at least 14, got 13"),
        (14, 19, "calls_per_day must be at least 20, got 19"),
    ],
)
def test_a_world_too_small_is_refused(
    tmp_path: Path, days: int, calls_per_day: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_world(tmp_path, days=days, calls_per_day=calls_per_day)


@pytest.mark.parametrize("days", [14, 31, 60])
def test_plants_are_dated_inside_the_range(days: int) -> None:
    plants = truth(days=days, last_day=LAST_DAY)
    first_day = LAST_DAY - timedelta(days=days - 1)
    assert all(first_day <= plant.starts_on <= LAST_DAY for plant in plants)
    assert {plant.kind for plant in plants} == {"fault", "look_alike"}


def test_the_config_loads_and_its_paths_lead_to_files(tmp_path: Path) -> None:
    config = load(write_world(tmp_path, days=14, calls_per_day=20), {})
    assert len(config.features) == 6
    for path in (path for source in config.sources for path in source.path):
        assert list(tmp_path.glob(Path(path).relative_to(tmp_path).as_posix()))
