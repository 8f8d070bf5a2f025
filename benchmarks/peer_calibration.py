"""The peers' side of the calibration benchmark, run by their Python: nothing of ours is here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from sklearn.metrics import brier_score_loss, roc_auc_score

from benchmarks.measuring import Work

N_BINS = 20
_UNUSED = frozenset({"torch", "pyro", "gpytorch", "tensorboard", "matplotlib", "tqdm"})


def four_metrics(path: str) -> Work:
    """Prepare ECE, Brier, AURC and AUC of confidences that are in memory already.

    netcal gives the ECE where it is there, numpy where it is not.
    """
    table = pq.read_table(path)
    conf = table["conf"].to_numpy()
    correct = table["correct"].to_numpy().astype(np.int64)
    has_netcal = find_spec("netcal") is not None
    ece = _netcal_ece() if has_netcal else _numpy_ece

    def work() -> Mapping[str, Any]:
        return {
            "ece": float(ece(conf, correct)),
            "brier": float(brier_score_loss(correct, conf)),
            "aurc": _aurc(conf, correct),
            "auc": float(roc_auc_score(correct, conf)),
            "ece_by": "netcal" if has_netcal else "numpy",
        }

    return work


def _numpy_ece(conf: npt.NDArray[np.float64], correct: npt.NDArray[np.int64]) -> float:
    bins = np.clip(np.ceil(conf * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    gap = np.bincount(bins, correct, N_BINS) - np.bincount(bins, conf, N_BINS)
    return float(np.abs(gap).sum() / len(conf))


def _aurc(conf: npt.NDArray[np.float64], correct: npt.NDArray[np.int64]) -> float:
    errors = np.cumsum(1 - correct[np.argsort(-conf)])
    return float(np.mean(errors / np.arange(1, len(conf) + 1)))


class _StandIns(MetaPathFinder, Loader):
    """Modules that netcal imports and its calibration error never calls."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname.split(".", maxsplit=1)[0] in _UNUSED:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__ = []
        module.__spec__ = spec
        module.__name__ = spec.name
        return module

    def exec_module(self, module: ModuleType) -> None:
        del module


def _netcal_ece() -> Any:  # noqa: ANN401
    if find_spec("torch") is None:
        sys.meta_path.append(_StandIns())
    # By name: no type checker is where it is installed.
    return import_module("netcal.metrics").ECE(N_BINS).measure
