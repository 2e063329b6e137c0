"""A run's job as a value: what is planned, without an engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from jupyter_amltrain.engines.protocol import Image
from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.submission.data import JobData, Placed
from jupyter_amltrain.submission.job import Job, JobNetwork, Mount, Resources, RunDefinition, plan_job, size_bytes

DEFINITION = RunDefinition(
    experiment="pets",
    target="gpu-cluster",
    engine="docker",
    environment={"name": "fastai2"},
    source_directory="/home/ada/pets",
    snapshot_id="abc",
    script="train.py",
    arguments=("--epochs", "5"),
    environment_variables={"SEED": "1"},
    resources=Resources(cpus=2, memory_bytes=1 << 30, gpus=1),
    network_mode="none",
)
IMAGE = Image("sha256:1234", "python", "fastai2:latest")
WORKSPACE = {"name": "ws", "subscription_id": "sub", "resource_group": "group"}

SCOPE = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/ws"
VARIABLES = {
    "AZUREML_RUN_ID": "pets_1_a",
    "AZUREML_ROOT_RUN_ID": "pets_1_a",
    "AZUREML_ARM_SUBSCRIPTION": "sub",
    "AZUREML_ARM_RESOURCEGROUP": "group",
    "AZUREML_ARM_WORKSPACE_NAME": "ws",
    "AZUREML_ARM_PROJECT_NAME": "pets",
    "AZUREML_OUTPUT_DIRECTORY": "./outputs",
    "AZUREML_LOGDIRECTORY_PATH": "./logs",
    "AZUREML_NODE_COUNT": "1",
    "AZUREML_WORKSPACE_ID": "ws",
    "AZUREML_WORKSPACE_SCOPE": SCOPE,
    "AZUREML_EXPERIMENT_ID": "pets",
    "AZUREML_EXPERIMENT_SCOPE": f"{SCOPE}/experiments/pets",
    "AZUREML_DATA_CONTAINER_ID": "dcid.pets_1_a",
    "AZUREML_FRAMEWORK": "Python",
    "AZUREML_COMMUNICATOR": "None",
    "AZUREML_TARGET_TYPE": "amlcompute",
    "AZUREML_PROCESS_NAME": "rank_0",
    "AZ_BATCHAI_JOB_NAME": "pets_1_a",
    "AZ_BATCHAI_MPI_MASTER_NODE": "localhost",
    "AZ_BATCHAI_NODE_LIST": "localhost",
    "AZ_BATCHAI_TASK_INDEX": "0",
    "AMLTRAIN_RUN_ID": "pets_1_a",
    "MLFLOW_TRACKING_URI": "amltrain:",
    "AMLTRAIN_JOB": "/amltrain/job",
    "AMLTRAIN_ONE_STREAM": "1",
    "SEED": "1",
}


def planned(definition: RunDefinition = DEFINITION, image: Image = IMAGE, *, host_paths: bool = False) -> Job:
    return plan_job(
        "pets_1_a",
        definition,
        image,
        PurePosixPath("/h/runs/pets_1_a"),
        PurePosixPath("/h/job/1"),
        host_paths=host_paths,
        workspace=WORKSPACE,
        user="1000:1000",
        bytecode=None if host_paths else PurePosixPath("/h/bytecode/1234"),
    )


def test_a_script_in_a_container() -> None:
    assert planned() == Job(
        run_id="pets_1_a",
        image="sha256:1234",
        command=("python", "/amltrain/job/launch.py", "train.py", "--epochs", "5"),
        working_dir="/amltrain/run/code",
        environment={"PYTHONPYCACHEPREFIX": "/amltrain/bytecode", **VARIABLES},
        mounts=(
            Mount("/h/runs/pets_1_a/work", "/amltrain/run"),
            Mount("/h/job/1", "/amltrain/job", read_only=True),
            Mount("/h/bytecode/1234", "/amltrain/bytecode"),
        ),
        resources=Resources(cpus=2, memory_bytes=1 << 30, gpus=1),
        network_mode="none",
        user="1000:1000",
        labels={
            "amltrain.run": "pets_1_a",
            "amltrain.workspace": "ws",
            "amltrain.experiment": "pets",
            "amltrain.target": "gpu-cluster",
        },
        nodes=1,
        run_folder="/h/runs/pets_1_a",
    )


def test_an_engine_that_sees_the_host_gets_its_paths_and_no_mounts() -> None:
    job = planned(host_paths=True)
    assert job.mounts == ()
    assert job.working_dir == "/h/runs/pets_1_a/work/code"
    assert job.command == ("python", "/h/job/1/launch.py", "train.py", "--epochs", "5")
    assert job.environment == {**VARIABLES, "AMLTRAIN_JOB": "/h/job/1"}


def test_a_command_goes_through_the_launcher_where_there_is_a_python() -> None:
    command = replace(DEFINITION, script="", arguments=(), command=("torchrun", "train.py"))
    assert planned(command).command == ("python", "/amltrain/job/launch.py", "--command", "torchrun", "train.py")
    assert planned(command, replace(IMAGE, interpreter="")).command == ("torchrun", "train.py")


def test_a_run_on_this_machine_is_on_no_cluster() -> None:
    variables = planned(replace(DEFINITION, target="local"), host_paths=True).environment
    assert variables["AZUREML_TARGET_TYPE"] == "local"
    assert not [name for name in variables if name.startswith("AZ_BATCHAI") or "TOKEN" in name or "ENDPOINT" in name]


def test_data_is_mounted_and_told_in_variables_and_arguments() -> None:
    sources = {"sources": [{"base": "/d", "path": ""}]}
    pets = JobData("pets", "input", "mount", sources)
    copy = JobData("copy", "reference", "download", sources)
    made = JobData("made", "output", "mount", sources, path_on_compute="/made", writable=True)
    definition = replace(
        DEFINITION, arguments=("$AZURE_ML_INPUT_pets", "--x=${AZUREML_DATAREFERENCE_copy}/a"), data=(pets, copy, made)
    )
    placed = {
        "pets": Placed("/d"),
        "copy": Placed("/h/runs/pets_1_a/work/data/copy", inside=True),
        "made": Placed("/out"),
    }
    job = plan_job(
        "pets_1_a",
        definition,
        IMAGE,
        PurePosixPath("/h/runs/pets_1_a"),
        PurePosixPath("/h/job/1"),
        host_paths=False,
        workspace=WORKSPACE,
        user=None,
        data=placed,
    )
    assert job.command[3:] == ("/amltrain/data/pets", "--x=/amltrain/run/data/copy/a")
    assert job.mounts[2:] == (Mount("/d", "/amltrain/data/pets", read_only=True), Mount("/out", "/made"))
    told = {name: value for name, value in job.environment.items() if name not in VARIABLES and name != "AMLTRAIN_DATA"}
    assert told == {
        **dict.fromkeys(("pets", "PETS", "AZURE_ML_INPUT_pets"), "/amltrain/data/pets"),
        **dict.fromkeys(("made", "MADE", "AZURE_ML_OUTPUT_made"), "/made"),
        "AZUREML_DATAREFERENCE_copy": "/amltrain/run/data/copy",
        "AZUREML_DATASET_ENVIRONMENT_VARS": "pets:mount",
        "AZUREML_DATASET_FILE_OUTPUTS": "made",
    }
    assert RunDefinition.from_json(json.loads(json.dumps(definition.to_json()))) == definition


def test_the_users_variables_come_before_ours() -> None:
    job = planned(
        replace(DEFINITION, environment_variables={"PYTHONPYCACHEPREFIX": "/mine", "AMLTRAIN_ONE_STREAM": ""})
    )
    assert job.environment["PYTHONPYCACHEPREFIX"] == "/mine"
    assert job.environment["AMLTRAIN_ONE_STREAM"] == ""


def test_names_that_engines_take() -> None:
    assert replace(planned(), run_id="aé_1_b").name == "amltrain-a__1_b"


def test_a_definition_survives_json() -> None:
    assert RunDefinition.from_json(json.loads(json.dumps(DEFINITION.to_json()))) == DEFINITION


@pytest.mark.parametrize(
    ("text", "size"),
    [("2g", 2 << 30), ("512m", 512 << 20), ("64k", 64 << 10), (100, 100), ("1.5G", 3 << 29), ("8GiB", 8 << 30)],
)
def test_sizes(text: str | int, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1g", "2x", "1,5g"])
def test_not_sizes(text: str) -> None:
    with pytest.raises(UserErrorException, match="is not a size"):
        size_bytes(text)


def test_network_settings_come_after_those_of_the_user() -> None:
    network = JobNetwork({"HTTPS_PROXY": "http://p", "https_proxy": "http://p", "PIP_INDEX_URL": "i"}, "/h/ca.crt")
    mine = replace(DEFINITION, environment_variables={"https_proxy": "", "PIP_CERT": "/own.pem"})

    def plan(*, host_paths: bool) -> Job:
        folders = PurePosixPath("/h/runs/r"), PurePosixPath("/h/job")
        more: dict[str, Any] = {"workspace": WORKSPACE, "user": None, "network": network}
        return plan_job("r", mine, IMAGE, *folders, host_paths=host_paths, **more)

    job = plan(host_paths=False)
    assert Mount("/h/ca.crt", "/amltrain/ca.crt", read_only=True) in job.mounts
    assert job.defaults["PIP_INDEX_URL"] == "i"
    assert {name for name, value in job.defaults.items() if value == "/amltrain/ca.crt"} == {
        *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE"),
    }
    assert not {"HTTPS_PROXY", "https_proxy", "PIP_CERT"} & job.defaults.keys()
    assert "http://p" not in repr(job)
    local = plan(host_paths=True)
    assert (local.mounts, local.defaults["SSL_CERT_FILE"]) == ((), "/h/ca.crt")
