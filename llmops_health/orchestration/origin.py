"""Whose job a run of the command line is.

Dagster notes that for runs it launches itself. Without it a run is missing from the timeline and
from its job's page, and cannot be run again from the browser.
"""

from __future__ import annotations

import sys

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

LOCATION = "llmops_health.definitions"
"""Name of the code location: what `dagster -m` makes of the module, as in `workspace.yaml`."""


def tags() -> dict[str, str]:
    """Return the tags with which a run starts."""
    return {REPOSITORY_LABEL_TAG: _repository().get_label()}


def note(instance: dg.DagsterInstance, run_id: str, job: str) -> None:
    """Say of a run that has ended which job it was."""
    run = instance.get_run_by_id(run_id)
    if run is not None:
        instance.run_storage.replace_job_origin(run, RemoteJobOrigin(_repository(), job))


def _repository() -> RemoteRepositoryOrigin:
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=LOCATION)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=LOCATION)
    return RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME)
