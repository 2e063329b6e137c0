"""Packages of the Azure ML SDK among requirements: jobs have its part from us, so they are not installed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..conda.dependencies import DEFAULT_PIP_PACKAGE, normal_name

MLFLOW = "mlflow-skinny>=2.22,<3"
"""The MLflow that scripts written for Azure's plug-in expect; newer ones need more packages to keep models."""

_OWN = frozenset({DEFAULT_PIP_PACKAGE, "azureml-core", "azureml-sdk", "azureml-train-core", "azureml-widgets"})
_PLUG_IN = "azureml-mlflow"
_DATA = frozenset({"azureml-dataprep", "azureml-dataset-runtime"})
_PANDAS = re.compile(r"\[[^\]]*\bpandas\b[^\]]*\]")


def without_sdk(lines: Sequence[str]) -> tuple[list[str], str]:
    """Requirement lines without the SDK's packages, and with what scripts take from these; a sentence about it.

    Nothing is said of what the SDK adds by itself.
    """
    left_out = [line for line in lines if normal_name(line) in _OWN | _DATA | {_PLUG_IN}]
    kept = [line for line in lines if line not in left_out]
    names = {normal_name(line) for line in kept}
    instead = []
    if any(normal_name(line) == _PLUG_IN for line in left_out) and not names & {"mlflow", "mlflow-skinny"}:
        instead.append(MLFLOW)
    if any(normal_name(line) in _DATA and _PANDAS.search(line) for line in left_out) and "pandas" not in names:
        instead.append("pandas")
    if not left_out or left_out == [DEFAULT_PIP_PACKAGE]:
        return kept, ""
    added = f" Installed in their place: {', '.join(instead)}." if instead else ""
    return [*kept, *instead], (
        f"Not installed: {', '.join(left_out)}; jobs get the SDK's part from jupyter_amltrain.{added}"
    )
