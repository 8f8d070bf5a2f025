"""One judged world for every test that looks at what a whole run leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmops_health.demo import write_world
from llmops_health.running import run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of the demo world, written and judged as `demo` does it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("DAGSTER_HOME", raising=False)
        environment.delenv("LLMOPS_HEALTH_CONFIG", raising=False)
        path = write_world(tmp_path_factory.mktemp("demo"))
        run(path)
    return path
