"""Workspaces: found by a config file, made, listed, deleted; and what is refused with a sentence."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_amltrain.errors import NameNotFoundException, StoreException, UserErrorException, WorkspaceException
from jupyter_amltrain.runs import status as states
from jupyter_amltrain.workspace import Workspace

FRIENDLY = {"subscription_id": "S", "resource_group": "G", "workspace_name": "from-portal"}
SCOPE = {
    "Id": None,
    "Scope": "/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/from-sdk",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty one with two parents of the test's own."""
    folder = tmp_path / "home" / "project" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def named(name: str) -> dict[str, str]:
    return {**FRIENDLY, "workspace_name": name}


@pytest.mark.parametrize("content", [FRIENDLY, {**FRIENDLY, "more": 1}, SCOPE], ids=["friendly", "more", "scope"])
def test_both_shapes_are_read_and_the_choice_is_printed(
    here: Path, capsys: pytest.CaptureFixture[str], content: dict[str, str]
) -> None:
    path = put(here / "config.json", content)
    name = "from-sdk" if "Scope" in content else "from-portal"
    workspace = Workspace.from_config()
    assert (workspace.name, workspace.subscription_id, workspace.resource_group) == (name, "S", "G")
    assert capsys.readouterr().out == f"Workspace '{name}' (new on this machine) from {path}\n"
    assert Workspace.from_config() == workspace
    assert capsys.readouterr().out == f"Workspace '{name}' from {path}\n"


def test_a_file_with_a_byte_order_mark_is_read(here: Path) -> None:
    (here / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(FRIENDLY).encode())
    assert Workspace.from_config().name == "from-portal"


# In the order of preference; each line is there together with all below it.
ORDER = [
    "project/notebooks/.azureml/config.json",
    "project/notebooks/.azureml/project.json",
    "project/notebooks/aml_config/config.json",
    "project/notebooks/aml_config/project.json",
    "project/notebooks/config.json",
    "project/notebooks/project.json",
    "project/.azureml/config.json",
    "project/config.json",
    ".azureml/config.json",
    "config.json",
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_nearest_folder_wins(here: Path, first: int) -> None:
    for number, name in enumerate(ORDER[first:], first):
        put(here.parents[1] / name, named(f"number-{number}"))
    assert Workspace.from_config().name == f"number-{first}"


def test_the_line_says_when_azure_would_have_taken_another(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = put(here / "config.json", named("near"))
    far = put(here.parents[1] / ".azureml" / "config.json", named("far"))
    assert Workspace.from_config().name == "near"
    assert f"from {near} (nearer than {far}, which Azure's SDK would take)" in capsys.readouterr().out


def test_a_config_of_something_else_is_passed_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = put(here / "config.json", {"architectures": ["BertModel"]})
    right = put(here.parent / "config.json", FRIENDLY)
    assert Workspace.from_config().name == "from-portal"
    assert f"from {right} (no workspace in {model})" in capsys.readouterr().out


def test_a_path_may_be_a_file_a_folder_or_the_azureml_folder_itself(here: Path) -> None:
    file = put(here / "elsewhere" / "my.json", named("by-file"))
    assert Workspace.from_config(path=str(file)).name == "by-file"
    put(here / ".azureml" / "config.json", named("by-folder"))
    assert Workspace.from_config(here / "elsewhere").name == "by-folder"
    assert Workspace.from_config(path=".azureml").name == "by-folder"
    put(here / "other.json", named("by-name"))
    assert Workspace.from_config(_file_name="other.json").name == "by-name"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"subscription_id": "S",\n "resource_group" "G"}', "line 2, column 19"),
        ("", "is empty"),
        ({"workspace_name": "w-1"}, "Missing: subscription_id, resource_group."),
        ({**FRIENDLY, "workspace_name": ""}, "Missing: workspace_name."),
        ({"unrelated": 1}, "Missing: subscription_id, resource_group, workspace_name."),
        ([], "It holds a list, not an object. Missing: subscription_id, resource_group, workspace_name."),
        ({"Scope": "/subscriptions/S"}, "does not have the form /subscriptions/"),
        (named("../../../etc"), "cannot name a workspace"),
        (named("a"), "3 to 33 letters"),
    ],
)
def test_a_wrong_file_is_refused_by_name(here: Path, amltrain_home: Path, content: object, words: str) -> None:
    path = put(here / "config.json", content)
    with pytest.raises(UserErrorException) as caught:
        Workspace.from_config()
    assert str(path) in caught.value.message
    assert words in caught.value.message
    assert not (amltrain_home / "workspaces").exists()


def test_a_binary_file_is_refused_by_name(here: Path) -> None:
    (here / "config.json").write_bytes(b"\x80\x81")
    with pytest.raises(UserErrorException, match=r"config\.json is not JSON"):
        Workspace.from_config()


def test_no_file_and_no_such_path(here: Path) -> None:
    with pytest.raises(UserErrorException) as caught:
        Workspace.from_config()
    assert caught.value.message.startswith(f"We could not find config.json in: {here} or in its parent directories.")
    assert caught.value.message.endswith("Workspace.create('my-workspace').write_config()")
    put(here / "config.json", FRIENDLY)
    with pytest.raises(UserErrorException, match="missing does not exist"):
        Workspace.from_config("missing")


def test_default_is_that_of_the_config_file_else_one_of_that_name(here: Path) -> None:
    workspace, sentence = Workspace.default()
    assert workspace.name == "default"
    assert "no config.json" in sentence
    assert Workspace.default()[0] == workspace
    path = put(here / "config.json", FRIENDLY)
    workspace, sentence = Workspace.default()
    assert workspace.name == "from-portal"
    assert str(path) in sentence
    path.write_text("{")
    with pytest.raises(UserErrorException, match="is not JSON"):
        Workspace.default()


@pytest.mark.parametrize(
    ("given", "file_name", "existing", "written"),
    [
        (None, None, [], ".azureml/config.json"),
        ("sub", None, [], "sub/.azureml/config.json"),
        (".azureml", None, [], ".azureml/config.json"),
        (None, None, ["aml_config/x"], "aml_config/config.json"),
        (None, None, ["aml_config/x", ".azureml/x"], ".azureml/config.json"),
        (None, None, [".azureml/project.json"], ".azureml/project.json"),
        (None, "mine", [], ".azureml/mine.json"),
        (None, "mine.txt", [], ".azureml/mine.json"),
    ],
)
def test_write_config_writes_where_the_sdk_does(
    here: Path, given: str | None, file_name: str | None, existing: list[str], written: str
) -> None:
    workspace = Workspace.create("my-workspace", subscription_id="S", resource_group="G", show_output=False)
    for name in existing:
        put(here / name, "{}")
    workspace.write_config(given, file_name)
    content = json.loads((here / written).read_text())
    assert content == {"subscription_id": "S", "resource_group": "G", "workspace_name": "my-workspace"}
    assert Workspace.from_config(here / written) == workspace
    assert [path.name for path in (here / written).parent.iterdir() if path.name.startswith(".con")] == []


def test_write_config_to_a_place_that_cannot_be_written(here: Path) -> None:
    put(here / "file", "")
    with pytest.raises(UserErrorException, match=f"Could not write the config file to: {here}/file"):
        Workspace.create("my-workspace", show_output=False).write_config("file")


def test_create_prints_where_and_refuses_what_exists(amltrain_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace.create(
        "My-Workspace", tags={"team": "vision"}, location="westeurope", storage_account="/subscriptions/x", sku="basic"
    )
    assert capsys.readouterr().out == f"Workspace 'My-Workspace' is in {workspace.folder}\n"
    assert workspace.folder.is_relative_to(amltrain_home)
    assert (workspace.tags, workspace.location, workspace.sku) == ({"team": "vision"}, "westeurope", "basic")
    assert (workspace.subscription_id, workspace.resource_group) == ("local", "local")
    with pytest.raises(WorkspaceException, match="exists already"):
        Workspace.create("my-workspace")
    again = Workspace.create("my-workspace", exist_ok=True, show_output=False)
    assert again == workspace
    assert again.name == "My-Workspace"
    assert Workspace.create("my-workspace", subscription_id="other", show_output=False) != workspace


@pytest.mark.parametrize("name", ["ab", "a" * 34, "-abc", "a b c", "a/b/c", "../abc", "abc\n", "", None, 5])
def test_names_that_cannot_be(amltrain_home: Path, name: str) -> None:
    with pytest.raises(UserErrorException, match="cannot name a workspace"):
        Workspace.create(name)
    assert not (amltrain_home / "workspaces").exists()


def test_get_in_any_case_several_and_none() -> None:
    first = Workspace.create("shared", resource_group="one", show_output=False)
    assert Workspace.get("SHARED") == first
    assert Workspace(first.subscription_id, "one", "shared", auth=object()) == first
    Workspace.create("shared", resource_group="two", show_output=False)
    with pytest.raises(WorkspaceException, match="local/one, local/two") as caught:
        Workspace.get("shared")
    assert caught.value.found_multiple
    assert Workspace.get("shared", resource_group="ONE") == first
    assert {name: len(found) for name, found in Workspace.list().items()} == {"shared": 2}
    assert Workspace.list(resource_group="three") == {}
    with pytest.raises(WorkspaceException, match="Did you mean 'shared'") as caught:
        Workspace.get("shard")
    assert not caught.value.found_multiple
    with pytest.raises(WorkspaceException, match="another subscription or resource group"):
        Workspace("local", "three", "shared")


def test_delete_removes_everything_and_refuses_while_runs_are_not_over() -> None:
    workspace = Workspace.create("doomed", show_output=False)
    add_run(workspace, "e_1_ab")
    with pytest.raises(WorkspaceException, match="not over, the oldest is e_1_ab"):
        workspace.delete()
    workspace.store.move("e_1_ab", states.CANCELED)
    workspace.delete()
    assert list(workspace.folder.parent.iterdir()) == []
    with pytest.raises(WorkspaceException):
        Workspace.get("doomed")
    assert Workspace.create("doomed", show_output=False).store.runs() == []


def add_run(workspace: Workspace, run_id: str, target: str = "local") -> None:
    workspace.store.ensure_experiment("e")
    workspace.store.add_run(
        run_id, experiment="e", target=target, engine="scripted", nodes=1, max_nodes=1, definition={}, snapshot={}
    )


def test_runs_experiments_and_environments_by_name() -> None:
    workspace = Workspace.create("busy", show_output=False)
    assert (workspace.experiments, workspace.environments) == ({}, {})
    add_run(workspace, "e_1_ab")
    run = workspace.get_run("e_1_ab")
    assert (run.id, run.experiment.name) == ("e_1_ab", "e")
    assert list(workspace.experiments) == ["e"]
    with pytest.raises(NameNotFoundException, match="did you mean 'e_1_ab'"):
        workspace.get_run("e_1_a")
    from jupyter_amltrain.environment.spec import Environment

    Environment("fastai2").register(workspace)
    assert [(name, item.name) for name, item in workspace.environments.items()] == [("fastai2", "fastai2")]


def test_what_is_not_here_is_empty_or_says_so() -> None:
    workspace = Workspace.create("plain", show_output=False)
    assert list(workspace.datastores) == ["workspaceblobstore", "workspacefilestore"]
    for name in ("datasets", "models", "images", "webservices", "linked_services"):
        assert getattr(workspace, name) == {}
    with pytest.raises(AttributeError, match=r"get_default_keyvault cannot be used here: there is no key vault"):
        workspace.get_default_keyvault()
    with pytest.raises(AttributeError, match="did you mean 'compute_targets'"):
        _ = workspace.compute_target
    assert not hasattr(workspace, "_ipython_display_")


def test_details_repr_and_html() -> None:
    workspace = Workspace.create("shown", subscription_id="<S>", resource_group="G", show_output=False)
    assert repr(workspace) == "Workspace.create(name='shown', subscription_id='<S>', resource_group='G')"
    details = workspace.get_details()
    assert details["id"] == (
        "/subscriptions/<S>/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/shown"
    )
    assert details["storageAccount"] == str(workspace.folder)
    assert details["workspaceid"] == Workspace.get("shown").get_details()["workspaceid"]
    assert workspace.discovery_url.startswith("file:///")
    html = workspace._repr_html_()
    assert '<th style="text-align:left">Workspace</th><td style="text-align:left">shown</td>' in html
    assert "&lt;S&gt;" in html


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "a\0b"])
def test_a_run_folder_never_leaves_the_workspace(run_id: str) -> None:
    workspace = Workspace.create("folders", show_output=False)
    assert workspace.run_folder("e_1_ab").parent.parent == workspace.folder
    with pytest.raises(UserErrorException, match="is not a run id"):
        workspace.run_folder(run_id)


def test_copies_and_pickles_are_the_same_workspace() -> None:
    workspace = Workspace.create("copied", show_output=False)
    assert copy.deepcopy({"ws": workspace})["ws"] is workspace
    assert pickle.loads(pickle.dumps(workspace)) == workspace


def test_many_threads_open_and_use_one_workspace() -> None:
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            workspace = Workspace.create("threads", exist_ok=True, show_output=False)
            workspace.store.ensure_experiment(f"experiment-{number}")
            assert workspace.compute_targets.keys() == {"local"}
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(Workspace.get("threads").experiments) == 8


def test_a_home_that_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_HOME", str(put(tmp_path / "file", "") / "home"))
    with pytest.raises(StoreException, match="set AMLTRAIN_HOME to a folder that is"):
        Workspace.create("homeless")


def test_a_damaged_workspace_file() -> None:
    workspace = Workspace.create("damaged", show_output=False)
    put(workspace.folder / "workspace.json", "{")
    with pytest.raises(StoreException, match=r"workspace\.json is damaged"):
        Workspace.get("damaged")


def test_a_full_disk_is_a_sentence_and_leaves_no_half_made_workspace(amltrain_home: Path) -> None:
    # No byte can be written below a file size limit of 0, which is how a full disk looks to the one who writes.
    code = """
import resource, signal
from jupyter_amltrain.errors import StoreException
from jupyter_amltrain.workspace import Workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    Workspace.create("no-space")
except StoreException as error:
    print("Free some space" in error.message)
"""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    with pytest.raises(WorkspaceException):
        Workspace.get("no-space")
    assert Workspace.create("no-space", show_output=False).store.runs() == []
