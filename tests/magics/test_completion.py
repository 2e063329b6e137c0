"""Tab completion, through IPython's own completer."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

from jupyter_amltrain import Run
from magics.notebook import Notebook


def completed(notebook: Notebook, text: str) -> list[str]:
    """What the last word of ``text`` may become."""
    with provisionalcompleter():
        return [item.text for item in notebook.shell.Completer.completions(text, len(text))]


@pytest.fixture
def peopled(notebook: Notebook, here: Path) -> Notebook:
    notebook.run("%%aml_env fastai2 --no-build\nFROM python-base:1\n")
    notebook.run("%%aml_env sklearn --no-build\nscikit-learn\n")
    (here / "src").mkdir()
    (here / "src" / "prepare.py").write_text("")
    (here / "train.py").write_text("")
    return notebook


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%aml_submit --env fa", ["fastai2"]),
        ("%aml_submit --env ", ["fastai2", "sklearn"]),
        ("%%aml_submit --env sk", ["sklearn"]),
        ("run = %aml_submit --env sk", ["sklearn"]),
        ("%aml_submit --target lo", ["local"]),
        ("%aml_submit --wait tra", ["train.py"]),
        ("%aml_submit src/", ["src/prepare.py"]),
        ("%aml_submit --source src p", ["prepare.py"]),
        ("%aml_submit --wa", ["--wait"]),
        ("%aml_runs --status Comp", ["Completed"]),
        ("%%aml_env --format d", ["dockerfile"]),
        ("%%aml_env fas", ["fastai2"]),
        ("%aml_workspace def", ["default"]),
        ("%aml_logs la", ["last"]),
    ],
)
def test_names_are_completed(peopled: Notebook, text: str, words: list[str]) -> None:
    peopled.run("%aml_workspace")
    assert completed(peopled, text) == words


def test_what_follows_two_dashes_is_the_scripts(peopled: Notebook) -> None:
    assert "--env" not in completed(peopled, "%aml_submit train.py -- --e")


def test_nothing_is_printed_and_a_broken_config_does_not_hurt(
    peopled: Notebook, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(Notebook(), "%aml_submit --env fa") == ["fastai2"]
    (here / "config.json").write_text("{")
    assert "fastai2" not in completed(peopled, "%aml_submit --env fa")
    assert capsys.readouterr().out == ""


def test_run_ids_are_completed(docker_notebook: Notebook) -> None:
    run: Run = docker_notebook.run("%%aml_submit --experiment digits\n1\n").value
    run.wait_for_completion()
    assert completed(docker_notebook, "%aml_logs dig") == [run.id]
    assert completed(docker_notebook, "%aml_cancel dig") == []
