"""The configuration of a project, read from `llmops-health.yaml` and held to its rules.

Keys are in `config_models.py`, rules of values in `config_rules.py`, the words of errors in
`config_errors.py`. Nothing heavy is imported: every command starts here.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from llmops_health.config_errors import ConfigError, Origin, Problem
from llmops_health.config_models import (
    Config,
    Feature,
    Privacy,
    Retention,
    Review,
    Slo,
    Source,
    Spark,
    Storage,
)
from llmops_health.config_rules import (
    DEFAULT_FILE,
    DOCUMENT_FORMATS,
    MODES,
    NATIVE_FORMATS,
    OTHER_FORMATS,
    TABLE_NAMES,
    Reading,
)
from llmops_health.config_template import TEMPLATE, write_template
from llmops_health.config_yaml import read_document

__all__ = [
    "DEFAULT_FILE",
    "DOCUMENT_FORMATS",
    "MODES",
    "NATIVE_FORMATS",
    "OTHER_FORMATS",
    "TABLE_NAMES",
    "TEMPLATE",
    "Config",
    "ConfigError",
    "Feature",
    "Origin",
    "Privacy",
    "Problem",
    "Retention",
    "Review",
    "Slo",
    "Source",
    "Spark",
    "Storage",
    "acknowledgements_path",
    "config_path",
    "json_schema",
    "load",
    "require_engine",
    "validate_checks",
    "write_template",
]

FILE_VARIABLE = "LLMOPS_HEALTH_CONFIG"
ACKNOWLEDGEMENTS: Final = "acknowledgements"

_REFERENCE_SCHEMA = {"type": "string", "pattern": r"\$\{"}


def config_path(option: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: the option, else LLMOPS_HEALTH_CONFIG, else `DEFAULT_FILE`."""
    if option is not None:
        return option
    return Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration.

    Parameters
    ----------
    path
        The YAML file. Relative paths in it start from its folder.
    environ
        What `${NAME}` is taken from.

    Raises
    ------
    ConfigError
        The file is missing or breaks a rule. Every problem of the file is in the one error.
    """
    document = read_document(path, environ)
    # The default path also starts from the file's folder: only a key that is there sees it.
    data = document.data | {"storage": document.data.get("storage", {})}
    if data["storage"] is None:
        data["storage"] = {}
    problems = list(document.problems)
    reported = {problem.key for problem in problems}
    config = None
    try:
        config = Config.model_validate(data, context=Reading(document.origin))
    except ValidationError as error:
        found = document.origin.problems_of(error, Config, data)
        problems += [problem for problem in found if problem.key not in reported]
    if config is None or problems:
        raise ConfigError(problems)
    return _with_acknowledgements(config)


def acknowledgements_path(config: Config) -> Path:
    """Return where `llmops-health ack` writes: beside the configuration, read by every run."""
    return config.root / f"{ACKNOWLEDGEMENTS}.jsonl"


def _with_acknowledgements(config: Config) -> Config:
    """Add the file that `ack` writes to the sources, where it is there and not listed already."""
    path = acknowledgements_path(config)
    patterns = (
        pattern
        for source in config.sources
        if source.table == ACKNOWLEDGEMENTS
        for pattern in source.path
    )
    # Not Path.glob: a pattern may be absolute.
    listed = {file for pattern in patterns for file in glob.glob(pattern, recursive=True)}  # noqa: PTH207
    if not path.is_file() or str(path) in listed:
        return config
    own = Source(table=ACKNOWLEDGEMENTS, format="jsonl", path=(glob.escape(str(path)),))
    return config.model_copy(update={"sources": (*config.sources, own)})


def require_engine(config: Config) -> None:
    """Raise ConfigError where the configuration asks for an engine that this version lacks."""
    if config.engine != "duckdb":
        rule = "`spark` is not supported by this version. Use: engine: duckdb"
        raise ConfigError([config.origin.problem(("engine",), rule)])


def validate_checks(
    config: Config, registry: Mapping[str, Mapping[str, type[BaseModel]]]
) -> dict[str, dict[str, BaseModel]]:
    """Return the parameters of every check there is: those of the file, else the defaults.

    Parameters
    ----------
    config
        Its `checks` are read.
    registry
        Mode to check name to the model of the check's parameters.

    Raises
    ------
    ConfigError
        A check or parameter is unknown, or a value breaks the parameter's rule.
    """
    given: Mapping[str, Mapping[str, Mapping[str, object]]] = dict(config.checks.items())
    problems = [
        config.origin.unknown(("checks", mode, check), registry.get(mode, {}))
        for mode, checks in given.items()
        for check in checks
        if check not in registry.get(mode, {})
    ]
    parameters: dict[str, dict[str, BaseModel]] = {mode: {} for mode in registry}
    for mode, models in registry.items():
        for check, model in models.items():
            values = given.get(mode, {}).get(check, {})
            try:
                parameters[mode][check] = model.model_validate(values)
            except ValidationError as error:
                at = ("checks", mode, check)
                problems += config.origin.problems_of(error, model, values, at)
    if problems:
        raise ConfigError(problems)
    return parameters


def json_schema() -> dict[str, object]:
    """Return the JSON schema (draft 2020-12) of the file, for editors.

    Where a number, a date or one of a few words is asked for, text with a `${NAME}` is also valid.
    """
    schema = _with_references(Config.model_json_schema())
    keys = schema if isinstance(schema, dict) else {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **keys,
        "title": "llmops-health.yaml",
    }


def _with_references(node: object) -> object:
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner: dict[str, object] = {
        key: value if key == "propertyNames" else _with_references(value)
        for key, value in node.items()
    }
    is_number = inner.get("type") in ("integer", "number")
    is_word = isinstance(inner.get("enum"), list) or isinstance(inner.get("const"), str)
    if is_number or is_word or inner.get("format") == "date":
        return {"anyOf": [inner, _REFERENCE_SCHEMA]}
    return inner
