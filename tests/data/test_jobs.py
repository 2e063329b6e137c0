"""Data in real containers: what a job reads and writes, under the names of the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain import Dataset, Datastore, Environment, Experiment, OutputFileDatasetConfig, Workspace
from jupyter_amltrain.errors import AzureMLException
from jupyter_amltrain.submission.config import ScriptRunConfig
from runs.conftest import wait_for_end

on_both_engines = pytest.mark.parametrize("workspace", ["docker", "podman"], indirect=True)

READS_AND_WRITES = r"""
import errno, json, os, sys
from azureml.core import Dataset, Run

run = Run.get_context()
mounted, copied, chosen, single, reference, loaded, sent, made, uploaded, table = sys.argv[1:]
e = os.environ

# a mount: there, under all names, and not to be changed
assert sorted(os.listdir(mounted)) == ["a.txt", "sub"], os.listdir(mounted)
assert open(mounted + "/sub/b.txt").read() == "b"
assert mounted == e["pets"] == e["PETS"] == e["AZURE_ML_INPUT_pets"] == run.input_datasets["pets"]
for name in ("new.txt", "a.txt"):
    try:
        open(os.path.join(mounted, name), "w")
    except OSError as error:
        assert error.errno == errno.EROFS, error
    else:
        raise AssertionError("written")

# a copy of the job's own
with open(copied + "/a.txt", "a") as file:
    file.write(" and more")
assert open(copied + "/a.txt").read() == "a and more"

# some files of a folder, a single file, at a path of the job's choice
assert chosen == "/data/chosen" and os.listdir(chosen) == ["sub"]
assert open("/data/chosen/sub/b.txt").read() == "b"
assert single == os.path.join(os.getcwd(), "below/a.txt") and open("below/a.txt").read() == "a"

# data references: in place, as a copy, and taken from the job at the end
assert reference == e["AZUREML_DATAREFERENCE_store"]
assert open(reference + "/old.txt").read() == "old"
with open(reference + "/new.txt", "w") as file:
    file.write("new")
assert loaded == os.path.join(os.getcwd(), "loaded") and open("loaded/a.txt").read() == "a"
with open(sent + "/sent.txt", "w") as file:
    file.write("sent")

# outputs
assert made == e["AZURE_ML_OUTPUT_made"] == run.output_datasets["made"]
with open(made + "/made.txt", "w") as file:
    file.write("made")
os.makedirs(uploaded + "/deep")
for name in ("kept.txt", "deep/kept.txt", "left.log"):
    with open(os.path.join(uploaded, name), "w") as file:
        file.write(name)
os.symlink("/etc/passwd", uploaded + "/link.txt")

# a registered table, by id as scripts do
direct = Dataset.get_by_id(run.experiment.workspace, id=table)
assert direct.name == "iris" and direct.version == 1 and direct.to_path() == ["/iris.csv"]
with direct.mount() as context:
    assert open(context.mount_point).read().startswith("x,y")
assert Dataset.get_by_name(run.experiment.workspace, "iris").id == run.input_datasets["iris"].id == table
modes = dict(item.split(":") for item in e["AZUREML_DATASET_ENVIRONMENT_VARS"].split(","))
assert modes["pets"] == "mount" and modes["iris"] == "direct" and modes["copied"] == "download"
assert set(e["AZUREML_DATASET_FILE_OUTPUTS"].split(",")) == {"made", "uploaded"}
try:
    Dataset.get_by_name(None, "other")
except Exception as error:
    assert "is not an input of this run" in error.message
else:
    raise AssertionError("found")
assert not [name for name in e if "TOKEN" in name or name.endswith("_ENDPOINT")]
told = run.get_details()
assert {one["consumptionDetails"]["inputName"]: one["dataset"]["id"] for one in told["inputDatasets"]}["iris"] == table
assert told["outputDatasets"] == []  # until it is over
print("all is well")
"""


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub/b.txt").write_text("b")
    return folder


def run_script(
    workspace: Workspace, environment: Environment, folder: Path, text: str, arguments: list[object], **more: object
) -> tuple[str, str]:
    """Run a script in a container to its end; its id and its log."""
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(text)
    config = ScriptRunConfig(
        folder,
        "train.py",
        arguments=arguments,
        compute_target=more.get("target", "docker-target"),
        environment=environment,
    )
    run = Experiment(workspace, "data").submit(config)
    wait_for_end(workspace, run.id)
    log = (workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt").read_text()
    record = workspace.store.run(run.id)
    assert record.status == "Completed", (record.error, log)
    return run.id, log


@on_both_engines
def test_a_job_reads_and_writes_data_in_every_way(
    workspace: Workspace, environment: Environment, pets: Path, tmp_path: Path
) -> None:
    store = workspace.get_default_datastore()
    (tmp_path / "iris.csv").write_text("x,y\n1,2\n")
    store.upload_files([str(tmp_path / "iris.csv")], target_path="tables", show_progress=False)
    assert store.folder is not None
    (store.folder / "shared").mkdir()
    (store.folder / "shared/old.txt").write_text("old")
    table = Dataset.Tabular.from_delimited_files((store, "tables/iris.csv")).register(workspace, "iris")
    dataset = Dataset.File.from_files(pets)
    own = Datastore.register_folder(workspace, "own", pets)
    made = OutputFileDatasetConfig("made").register_on_complete("results", tags={"from": "test"})
    uploaded = OutputFileDatasetConfig("uploaded", destination=(store, "up")).as_upload(source_globs=["*.txt"])
    run_id, log = run_script(
        workspace,
        environment,
        tmp_path / "source",
        READS_AND_WRITES,
        [
            dataset.as_named_input("pets").as_mount(),
            dataset.as_named_input("copied").as_download(),
            Dataset.File.from_files(f"{pets}/**/b.txt").as_named_input("chosen").as_mount("/data/chosen"),
            Dataset.File.from_files(pets / "a.txt").as_mount("below/a.txt"),
            store.path("shared", "store").as_mount(),
            own.as_download("loaded"),
            store.path("sent").as_upload(),
            made.as_mount(),
            uploaded,
            table.as_named_input("iris"),
        ],
    )
    assert "all is well" in log
    told_as_in_the_sdk(workspace, run_id, table.id)
    assert (pets / "a.txt").read_text() == "a"
    assert (store.folder / "shared/new.txt").read_text() == "new"
    assert (store.folder / "sent/sent.txt").read_text() == "sent"
    results = Dataset.get_by_name(workspace, "results")
    assert (results.version, results.tags, results.to_path()) == (1, {"from": "test"}, ["/made.txt"])
    assert (store.folder / f"dataset/{run_id}/made/made.txt").read_text() == "made"
    assert Dataset.File.from_files((store, "up")).to_path() == ["/deep/kept.txt", "/kept.txt"]
    left = workspace.run_folder(run_id)
    assert not (left / "inputs").exists()
    assert not (left / "work/data").exists()
    control = (left / "azureml-logs/60_control_log.txt").read_text()
    assert "Uploaded 2 file(s) of 'uploaded'" in control
    assert "Registered 'made' as data set results:1" in control


def told_as_in_the_sdk(workspace: Workspace, run_id: str, table_id: str | None) -> None:
    details = workspace.get_run(run_id).get_details()
    inputs = {one["consumptionDetails"]["inputName"]: one for one in details["inputDatasets"]}
    assert list(inputs)[:3] == ["pets", "copied", "chosen"]
    assert inputs["chosen"]["consumptionDetails"] == {
        "type": "RunInput",
        "inputName": "chosen",
        "mechanism": "Mount",
        "pathOnCompute": "/data/chosen",
    }
    assert (inputs["pets"]["dataset"].id, inputs["pets"]["dataset"].to_path()) == (None, ["/a.txt", "/sub/b.txt"])
    assert (inputs["iris"]["dataset"].id, inputs["iris"]["dataset"].name) == (table_id, "iris")
    assert inputs["iris"]["consumptionDetails"]["mechanism"] == "Direct"
    outputs = {one["outputDetails"]["outputName"]: one for one in details["outputDatasets"]}
    results = Dataset.get_by_name(workspace, "results")
    assert outputs["made"]["identifier"] == {"savedId": results.id}
    assert outputs["made"]["dataset"].to_path() == ["/made.txt"]
    assert outputs["uploaded"]["identifier"] == {"savedId": None}
    assert outputs["uploaded"]["dataset"].to_path() == ["/deep/kept.txt", "/kept.txt"]
    definition = details["runDefinition"]
    assert definition["data"]["iris"]["dataLocation"]["dataset"] == {"id": table_id, "name": "iris", "version": "1"}
    assert definition["outputData"]["made"]["outputLocation"]["dataPath"] == {
        "datastoreName": "workspaceblobstore",
        "relativePath": f"dataset/{run_id}/made",
    }
    assert definition["outputData"]["made"]["additionalOptions"]["registrationOptions"]["name"] == "results"
    assert definition["dataReferences"]["store"] == {
        "dataStoreName": "workspaceblobstore",
        "mode": "Mount",
        "pathOnDataStore": "shared",
        "pathOnCompute": None,
        "overwrite": False,
    }


WRITES = """
import sys
with open(sys.argv[1] + "/a.txt", "w") as file:
    file.write("new")
"""


@on_both_engines
def test_an_upload_replaces_only_what_it_may_and_loses_nothing(
    workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    store = workspace.get_default_datastore()
    assert store.folder is not None
    (store.folder / "up").mkdir()
    (store.folder / "up/a.txt").write_text("old")
    made = OutputFileDatasetConfig("made", destination=(store, "up"))
    run_id, _ = run_script(workspace, environment, tmp_path / "source", WRITES, [made.as_upload()])
    folder = workspace.run_folder(run_id)
    assert (store.folder / "up/a.txt").read_text() == "old"
    assert (folder / "work/data/made/a.txt").read_text() == "new"
    assert "'made' was not uploaded" in (folder / "azureml-logs/60_control_log.txt").read_text()
    run_script(workspace, environment, tmp_path / "source", WRITES, [made.as_upload(overwrite=True)])
    assert (store.folder / "up/a.txt").read_text() == "new"


SNIPPET = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument('--data-path', type=str)
args = parser.parse_args()
print(sorted(os.listdir(args.data_path)))
"""


def test_public_lines_run_as_they_are(
    workspace: Workspace, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/iris.csv").write_text("x\n1\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/train.py").write_text(SNIPPET)
    names = {"ws": workspace, "env": environment, "compute_target": "docker-target"}
    code = """
from azureml.core import Dataset, Experiment, ScriptRunConfig
ds = ws.get_default_datastore()
ds.upload(src_dir='./data', target_path='d', overwrite=True)
dataset = Dataset.File.from_files(path=(ds, 'd'))
src = ScriptRunConfig(source_directory='./src', script='train.py', compute_target=compute_target, environment=env,
                      arguments=['--data-path', dataset.as_named_input('input').as_mount()])
run = Experiment(ws, 'snippet').submit(src)
"""
    exec(code, names)
    run = names["run"]
    wait_for_end(workspace, run.id)  # type: ignore[attr-defined]
    assert "['iris.csv']" in run._text("azureml-logs/70_driver_log.txt")  # type: ignore[attr-defined]


ON_THIS_MACHINE = """
import os, sys
assert sys.argv[1] == os.environ["pets"] and sorted(os.listdir(sys.argv[1])) == ["a.txt", "sub"]
assert open("here/a.txt").read() == open(sys.argv[3] + "/a.txt").read() == "a"
with open(sys.argv[4] + "/x", "w") as file:
    file.write("x")
"""


def test_the_local_engine_uses_the_paths_of_this_machine(workspace: Workspace, pets: Path, tmp_path: Path) -> None:
    dataset = Dataset.File.from_files(pets)
    arguments = [
        dataset.as_named_input("pets").as_mount(),
        dataset.as_named_input("again").as_mount("here"),
        dataset.as_named_input("copied").as_download(),
        OutputFileDatasetConfig("made").as_upload().register_on_complete("made"),
    ]
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    run_id, _ = run_script(workspace, environment, tmp_path / "source", ON_THIS_MACHINE, arguments, target="local")
    assert Dataset.get_by_name(workspace, "made").to_path() == ["/x"]
    notes = workspace.store.run(run_id).snapshot["notes"]
    assert any("pets" in note and "can write there" in note for note in notes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (lambda ws, pets: [Dataset.File.from_files(pets)], "pass dataset.as_mount"),
        (
            lambda ws, pets: [Dataset.File.from_files(str(pets / "gone"), validate=False).as_mount()],
            "There is no file or folder",
        ),
        (lambda ws, pets: [Dataset.File.from_files(pets).as_named_input("path")], "another meaning"),
        (lambda ws, pets: [Dataset.File.from_files(pets).as_mount("/etc")], "path_on_compute"),
        (
            lambda ws, pets: [
                Dataset.File.from_files(pets).as_named_input("one").as_mount(),
                Dataset.File.from_files(pets / "sub").as_named_input("one").as_mount(),
            ],
            "Two different inputs",
        ),
    ],
)
def test_bad_data_is_refused_before_anything_starts(
    workspace: Workspace, pets: Path, tmp_path: Path, arguments: object, sentence: str
) -> None:
    (tmp_path / "train.py").write_text("")

    def asked() -> None:
        config = ScriptRunConfig(tmp_path, "train.py", arguments=arguments(workspace, pets))  # type: ignore[operator]
        Experiment(workspace, "data").submit(config)

    with pytest.raises(AzureMLException, match=sentence):
        asked()
    assert not workspace.store.runs()


PATHS = """
import os, sys
print(sorted(os.listdir(sys.argv[1])) if os.path.isdir(sys.argv[1]) else open(sys.argv[1]).read())
"""


@pytest.mark.parametrize(
    ("mode", "path", "target", "expected"),
    [
        ("mount", "there", "docker-target", "['a.txt', 'sub']"),
        ("mount", "there", "local", "cannot be put at path_on_compute='there'"),
        ("mount", "train.py", "docker-target", "has train.py already"),
        ("download", "there", "docker-target", "has there/a.txt already"),
        ("download", "there/sub", "docker-target", "['a.txt', 'sub']"),
        ("download", "train.py", "docker-target", "has train.py already"),
    ],
)
def test_data_is_not_mistaken_for_what_the_source_directory_has(
    workspace: Workspace,
    environment: Environment,
    pets: Path,
    tmp_path: Path,
    mode: str,
    path: str,
    target: str,
    expected: str,
) -> None:
    (tmp_path / "source/there").mkdir(parents=True)
    (tmp_path / "source/there/a.txt").write_text("of the source directory")
    (tmp_path / "source/train.py").write_text(PATHS)
    if target == "local":
        environment = Environment("own")
        environment.python.user_managed_dependencies = True
    data = Dataset.File.from_files(pets)
    config = ScriptRunConfig(
        tmp_path / "source",
        "train.py",
        arguments=[data.as_mount(path) if mode == "mount" else data.as_download(path)],
        compute_target=target,
        environment=environment,
    )
    run = Experiment(workspace, "data").submit(config)
    wait_for_end(workspace, run.id)
    log = workspace.run_folder(run.id) / "azureml-logs/70_driver_log.txt"
    error = workspace.store.run(run.id).error
    assert expected in (error["message"] if error else log.read_text())


ASKS = """
import os, pathlib, subprocess, sys
from azureml.core import Dataset, Run

workspace = Run.get_context().experiment.workspace
pets = Dataset.get_by_name(workspace, "pets")
assert (pets.version, pets.to_path()) == (2, ["/sub/b.txt"]), pets.to_path()
old = workspace.datasets["pets"] if sys.argv[1:] else Dataset.get_by_name(workspace, "pets", version=1)
assert sorted(old.to_path()) == (["/sub/b.txt"] if sys.argv[1:] else ["/a.txt", "/sub/b.txt"])
with pets.mount() as context:
    assert open(context.mount_point + "/sub/b.txt").read() == "b"
copies = Dataset.get_by_id(workspace, pets.id).download("here" + "".join(sys.argv[1:]))
assert [open(path).read() for path in copies] == ["b"]
for wrong in ("cats", 1), ("pets", 3):
    try:
        Dataset.get_by_name(workspace, *wrong)
    except Exception as error:
        assert "is not an input of this run" in error.message, error
    else:
        raise AssertionError(wrong)
if not sys.argv[1:]:
    subprocess.run([sys.executable, __file__, "child"], check=True)
    gone = Dataset.get_by_name(workspace, "gone")
    try:
        gone.to_path()
    except Exception as error:
        print(error.message)
    else:
        raise AssertionError("there")
    # What the job puts in the way leads nobody out of its folder.
    data = pathlib.Path(context.mount_point).parent
    data.rename(data.with_name("moved"))
    data.symlink_to("/tmp")
    try:
        pets.to_path()
    except Exception as error:
        print(error.message)
    else:
        raise AssertionError("written")
    data.unlink()
print("all is well")
"""


@on_both_engines
def test_a_script_finds_registered_data_that_it_was_not_given(
    workspace: Workspace, environment: Environment, pets: Path, tmp_path: Path
) -> None:
    Dataset.File.from_files(pets).register(workspace, "pets")
    Dataset.File.from_files(f"{pets}/**/b.txt").register(workspace, "pets", create_new_version=True)
    (tmp_path / "soon").mkdir()
    (tmp_path / "soon/gone.txt").write_text("")
    Dataset.File.from_files(tmp_path / "soon").register(workspace, "gone")
    (tmp_path / "soon/gone.txt").unlink()
    (tmp_path / "soon").rmdir()
    run_id, log = run_script(workspace, environment, tmp_path / "source", ASKS, [])
    assert log.count("all is well") == 2
    folder = workspace.run_folder(run_id)
    assert not (folder / "inputs").exists()
    assert not (folder / "work/data").exists()
    assert "asked for data set pets:2" in (folder / "azureml-logs/60_control_log.txt").read_text()
