"""``%aml_submit`` and ``%%aml_submit`` on the real engine."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from jupyter_amltrain import Experiment, Run, Workspace
from jupyter_amltrain.runs.artifacts import list_artifacts
from jupyter_amltrain.runs.state_of import run_state
from jupyter_amltrain.saved import run_html
from jupyter_amltrain.submission.again import submit_again
from magics.notebook import Notebook

DRIVER_LOG = "azureml-logs/70_driver_log.txt"


def log_of(run: Run) -> str:
    run.wait_for_completion(raise_on_error=False)
    return run.get_details_with_logs()["logFiles"][DRIVER_LOG]


def test_a_script_of_a_folder_gets_its_neighbours_and_arguments(docker_notebook: Notebook, here: Path) -> None:
    (here / "src").mkdir()
    (here / "src" / "helper.py").write_text("def greet(name): return f'hello {name}'\n")
    (here / "src" / "train.py").write_text("import sys, helper\nprint(helper.greet(sys.argv[1]), sys.argv[2:])\n")
    docker_notebook.run("who, rest = 'you', '--epochs'")
    told = docker_notebook.run("run = %aml_submit src/train.py -- {who} $rest 3 'two words' -- --env x\nrun")
    assert isinstance(told.value, Run)
    assert log_of(told.value) == "hello you ['--epochs', '3', 'two words', '--', '--env', 'x']\n"
    assert told.value.get_status() == "Completed"


def test_source_names_the_folder_and_the_script_is_found_in_it(docker_notebook: Notebook, here: Path) -> None:
    (here / "project" / "scripts").mkdir(parents=True)
    (here / "project" / "scripts" / "train.py").write_text("import os\nprint(sorted(os.listdir('.')))\n")
    (here / "project" / "data.txt").write_text("")
    for script in ("scripts/train.py", "project/scripts/train.py"):
        run = docker_notebook.run(f"%aml_submit --source project {script}").value
        assert log_of(run) == "['data.txt', 'logs', 'outputs', 'scripts']\n"


def test_data_is_named_in_the_line(docker_notebook: Notebook, here: Path) -> None:
    (here / "pets").mkdir()
    (here / "pets/cat.txt").write_text("miau")
    (here / "train.py").write_text("import sys\nprint(*(open(path + '/cat.txt').read() for path in sys.argv[1:]))\n")
    run = docker_notebook.run("%aml_submit --input pets=pets --mount pets:/data train.py -- $pets /data").value
    assert log_of(run) == "miau miau\n"
    for wrong, words in (
        ("--input pets", "--input takes NAME=PATH"),
        ("--input a=pets --input a=pets", "names 'a' twice"),
        ("--input a=dogs", "There is no file or folder"),
        ("--input a-b=pets", 'Invalid input name "a-b"'),
        ("--mount pets", "--mount takes PATH:TARGET"),
        ("--mount pets:/", "path_on_compute='/' cannot be used"),
    ):
        assert words in docker_notebook.refusal(f"%aml_submit {wrong} train.py")


def test_the_cell_is_the_script_as_it_stands(docker_notebook: Notebook, here: Path) -> None:
    (here / "beside.txt").write_text("")
    docker_notebook.run("name = 'wrong'")
    told = docker_notebook.run(
        "%%aml_submit --wait --out run --tag kind=cell --tag plain --log-patterns\n"
        "import os\nname = 'right'\nprint({'a': 1}, f'{name}', '$name', '%d' % 3)\n"
        "print(sorted(os.listdir('.')), __file__)\n"
    )
    assert "{'a': 1} right $name 3\n['cell.py', 'logs', 'outputs'] " in told.out
    assert "Execution Summary" in told.out
    assert told.value is docker_notebook.shell.user_ns["run"]
    assert told.value.get_tags() == {"kind": "cell", "plain": None}
    assert told.value.get_metrics() == {"a": 1}
    assert not (here / "cell.py").exists()


def test_a_cell_with_a_source_has_its_files(docker_notebook: Notebook, here: Path) -> None:
    (here / "lib").mkdir()
    (here / "lib" / "helper.py").write_text("answer = 42\n")
    (here / "lib" / "step.py").write_text("print('the file, not the cell')\n")
    run = docker_notebook.run("%%aml_submit --source lib --name step.py\nimport helper\nprint(helper.answer)\n").value
    assert log_of(run) == "42\n"


def test_lines_of_a_traceback_are_those_of_the_cell(docker_notebook: Notebook) -> None:
    told = docker_notebook.try_to("%%aml_submit --wait --name fit.py\nprint('begin')\n\nraise ValueError('no data')\n")
    assert re.search(r'File "\S*/fit\.py", line 4, in <module>', told.out)
    assert re.fullmatch(r"The run notebook_\w+ failed: .*ValueError: no data.*", str(told.error), re.DOTALL)
    assert "Traceback" not in told.err


def test_the_environment_is_the_one_made_last_or_the_only_one(notebook: Notebook, docker_host: str) -> None:
    assert "There is no environment yet" in notebook.refusal("%%aml_submit\n1\n")
    notebook.run("%%aml_env first --no-build\nFROM python-base:1\nENV WHO=first\n")
    notebook.run("%%aml_env second --no-build\nFROM python-base:1\nENV WHO=second\n")
    notebook.run("%%aml_env second --no-build\nFROM python-base:1\nENV WHO=third\n")
    script = "\nimport os\nprint(os.environ['WHO'])\n"
    assert log_of(notebook.run(f"%%aml_submit{script}").value) == "third\n"
    assert log_of(notebook.run(f"%%aml_submit --env first{script}").value) == "first\n"
    assert log_of(notebook.run(f"%%aml_submit --env second:1{script}").value) == "second\n"

    another = Notebook()
    assert "Say which environment to use with --env NAME; there are: first, second." in another.refusal(
        "%%aml_submit\n1\n"
    )
    assert "no environment 'secnd'; did you mean 'second'?" in another.refusal("%%aml_submit --env secnd\n1\n")
    assert "environment 'second' has no version 7" in another.refusal("%%aml_submit --env second:7\n1\n")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%aml_submit", "Name the script to run"),
        ("%aml_submit missing.py", "missing.py script path doesn't exist"),
        ("%aml_submit --source nowhere train.py", "does not exist"),
        ("%aml_submit --target gpu train.py", "no compute target 'gpu'"),
        ("%aml_submit --experiment .odd train.py", "cannot be the name of an experiment"),
        ("%aml_submit --tag =x train.py", "'=x' is no tag"),
        ("%aml_submit --shm much train.py", "shm_size"),
        ("%aml_submit --out a-b train.py", "'a-b' cannot name a variable"),
        ("%aml_submit --targt gpu train.py", "did you mean --target?"),
        ("%aml_submit --targt gpu train.py", "\nUsage: %aml_submit [--env NAME]"),
        ("%%aml_submit train.py\n1\n", "The cell is the script"),
        ("%%aml_submit --name ../cell.py\n1\n", "cannot name a cell's script"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_starts(
    docker_notebook: Notebook, here: Path, cell: str, words: str
) -> None:
    (here / "train.py").write_text("")
    assert words in docker_notebook.refusal(cell)
    assert not Workspace.default()[0].store.runs()


@pytest.mark.parametrize(
    ("session", "experiment"),
    [
        ("", "notebook"),
        ("/home/me/Über pets (1).ipynb", "ber-pets-1"),
        ("work/my_model-2.ipynb", "my_model-2"),
    ],
)
def test_the_experiment_is_named_after_the_notebook(
    docker_notebook: Notebook, monkeypatch: pytest.MonkeyPatch, session: str, experiment: str
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    run = docker_notebook.run("%%aml_submit\n1\n").value
    assert run.experiment.name == experiment
    run.wait_for_completion()


def test_help_documents_every_option_with_examples(notebook: Notebook) -> None:
    text = notebook.shell.find_line_magic("aml_submit").__doc__
    for word in (
        "--env NAME",
        "--target",
        "--experiment",
        "--source",
        "--tag",
        "--wait",
        "--shm",
        "--out",
        "--log-patterns",
    ):
        assert word in text
    assert "%aml_submit train.py" in text
    assert "%%aml_submit --env torch --wait" in text


def test_outputs_are_kept(docker_notebook: Notebook) -> None:
    told = docker_notebook.run("%%aml_submit --wait\nopen('outputs/model.txt', 'w').write('w')\n")
    folder = Workspace.default()[0].run_folder(told.value.id)
    assert "outputs/model.txt" in [artifact.name for artifact in list_artifacts(folder)]


def test_a_run_is_drawn_over_another(docker_notebook: Notebook, here: Path) -> None:
    (here / "train.py").write_text(
        "from azureml.core import Run\nfor step in range(5): Run.get_context().log('loss', step)\n"
    )
    first = docker_notebook.run("first = %aml_submit --wait train.py\nfirst").value
    second = docker_notebook.run("%aml_submit --wait --over first train.py").value
    workspace = second.experiment.workspace
    record = workspace.store.run(second.id)
    assert run_state(workspace.store, workspace.run_folder(second.id), record, time.time()).over == first.id
    html = run_html(workspace, second.id)
    assert f"━</span>&nbsp;…{first.id[-4:]} <" in html
    again = submit_again(workspace, second.id)
    workspace.get_run(again.id).wait_for_completion()
    assert run_state(workspace.store, workspace.run_folder(again.id), again, time.time()).over == second.id


def test_a_run_is_drawn_only_over_one_that_is_there(docker_notebook: Notebook, here: Path) -> None:
    (here / "train.py").write_text("")
    elsewhere = Experiment(Workspace.create("elsewhere", show_output=False), "other").start_logging()
    elsewhere.complete()
    docker_notebook.shell.user_ns["other"] = elsewhere
    assert "workspace elsewhere" in docker_notebook.refusal("%aml_submit --over other train.py")
    assert "nothing_1" in docker_notebook.refusal("%aml_submit --over nothing_1 train.py")
    assert docker_notebook.run("%aml_runs").value.rows == []
