"""Files of a run: listed, copied, and never a way out of the run's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_amltrain.errors import NameNotFoundException, UserErrorException
from jupyter_amltrain.runs.artifacts import Artifact, copy_artifact, list_artifacts, open_artifact
from jupyter_amltrain.runs.folder import code_folder, make_run_folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "E_1_a"
    make_run_folder(folder)
    (folder / "azureml-logs/70_driver_log.txt").write_bytes(b"hello\n")
    (code_folder(folder) / "outputs/deep").mkdir(parents=True)
    (code_folder(folder) / "outputs/model.pkl").write_bytes(b"123")
    (code_folder(folder) / "outputs/deep/naïve name.txt").write_bytes(b"")
    (code_folder(folder) / "train.py").write_text("not an artifact")
    return folder


def test_listing_has_names_and_sizes_and_only_the_users_files(run_folder: Path) -> None:
    assert list_artifacts(run_folder) == [
        Artifact("azureml-logs/70_driver_log.txt", 6),
        Artifact("outputs/deep/naïve name.txt", 0),
        Artifact("outputs/model.pkl", 3),
    ]


def test_a_run_that_wrote_nothing_has_no_files(tmp_path: Path) -> None:
    make_run_folder(tmp_path / "run")
    assert list_artifacts(tmp_path / "run") == []


def test_copy_makes_folders_and_replaces(run_folder: Path, tmp_path: Path) -> None:
    destination = tmp_path / "here/there/model.pkl"
    for _ in range(2):
        assert copy_artifact(run_folder, "./outputs//model.pkl", destination) == destination
    assert destination.read_bytes() == b"123"
    assert os.listdir(destination.parent) == ["model.pkl"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("outputs/modle.pkl", "did you mean 'outputs/model.pkl'"),
        ("outputs/deep", "download_files(prefix='outputs/deep')"),
        ("outputs/model.pkl/x", "no file 'outputs/model.pkl/x'"),
    ],
)
def test_a_missing_name_suggests_another(run_folder: Path, name: str, said: str) -> None:
    with pytest.raises(NameNotFoundException) as error:
        open_artifact(run_folder, name)
    assert said in error.value.message


@pytest.mark.parametrize("name", ["../secret", "outputs/../../secret", "/etc/passwd", "work/code/train.py", "", "a\0b"])
def test_names_that_leave_the_runs_files_are_refused(run_folder: Path, name: str) -> None:
    (run_folder.parent / "secret").write_text("s")
    with pytest.raises(UserErrorException):
        open_artifact(run_folder, name)


def test_links_out_of_the_run_are_neither_listed_nor_opened(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/key").write_text("s3cret")
    outputs = code_folder(run_folder) / "outputs"
    (outputs / "key").symlink_to(tmp_path / "private/key")
    (outputs / "folder").symlink_to(tmp_path / "private")
    (code_folder(run_folder) / "logs").symlink_to(tmp_path / "private")
    (outputs / "loop").symlink_to(outputs)
    (outputs / "best.pkl").symlink_to("model.pkl")
    names = [artifact.name for artifact in list_artifacts(run_folder)]
    assert names == [
        "azureml-logs/70_driver_log.txt",
        "outputs/best.pkl",
        "outputs/deep/naïve name.txt",
        "outputs/model.pkl",
    ]
    for name in ("outputs/key", "outputs/folder/key", "logs/key"):
        with pytest.raises(UserErrorException, match="leads out of the run's folder"):
            open_artifact(run_folder, name)
    with open_artifact(run_folder, "outputs/best.pkl") as file:
        assert file.read() == b"123"


def test_a_link_put_in_place_between_check_and_open_is_not_followed(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("s3cret")
    model = code_folder(run_folder) / "outputs/model.pkl"
    resolve = os.path.realpath

    def swap_after_resolving(path: str) -> str:
        resolved = resolve(path)
        if resolved == str(model):
            model.unlink()
            model.symlink_to(tmp_path / "key")
        return resolved

    monkeypatch.setattr(os.path, "realpath", swap_after_resolving)
    with pytest.raises(UserErrorException, match="cannot be read"):
        open_artifact(run_folder, "outputs/model.pkl")


def test_a_named_pipe_does_not_block(run_folder: Path) -> None:
    os.mkfifo(code_folder(run_folder) / "outputs/pipe")
    assert "outputs/pipe" not in [artifact.name for artifact in list_artifacts(run_folder)]
    with pytest.raises(NameNotFoundException):
        open_artifact(run_folder, "outputs/pipe")


def test_links_that_lead_nowhere_are_left_out(run_folder: Path) -> None:
    outputs = code_folder(run_folder) / "outputs"
    (outputs / "loop").symlink_to("loop")
    (outputs / "dangling").symlink_to("gone")
    known = [artifact.name for artifact in list_artifacts(run_folder)]
    assert "outputs/model.pkl" in known
    for name in ("outputs/loop", "outputs/dangling", "outputs/" + "n" * 300):
        assert name not in known
        with pytest.raises(NameNotFoundException):
            open_artifact(run_folder, name)


@pytest.mark.parametrize("name", ["back\\slash", "line\nend", " ", "\udcff", "-rf", "%2e%2e", "..."])
def test_every_file_is_opened_by_the_name_that_it_is_listed_with(run_folder: Path, name: str) -> None:
    (code_folder(run_folder) / "outputs" / name).write_text("x")
    assert f"outputs/{name}" in [artifact.name for artifact in list_artifacts(run_folder)]
    with open_artifact(run_folder, f"outputs/{name}") as file:
        assert file.read() == b"x"


def test_a_destination_that_cannot_be_written_is_explained(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserErrorException, match="cannot be written"):
        copy_artifact(run_folder, "outputs/model.pkl", tmp_path / "file" / "model.pkl")
