"""One judged world for every test that looks at what a whole run leaves behind."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from llmops_health.demo import write_world
from llmops_health.running import run


@pytest.fixture
def no_dagster_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Dagster's folder where the product puts it."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


_LONGEST_FIRST = ("demo", "test_examples", "test_graph", "test_kill")


@cache
def _shares_the_world(path: str) -> bool:
    """Whether a test file asks for the judged world."""
    source = Path(path)
    return source.is_file() and "demo: Path" in source.read_text("utf-8")


class OneWorld(LoadScopeScheduling):  # type: ignore[misc]
    """Spread modules and classes over processes, those that share the judged world as one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return "demo" if _shares_the_world(path) else str(super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneWorld:
    """Use it whenever tests run in several processes."""
    config.option.loadscopereorder = False
    return OneWorld(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: the whole suite then ends when its last process does."""

    def place(item: pytest.Item) -> int:
        path = str(item.path)
        keys = ("demo" if _shares_the_world(path) else "", *item.path.with_suffix("").parts)
        found = (at for at, name in enumerate(_LONGEST_FIRST) if name in (keys[0], keys[-1]))
        return next(found, len(_LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of the demo world, written and judged as `demo` does it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        environment.delenv("LLMOPS_HEALTH_CONFIG", raising=False)
        path = write_world(tmp_path_factory.mktemp("demo"))
        run(path)
    return path
