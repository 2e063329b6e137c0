"""Records in ``recorded/`` what the real azureml-core does, for ``test_against_the_sdk.py``.

Run it with an interpreter that has ``azureml-core==1.61.0.post4`` and ``azureml-dataprep``, and not this package; it
needs no Azure account and no network::

    python -m venv sdk && sdk/bin/pip install 'setuptools<81' azureml-core==1.61.0.post4 azureml-dataprep
    sdk/bin/python tests/azureml_alias/record.py
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import logging
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sdk_cases

CLASSES = {
    "azureml.core": "Workspace Experiment Run ScriptRun Environment RunConfiguration ScriptRunConfig ContainerRegistry"
    " ComputeTarget Dataset Datastore Model",
    "azureml.core.authentication": "AzureCliAuthentication InteractiveLoginAuthentication MsiAuthentication"
    " ServicePrincipalAuthentication TokenAuthentication",
    "azureml.core.compute": "AmlCompute",
    "azureml.core.compute.amlcompute": "AmlComputeNodeStateCounts AmlComputeProvisioningConfiguration AmlComputeStatus"
    " ScaleSettings",
    "azureml.core.conda_dependencies": "CondaDependencies",
    "azureml.core.environment": "DatabricksSection DockerImagePlatform DockerSection PythonSection SparkSection",
    "azureml.core.runconfig": "DockerConfiguration HistoryConfiguration MpiConfiguration PyTorchConfiguration"
    " TensorflowConfiguration",
    "azureml.data": "FileDataset OutputFileDatasetConfig TabularDataset",
    "azureml.data.data_reference": "DataReference",
    "azureml.data.datapath": "DataPath DataPathComputeBinding",
    "azureml.data.dataset_consumption_config": "DatasetConsumptionConfig",
    "azureml.data.dataset_factory": "DataType FileDatasetFactory TabularDatasetFactory",
    "azureml.exceptions": "ActivityFailedException AzureMLException ComputeTargetException UserErrorException"
    " WorkspaceException",
}

METRICS: list[list[tuple[str, Any]]] = [
    [("scalar", 0.5)],
    [("scalar", "text")],
    [("scalar", 1), ("scalar", 2), ("scalar", 3)],
    [("list", [1])],
    [("list", [1, 2])],
    [("list", [1, 2]), ("list", [3])],
    [("row", {"x": 1, "y": 2})],
    [("row", {"x": 1}), ("row", {"x": 2, "y": 3})],
    [("table", {"x": [1, 2], "y": [3, 4]})],
    [("table", {"x": [1], "y": [3]})],
    [("table", {"x": [1, 2]}), ("table", {"x": [3]})],
    [("scalar", 1), ("scalar", 2.5)],
    [("scalar", 1), ("scalar", "x")],
]

CONTROL, DRIVER = "azureml-logs/60_control_log.txt", "azureml-logs/70_driver_log.txt"
LOGS = {CONTROL: "prepared\n", DRIVER: "epoch 1\nepoch 2"}
ERROR = {"error": {"code": "UserError", "message": "boom", "details": []}}
WARNINGS = [{"source": "here", "message": "careful"}, {"source": "there", "message": "twice"}]
ENDINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "completed": ({"status": "Completed"}, True),
    "completed with warnings": ({"status": "Completed", "warnings": WARNINGS}, True),
    "failed": ({"status": "Failed", "error": ERROR}, True),
    "failed, not raised": ({"status": "Failed", "error": ERROR}, False),
    "failed with warnings, not raised": ({"status": "Failed", "error": ERROR, "warnings": WARNINGS}, False),
    "canceled": ({"status": "Canceled"}, True),
}

NAMES = ["a", "9", "a-b_c", "aä", "a b", "a.b", "-a", "_a", "ä", "", "a/b", "x" * 256]


def members() -> dict[str, list[str]]:
    """Public names of the SDK's classes."""
    return {
        name: [member for member in dir(kind) if not member.startswith("_") and member not in dir(BaseException)]
        for name, kind in _kinds()
    }


def _kinds() -> Iterator[tuple[str, type]]:
    for module, names in CLASSES.items():
        for name in names.split():
            yield name, getattr(importlib.import_module(module), name)


def signatures() -> dict[str, list[list[Any]]]:
    """Name and default of the parameters of constructors and methods; "required" where there is no default."""
    found = {}
    for name, kind in _kinds():
        for member in ["__init__", *members()[name]]:
            attribute = getattr(kind, member)
            if inspect.isroutine(attribute):
                found[f"{name}.{member}"] = [
                    [item.name, _default(item)]
                    for item in inspect.signature(attribute).parameters.values()
                    if item.name != "self" and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
                ]
    return found


def _default(parameter: inspect.Parameter) -> Any:
    default = "required" if parameter.default is parameter.empty else parameter.default
    return default if isinstance(default, (str, int, float, bool, list, dict, type(None))) else repr(default)


def metric_values() -> list[Any]:
    """What ``get_metrics`` makes of each of ``METRICS``."""
    from azureml._restclient.metrics_client import MetricsClient
    from azureml.core import _metrics

    kinds = {
        "scalar": _metrics.ScalarMetric,
        "list": _metrics.ListMetric,
        "row": _metrics.RowMetric,
        "table": _metrics.TableMetric,
    }
    return [
        MetricsClient.dto_to_metrics_dict([kinds[kind]("m", value).create_metric_dto() for kind, value in logged])["m"]
        for logged in METRICS
    ]


def transcripts() -> dict[str, dict[str, Any]]:
    """What ``wait_for_completion(show_output=True)`` prints and raises when it sees a run go through its states."""
    from azureml._execution import _commands
    from azureml.core import run as module
    from azureml.core.script_run import ScriptRun

    class Followed(ScriptRun):
        _run_id = id = "pets_1_a"
        _output_logs_pattern = r"azureml-logs/[\d]{2}.+\.txt"

        def __init__(self, ending: dict[str, Any]) -> None:
            self._seen = [
                {"status": "Queued", "logFiles": {}},
                {"status": "Preparing", "logFiles": {CONTROL: LOGS[CONTROL]}},
                {"status": "Running", "logFiles": {**LOGS, DRIVER: "epoch 1\n"}},
                {"status": "Finalizing", "logFiles": LOGS},
                {**ending, "logFiles": LOGS},
            ]

        def get_portal_url(self) -> str:
            return "URL"

        def get_details(self) -> dict[str, Any]:
            return self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]

    module.time.sleep = lambda _: None
    _commands._get_content_from_uri = lambda uri, *_, **__: uri
    found = {}
    for name, (ending, raise_on_error) in ENDINGS.items():
        sys.stdout, out = io.StringIO(), sys.stdout
        raised = None
        try:
            Followed(ending).wait_for_completion(show_output=True, raise_on_error=raise_on_error)
        except Exception as error:  # noqa: BLE001 - recorded
            raised = f"{type(error).__name__}: {error.message}"  # type: ignore[attr-defined]
        finally:
            printed, sys.stdout = sys.stdout.getvalue(), out
        found[name] = {"printed": printed, "raised": raised}
    return found


CLUSTER = {
    "name": "gpu-cluster",
    "location": "here",
    "tags": None,
    "properties": {
        "computeType": "AmlCompute",
        "description": None,
        "resourceId": None,
        "provisioningState": "Succeeded",
        "provisioningErrors": None,
        "createdOn": "2020-10-01T00:00:00Z",
        "modifiedOn": "2020-10-01T00:00:00Z",
        "properties": {
            "vmSize": "STANDARD_NC6",
            "vmPriority": "Dedicated",
            "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT120S"},
            "subnet": None,
            "allocationState": "Steady",
            "allocationStateTransitionTime": "2020-10-01T00:00:00Z",
            "currentNodeCount": 0,
            "targetNodeCount": 0,
            "errors": None,
            "nodeStateCounts": {
                f"{state}NodeCount": 0 for state in ("preparing", "running", "idle", "unusable", "leaving", "preempted")
            },
        },
    },
}
"""What the service says of a cluster."""


def cluster(workspace: Any) -> dict[str, Any]:
    """Attributes of a cluster and the keys of its dictionaries."""
    from azureml.core.compute import AmlCompute

    AmlCompute._get_resource_manager_endpoint = lambda *_: "https://host"
    target = object.__new__(AmlCompute)
    target._initialize(workspace, CLUSTER)
    return {
        "attributes": sorted(name for name in vars(target) if not name.startswith("_")),
        "dictionary": _keys(target.serialize()),
        "status": _keys(target.status.serialize()),
    }


def _keys(value: Any) -> Any:
    return {key: _keys(inner) for key, inner in sorted(value.items())} if isinstance(value, dict) else None


def objects() -> dict[str, Any]:
    """Text and HTML of an experiment and a run that no service knows, and which experiment names are taken."""
    from azureml._restclient.models.run_details_dto import RunDetailsDto
    from azureml._restclient.models.run_dto import RunDto
    from azureml._restclient.service_context import ServiceContext
    from azureml.core import Experiment, Run, ScriptRun, Workspace
    from azureml.core.authentication import AbstractAuthentication
    from azureml.core.run import camel_case_transformer

    class NoLogin(AbstractAuthentication):
        def get_authentication_header(self) -> dict[str, str]:
            return {"Authorization": "Bearer x"}

    ServiceContext._fetch_endpoints = lambda _: defaultdict(lambda: "https://host")
    workspace = Workspace("s", "g", "test-ws", auth=NoLogin(), _disable_service_check=True, _workspace_id="w")
    workspace._service_context = ServiceContext("s", "g", "test-ws", "w", "https://host", NoLogin())
    experiment = Experiment(workspace, "pets", _id="e", _create_in_cloud=False)
    ids = {"run_id": "pets_1_a", "root_run_id": "pets_1_a", "data_container_id": "d", "experiment_id": "e"}
    dto = RunDto(**ids, run_number=1, run_type="azureml.scriptrun", status="Running", tags={}, properties={})
    run = Run(experiment, "pets_1_a", _run_dto=dto)
    script_run = ScriptRun(experiment, "pets_1_a", directory=".", _run_dto=dto)

    def taken(name: str) -> bool:
        try:
            Experiment(workspace, name, _create_in_cloud=False)
        except Exception:  # noqa: BLE001 - the question is whether
            return False
        return True

    details = RunDetailsDto(
        **{"run_id": "r", "target": "t", "status": "Queued", "properties": {}, "run_definition": {}, "log_files": {}},
        **{"input_datasets": [], "output_datasets": []},
    )
    return {
        "details of a queued run": sorted(details.as_dict(key_transformer=camel_case_transformer)),
        "cluster": cluster(workspace),
        "repr": {"workspace": repr(workspace), "experiment": repr(experiment), "run": repr(run)},
        "str": {"experiment": str(experiment), "run": str(script_run)},
        "columns": {
            "experiment": re.findall("<th(?: [^>]*)?>(.*?)</th>", experiment._repr_html_()),
            "run": re.findall("<th(?: [^>]*)?>(.*?)</th>", run._repr_html_()),
        },
        "experiment names": {name: taken(name) for name in NAMES},
    }


def _lines(content: Any) -> str:
    """JSON with one line for each item, for a readable diff."""
    if isinstance(content, dict):
        items = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items()]
        return "{\n" + ",\n".join(items) + "\n}\n"
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in content) + "\n]\n"


def main() -> None:
    """Write all recordings."""
    logging.disable(logging.CRITICAL)
    folder = Path(__file__).with_name("recorded")
    cases = {name: sdk_cases.run_case(statements) for name, statements in sdk_cases.read_cases().items()}
    for name, content in (
        ("cases", cases),
        ("members", members()),
        (
            "metrics",
            [{"logged": logged, "value": value} for logged, value in zip(METRICS, metric_values(), strict=True)],
        ),
        ("objects", objects()),
        ("signatures", signatures()),
        ("transcripts", transcripts()),
    ):
        (folder / f"{name}.json").write_text(_lines(content))


if __name__ == "__main__":
    main()
