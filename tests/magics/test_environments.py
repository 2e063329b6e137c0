"""``%%aml_env`` on the real engine."""

from __future__ import annotations

import re
import uuid
from importlib.metadata import version
from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Workspace
from magics.notebook import Notebook


def test_a_dockerfile_is_built_while_its_output_is_shown_and_found_again(notebook: Notebook, docker_host: str) -> None:
    cell = f"%%aml_env fastai2\nFROM python-base:1\nRUN echo building-{uuid.uuid4().hex}-now\n"
    first = notebook.run(cell).out
    assert re.search(r"^#\d+ building-\w+-now$", first, re.MULTILINE)
    last = first.splitlines()[-1]
    assert re.fullmatch(r"✓ fastai2:1 · Dockerfile · built in [\d.]+ s · \d+ [MG]B", last), last

    again = notebook.run(cell).out
    taken, found = again.splitlines()
    assert taken == "Taken for a Dockerfile: 2 steps on python-base:1."
    assert re.fullmatch(r"✓ fastai2:1 · Dockerfile · found in [\d.]+ s · \d+ [MG]B", found), found

    changed = notebook.run(cell + "ENV EXTRA=1\n").out
    assert "✓ fastai2:2 · Dockerfile · built in " in changed


def test_quiet_shows_the_last_line_only(notebook: Notebook, docker_host: str) -> None:
    told = notebook.run(f"%%aml_env -q silent\nFROM python-base:1\nRUN echo {uuid.uuid4().hex}\n")
    lines = [line for line in told.out.splitlines() if not line.startswith("Workspace ")]
    assert len(lines) == 1
    assert lines[0].startswith("✓ silent:1 · Dockerfile · built in ")


def test_a_step_that_fails_is_named_by_the_line_of_the_cell(notebook: Notebook, docker_host: str) -> None:
    words = notebook.refusal(
        "%%aml_env broken\nFROM python-base:1\n\nRUN echo fine\nRUN echo what went wrong >&2; exit 3\n"
    )
    assert "failed at line 5 of the cell, `RUN echo what went wrong >&2; exit 3`" in words
    assert "exit code 3" in words
    assert "    what went wrong" in words
    log = notebook.run("%aml_env --log broken").out
    assert "what went wrong" in log
    assert re.search(r"Written until 20\S+ \S+ UTC to \S+/builds/broken-local-\w+\.txt\.", log)
    assert "no build log 'brokn'; did you mean 'broken'?" in notebook.refusal("%aml_env --log brokn")
    assert "--log takes the name of one" in notebook.refusal("%aml_env --log broken --prune")
    assert "no environment 'broken'" in notebook.refusal("%aml_submit --env broken train.py")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%aml_env e\nFROM python-base:1\nRNU true\n", "line 3 of the cell: unknown instruction 'RNU'"),
        ("%%aml_env e\nnumpy\nnot a requirement\n", "Line 3 of the cell: 'not a requirement' is no pip requirement"),
        ("%%aml_env e\ndependencies:\n  - pip\n - x\n", "line 4 of the cell, column"),
        ("%%aml_env e\n\n", "The cell is empty"),
        ("%%aml_env e --base python-base:1\nFROM python-base:1\n", "leave out --base"),
        ("%%aml_env e --python 3.11\nFROM python-base:1\n", "leave out --python"),
        ("%%aml_env e --layer\nFROM python-base:1\n", "leave out --layer"),
        ("%%aml_env e --layer\nnumpy\n", "say of which, with --base IMAGE"),
        ("%%aml_env e --layer --base b:1 --python 3.11\nnumpy\n", "leave out --python"),
        ("%%aml_env e --from-kernel\nnumpy\n", "This notebook has imported nothing yet"),
        ("%%aml_env e --no-build --rebuild\nnumpy\n", "--no-build builds nothing"),
        ("%%aml_env e --context .\nnumpy\n", "--context is for Dockerfiles"),
        ("%%aml_env e --context missing\nFROM python-base:1\n", "There is no folder"),
        ("%%aml_env e --registry r.example.com --registry-user me --registry-password s3cret\nsix\n", "cell is saved"),
        ("%%aml_env e --registry-user me\nsix\n", "say which, --registry"),
        ("%%aml_env e --registry r.example.com --registry-password env:\nsix\n", "cannot be the name of one"),
        ("%%aml_env e --registry me:s3cret@r.example.com\nsix\n", "belongs into .username and .password"),
        ("%%aml_env e --format yaml\nnumpy\n", "invalid choice: 'yaml'"),
        ("%%aml_env\nnumpy\n", "the following arguments are required: name"),
        ("%%aml_env e -- more\nnumpy\n", "nothing after --"),
        ("%%aml_env 'e\nnumpy\n", "cannot be split into words"),
    ],
)
def test_what_cannot_be_right_is_refused_in_words(notebook: Notebook, cell: str, words: str) -> None:
    refusal = notebook.refusal(cell)
    assert words in refusal
    assert "s3cret" not in refusal
    assert not Workspace.default()[0].environments


def test_no_build_keeps_the_definition_without_an_engine(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    told = notebook.run("%%aml_env later --no-build --base python-base:1 --python 3.11\nsix\ntoml\n")
    assert told.out.splitlines()[-1] == "✓ later:1 · pip, 2 packages, isolated · not built yet"
    kept = Environment.get(Workspace.default()[0], "later")
    assert kept.docker.base_image == "python-base:1"
    assert kept.docker.enabled
    assert list(kept.python.conda_dependencies.pip_packages) == ["six", "toml"]
    assert kept.python.conda_dependencies.get_python_version() == "3.11"


def test_a_longer_list_is_stacked_and_flattened_when_asked(notebook: Notebook, docker_host: str) -> None:
    longer = f"iniconfig!=0.{uuid.uuid4().int >> 70}\ntoml\n"  # that nobody has built
    notebook.run(f"%%aml_env grows --base python-base:1\n{longer.splitlines()[0]}\n")
    told = notebook.run(f"%%aml_env grows --base python-base:1\n{longer}").out.splitlines()
    assert any(line.startswith("Stacked on amltrain/grows:") and "all but toml;" in line for line in told)
    assert re.search(r"^✓ grows:2 · .* · built in [\d.]+ s, stacked on amltrain/grows:\w+ · \d+ MB$", told[-1])
    told = notebook.run(f"%%aml_env grows --base python-base:1 --flatten -q\n{longer}").out.splitlines()
    assert re.fullmatch(r"✓ grows:2 · .* · built in [\d.]+ s · \d+ MB", told[-1])


def test_layer_adds_to_the_python_of_the_image(notebook: Notebook, docker_host: str) -> None:
    told = notebook.run("%%aml_env layered --layer --base python-base:1\niniconfig\n").out
    assert re.search(
        r"^✓ layered:1 · pip, 1 package, layered · (built|found) in [\d.]+ s · \d+ [MG]B\n\Z", told, re.MULTILINE
    ), told
    assert Environment.get(Workspace.default()[0], "layered").python.layered
    run = notebook.run("%%aml_submit --wait --env layered --out run\nimport iniconfig, pip; print('both')\n").out
    assert "both" in run
    assert re.search(
        r"Found environment amltrain/layered:\w+ \(\w+\), packages layered$",
        notebook.run("%aml_logs --file 60_control_log.txt").out,
        re.MULTILINE,
    )


def test_from_kernel_pins_what_the_notebook_has_imported(notebook: Notebook) -> None:
    notebook.shell.user_ns["In"].append("import numbers, packaging.version\nimport no_such_module_here")
    told = notebook.run("%%aml_env mine --from-kernel --no-build --base python-base:1\n# and\nsix==1.16.0\n").out
    pin = f"packaging=={version('packaging')}"
    assert f"From this kernel: {pin}\n" in told
    assert "Left out: no_such_module_here belongs to no installed package" in told
    kept = Environment.get(Workspace.default()[0], "mine")
    assert list(kept.python.conda_dependencies.pip_packages) == ["six==1.16.0", pin]
    words = notebook.refusal("%%aml_env mine --from-kernel --no-build\nFROM python-base:1\n")
    assert "--from-kernel adds to pip requirements, and the cell was taken for a Dockerfile" in words


def test_copy_takes_files_from_the_context(notebook: Notebook, here: Path, docker_host: str) -> None:
    (here / "assets").mkdir()
    (here / "assets" / "words.txt").write_text(uuid.uuid4().hex)
    told = notebook.run("%%aml_env copied --context assets\nFROM python-base:1\nCOPY words.txt /\nRUN cat /words.txt\n")
    assert (here / "assets" / "words.txt").read_text() in told.out


def test_an_engine_that_does_not_answer_is_said(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    monkeypatch.setenv("AMLTRAIN_ENGINE", "docker")
    assert "/nonexistent.sock" in notebook.refusal("%%aml_env e\nFROM python-base:1\n")


def test_a_dockerfile_without_an_engine_is_refused(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    assert "Dockerfile" in notebook.refusal("%%aml_env e\nFROM python-base:1\n")
