"""Git properties of real repositories."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from jupyter_amltrain.submission import git as git_module
from jupyter_amltrain.submission.git import git_properties, without_credentials


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("GIT_", "AZUREML_GIT_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "repository"
    (folder / "code").mkdir(parents=True)
    (folder / "code/train.py").write_text("1")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_properties_of_a_clean_folder(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://someone:t0ken@host.example/team/project.git")
    commit = git(repository, "rev-parse", "HEAD")

    assert git_properties(repository / "code") == {
        "azureml.git.repository_uri": "https://host.example/team/project.git",
        "azureml.git.branch": "main",
        "azureml.git.commit": commit,
        "azureml.git.dirty": "False",
        "mlflow.source.git.repoURL": "https://host.example/team/project.git",
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.commit": commit,
    }


def test_dirty_is_about_the_source_directory_alone(repository: Path) -> None:
    (repository / "outside.py").write_text("1")
    assert git_properties(repository / "code")["azureml.git.dirty"] == "False"
    assert git_properties(repository)["azureml.git.dirty"] == "True"

    (repository / "code/train.py").write_text("2")
    assert git_properties(repository / "code")["azureml.git.dirty"] == "True"


def test_without_a_remote_nothing_is_made_up(repository: Path) -> None:
    assert "azureml.git.repository_uri" not in git_properties(repository)


def test_a_detached_head_has_a_commit_and_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")

    properties = git_properties(repository)

    assert properties["azureml.git.commit"] == git(repository, "rev-parse", "HEAD")
    assert "azureml.git.branch" not in properties


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    assert git_properties(tmp_path) == {
        "azureml.git.branch": "main",
        "azureml.git.dirty": "False",
        "mlflow.source.git.branch": "main",
    }


def test_a_worktree_speaks_of_its_own_branch(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))

    assert git_properties(tmp_path / "side/code")["azureml.git.branch"] == "side"


def test_a_folder_without_repository_has_no_properties(tmp_path: Path) -> None:
    assert git_properties(tmp_path) == {}


def test_without_git_there_are_no_properties(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))

    assert git_properties(repository) == {}


def test_the_environment_takes_precedence(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_GIT_BRANCH", "release")
    monkeypatch.setenv("AZUREML_GIT_REPOSITORY_URI", "https://t0ken@host.example/x")
    monkeypatch.setenv("AZUREML_GIT_BUILD_ID", "17")

    properties = git_properties(repository)

    assert properties["azureml.git.branch"] == properties["mlflow.source.git.branch"] == "release"
    assert properties["mlflow.source.git.repoURL"] == "https://host.example/x"
    assert properties["azureml.git.build_id"] == "17"


def test_another_repository_in_the_environment_is_not_asked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository / "nowhere"))

    assert git_properties(repository)["azureml.git.branch"] == "main"


def test_a_git_that_takes_too_long_is_left_alone(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *status*) exec sleep 60;; esac\nPATH="{os.environ["PATH"]}"\nexec git "$@"\n'
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git_module, "TIMEOUT_S", 0.4)
    started = time.monotonic()

    properties = git_properties(repository)

    assert properties["azureml.git.commit"] == commit
    assert properties["azureml.git.branch"] == "main"
    assert "azureml.git.dirty" not in properties
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://host.example/a/b.git", "https://host.example/a/b.git"),
        ("https://user:t0ken@host.example:8443/a", "https://host.example:8443/a"),
        ("https://t0ken@host.example/a", "https://host.example/a"),
        ("https://user:t0@ken@host.example/a", "https://host.example/a"),
        ("https://user:t0/ken@host.example/a", "https://host.example/a"),
        ("https://user:1t0#ken@host.example/a", "https://host.example/a"),
        ("https://host.example/a?access_token=t0ken", "https://host.example/a"),
        ("https://host.example/a@v1", "https://host.example/a@v1"),
        ("https::https://u:t0ken@host.example/a", "https::https://host.example/a"),
        ("ssh://git@host.example:22/a", "ssh://git@host.example:22/a"),
        ("ssh://git:t0ken@host.example/a", "ssh://git@host.example/a"),
        ("git@host.example:a/b.git", "git@host.example:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
    ],
)
def test_credentials_never_get_into_a_property(url: str, clean: str) -> None:
    assert without_credentials(url) == clean
