"""The project a run works on: its configuration and its warehouse."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from llmops_health import config, health
from llmops_health.config import Config
from llmops_health.findings import CheckParams

if TYPE_CHECKING:  # only a run needs the engines behind these
    from llmops_health.storage.warehouse import Warehouse


def default_config_path() -> Path:
    """Return the configuration's path: LLMOPS_HEALTH_CONFIG, or the default file."""
    return config.config_path(None, os.environ)


class Project(dg.ConfigurableResource):
    """The configuration file, read when a run starts, and the databases it names."""

    config_path: str = ""

    @cached_property
    def config(self) -> Config:
        """Return the configuration; its errors name file, key, value, rule and remedy."""
        path = Path(self.config_path) if self.config_path else default_config_path()
        loaded = config.load(path)
        config.require_engine(loaded)
        config.validate_checks(loaded, registry())
        return loaded

    @cached_property
    def params(self) -> dict[str, dict[str, Any]]:
        """Return every check's parameters, by mode and check name."""
        return config.validate_checks(self.config, registry())

    @cached_property
    def warehouse(self) -> Warehouse:
        """Return the warehouse, with its folders and tables made."""
        from llmops_health import steps
        from llmops_health.ingest import land
        from llmops_health.storage.warehouse import Warehouse

        storage = self.config.storage
        warehouse = Warehouse(storage.path, memory_limit=storage.memory_limit)
        land.prepare(warehouse)
        warehouse.ensure(steps.all_tables())
        return warehouse

    def params_of(self, check: health.Check) -> CheckParams:
        """Return one check's parameters."""
        params: CheckParams = self.params[check.mode][check.name]
        return params


def registry() -> dict[str, dict[str, type[CheckParams]]]:
    """Return the parameters' model of every check, by mode and check name."""
    found: dict[str, dict[str, type[CheckParams]]] = {}
    for check in health.discover():
        found.setdefault(check.mode, {})[check.name] = check.params
    return found
