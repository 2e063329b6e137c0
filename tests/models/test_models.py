"""Models: registered from a folder, from a run, and in the middle of one; used by the next job."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.conftest import environment, workspace  # noqa: F401 - fixtures
from data.test_jobs import run_script
from jupyter_amltrain import Environment, Model, Workspace
from jupyter_amltrain.errors import ModelNotFoundException, UserErrorException

REGISTERS = """
import os
from azureml.core import Model, Run
run = Run.get_context()
os.makedirs("outputs/net")
for name in ("weights.bin", "labels.txt"):
    with open("outputs/net/" + name, "w") as file:
        file.write(name)
model = run.register_model("pets", "outputs/net", tags={"from": "run"}, description="mid-run")
assert (model.name, model.version) == ("pets", 1)
assert Model(run.experiment.workspace, "pets").version == 1
with open("elsewhere.txt", "w") as file:
    file.write("x")
framework = Model.Framework.PYTORCH
small = Model.register(run.experiment.workspace, "elsewhere.txt", "small", model_framework=framework)
assert (small.id, small.model_framework) == ("small:1", "PyTorch")
"""

USES = """
import os, sys
from azureml.core import Run
from azureml.core.model import Model
from azureml.exceptions import ModelNotFoundException
workspace = Run.get_context().experiment.workspace
path = Model.get_model_path("pets", _workspace=workspace)
assert sorted(os.listdir(path)) == ["labels.txt", "weights.bin"], os.listdir(path)
assert Model.get_model_path("pets", 1) == path
assert workspace.models["pets"].version == 1
copy = Model(workspace, name="pets").download(target_dir="here", exist_ok=True)
assert open(copy + "/weights.bin").read() == "weights.bin"
assert [model.id for model in Model.list(workspace, tags=[["from", "run"]])] == ["pets:1"]
try:
    Model(workspace, "cats")
except ModelNotFoundException as error:
    assert "no model 'cats'" in error.message
else:
    raise AssertionError
assert open(sys.argv[1] + "/labels.txt").read() == "labels.txt"
try:
    open(sys.argv[1] + "/labels.txt", "w")
except OSError:
    pass
else:
    raise AssertionError("written")
"""


def test_a_model_of_one_job_is_used_by_the_next(
    workspace: Workspace,  # noqa: F811
    environment: Environment,  # noqa: F811
    tmp_path: Path,
) -> None:
    first, _ = run_script(workspace, environment, tmp_path / "source", REGISTERS, [])
    model = Model(workspace, "pets")
    assert (model.id, model.run_id, model.experiment_name) == ("pets:1", first, "data")
    assert (model.tags, model.description) == ({"from": "run"}, "mid-run")
    run_script(workspace, environment, tmp_path / "source", USES, [model.as_mount()])
    again = workspace.get_run(first).register_model("pets", "outputs/net/labels.txt")
    assert isinstance(again, Model)
    assert again.version == workspace.models["pets"].version == 2


@pytest.fixture
def here(amltrain_home: Path) -> Workspace:
    return Workspace.create("tests", show_output=False)


def test_registering_finding_and_changing(here: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_text("1")
    (folder / "sub/b.bin").write_text("2")
    one = Model.register(here, str(folder), "net", tags={"area": "cats", "n": 1}, model_framework="PyTorch")
    (folder / "a.bin").write_text("changed")
    two = Model.register(here, folder, "net", child_paths=["sub/b.bin"])
    file = Model.register(here, folder / "a.bin", "file", {"area": "dogs"})
    assert [one.version, two.version, file.version] == [1, 2, 1]
    assert one.tags == {"area": "cats", "n": "1"}
    assert Model(here, "net").version == 2
    assert Model(here, id="net:1").model_framework == Model(here, "net", version="1").model_framework == "PyTorch"
    assert {model.id for model in Model.list(here, latest=True)} == {"net:2", "file:1"}
    assert [model.id for model in Model.list(here, tags=["area"])] == ["file:1", "net:1"]
    assert [model.id for model in Model.list(here, tags=[["area", "cats"]])] == ["net:1"]
    assert here.models.keys() == {"net", "file"}

    path = Path(one.download(tmp_path / "to"))
    assert (path, (path / "a.bin").read_text()) == (tmp_path / "to/net", "1")
    with pytest.raises(UserErrorException, match="exist_ok=True"):
        one.download(tmp_path / "to")
    two.download(str(tmp_path / "to"), exist_ok=True)
    assert Path(Model.get_model_path("file", _workspace=here)).read_text() == "changed"
    assert [item.name for item in Path(Model.get_model_path("net", _workspace=here)).rglob("*.*")] == ["b.bin"]

    one.add_tags({"new": "x"})
    one.remove_tags(["n", "never"])
    one.update(description="about")
    one.add_properties({"author": "me"})
    with pytest.raises(UserErrorException, match="never change"):
        one.add_properties({"author": "you"})
    again = Model(here, "net", version=1)
    assert (again.tags, again.description, again.properties) == (
        {"area": "cats", "new": "x"},
        "about",
        {"author": "me"},
    )
    assert again.serialize()["id"] == "net:1"

    two.delete()
    with pytest.raises(ModelNotFoundException):
        two.delete()
    with pytest.raises(ModelNotFoundException, match="has no version 2; its versions are: 1"):
        Model(here, "net", version=2)
    assert Model.register(here, folder / "a.bin", "net").version == 3


def test_paths_below_the_model_folder_of_a_service(
    here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1", "2", "10"):
        (tmp_path / "models/net" / version).mkdir(parents=True)
        (tmp_path / "models/net" / version / "net.pkl").touch()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "models"))
    assert Model.get_model_path("net").endswith("net/10/net.pkl")
    assert Model.get_model_path("net", 2).endswith("net/2/net.pkl")
    with pytest.raises(ModelNotFoundException, match="There is no model 'cat' in the workspace 'tests'"):
        Model.get_model_path("cat", _workspace=here)


@pytest.mark.parametrize(
    ("name", "path", "sentence"),
    [
        ("../net", "a", "cannot be the name of a model"),
        ("net", "gone", "There is no file or folder"),
        ("net", "", "There is no file or folder|to register"),
    ],
)
def test_what_cannot_be_registered(here: Workspace, tmp_path: Path, name: str, path: str, sentence: str) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UserErrorException, match=sentence):
        Model.register(here, tmp_path / path if path else "/", name)
    with pytest.raises(UserErrorException, match="child_paths"):
        Model.register(here, tmp_path, "net", child_paths=["../a"])
    assert here.models == {}


def test_odd_files_of_a_folder(here: Workspace, tmp_path: Path) -> None:
    model = tmp_path / "mo del"
    (model / "ü 漢").mkdir(parents=True)
    (model / "empty").mkdir()
    for name in ("ü 漢/a b", "back\\slash", "\udcff", ".hidden"):
        (model / name).write_text("x")
    (model / "link").symlink_to("ü 漢/a b")
    (model / "circle").symlink_to(".")
    (model / "self").symlink_to("self")
    (model / "gone").symlink_to("nowhere")
    os.mkfifo(model / "pipe")
    copy = Path(Model.register(here, str(model), "odd").download(tmp_path.parent / f"{tmp_path.name}-to"))
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert files == {"ü 漢/a b", "back\\slash", "\udcff", ".hidden", "link"}
    with pytest.raises(UserErrorException, match="neither a file nor a folder"):
        Model.register(here, os.devnull, "null")
