"""A script that submits runs below its own, in real containers; and what it says of its own state."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain import Environment, Experiment, RunConfiguration, ScriptRunConfig, Workspace
from jupyter_amltrain.runs.run import ScriptRun

from .conftest import Submit, driver_log, set_target, wait_for_end, wait_until

# The lines of the SDK's own documentation, then what else there is.
PARENT = """
import warnings
from azureml.core import Run, ScriptRunConfig
from azureml.exceptions import ActivityFailedException, AzureMLException
from amltrain_job.submitted_child import request_of

run = Run.get_context()
for fruit in ['Apple', 'Banana', 'Orange']:
    run.log('Status', 'Launching ' + fruit)
    child_config = ScriptRunConfig(source_directory='.', script='child.py', arguments=['--fruit', fruit])
    run.submit_child(child_config)
for child in run.get_children():
    child.wait_for_completion()

assert sorted(child.get_metrics()['fruit'] for child in run.get_children()) == ['Apple', 'Banana', 'Orange']
assert {child.get_status() for child in run.get_children()} == {'Completed'}
assert len(run.get_metrics(recursive=True)) == 4

by_command = run.submit_child(ScriptRunConfig('.', command='echo shell; exit 3'), tags={'how': 'shell'})
try:
    by_command.wait_for_completion()
except ActivityFailedException as error:
    assert 'exit code 3' in error.message, error
else:
    raise AssertionError('it did not fail')
assert by_command.wait_for_completion(raise_on_error=False)['status'] == 'Failed'
assert by_command.tags == {'how': 'shell'} and by_command.parent is run

endless = run.submit_child(ScriptRunConfig('.', 'sub/endless.py', compute_target='docker-target', environment='plain'))
endless.cancel()
assert endless.wait_for_completion()['status'] == 'Canceled'

# A question may come twice, and means one run.
asked = dict(request_of(ScriptRunConfig('.', 'child.py', ['--fruit', 'Kiwi'])), request='0123456789abcdef', at=1)
assert run._ask('submit_child', **asked) == run._ask('submit_child', **asked)

class Foreign:
    script, source_directory, arguments, run_config = 'child.py', '.', ['--fruit', 'Lime'], object()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    run.submit_child(Foreign()).wait_for_completion()
assert 'run_config is not used' in str(caught[0].message)

def refused(**config):
    try:
        run.submit_child(ScriptRunConfig(**{'source_directory': '.', 'script': 'child.py', **config}))
    except AzureMLException as error:
        return error.message
    raise AssertionError(config)

assert "did you mean 'child.py'" in refused(script='chidl.py')
assert "has the environment of its parent, 'plain'" in refused(environment='other')
assert "has the compute_target of its parent" in refused(compute_target='gpu-cluster')
assert "source_directory is '.'" in refused(source_directory='/')
assert "leave run_config out" in refused(run_config=object())
assert "either the script" in refused(command='true')
assert "are a list" in refused(arguments='--fruit kiwi')
try:
    by_command.log('x', 1)
except AzureMLException as error:
    assert 'has a script of its own' in error.message
else:
    raise AssertionError('logged')
print('all is well')
"""

CHILD = """
import os, sys
from azureml.core import Run
run = Run.get_context()
assert run.id != os.environ.get('PARENT') and not os.path.exists('outputs/of_the_parent')
run.log('fruit', sys.argv[2])
open('outputs/juice', 'w').write(sys.argv[2])
"""


def submitted(workspace: Workspace, folder: Path, script: str) -> ScriptRun:
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text(script)
    (folder / "child.py").write_text(CHILD)
    (folder / "sub/endless.py").write_text("import time\ntime.sleep(600)\n")
    configuration = RunConfiguration()
    configuration.environment = Environment("plain")
    configuration.environment.docker.base_image = "python-base:1"
    configuration.environment.python.user_managed_dependencies = True
    configuration.target = "docker-target"
    asked = ScriptRunConfig(str(folder), script="train.py", run_config=configuration)
    return Experiment(workspace, "family").submit(asked)


def test_a_script_that_submits_children(workspace: Workspace, tmp_path: Path) -> None:
    set_target(workspace, max_nodes=3)
    run = submitted(workspace, tmp_path / "source", PARENT)
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id).decode()
    children = list(run.get_children())
    for child in children:
        wait_for_end(workspace, child.id)
    assert sorted(child.get_status() for child in children) == ["Canceled", *["Completed"] * 5, "Failed"]
    assert {child.type for child in children} == {"azureml.scriptrun"}
    assert {child.parent for child in children} == {run}
    assert {child.get_snapshot_id() for child in children} == {run.get_snapshot_id()}
    fruits = [child for child in children if child.get_status() == "Completed"]
    assert all("outputs/juice" in child.get_file_names() for child in fruits)
    assert sorted(child.get_details()["runDefinition"]["arguments"][1] for child in fruits) == [
        "Apple",
        "Banana",
        "Kiwi",
        "Lime",
        "Orange",
    ]
    assert run.id in {found.id for found in workspace.store.runs()}
    assert not {child.id for child in children} & {found.id for found in workspace.store.runs()}


WAITS_IN_VAIN = """
from azureml.core import Run, ScriptRunConfig
child = Run.get_context().submit_child(ScriptRunConfig('.', 'child.py', ['--fruit', 'fig']))
try:
    child.wait_for_completion()
except Exception as error:
    assert 'both would wait for ever' in error.message and 'max_nodes=2' in error.message, error
else:
    raise AssertionError('it waited')
"""


def test_waiting_for_a_child_that_cannot_start_is_told_and_the_child_starts_later(
    workspace: Workspace, tmp_path: Path
) -> None:
    run = submitted(workspace, tmp_path / "source", WAITS_IN_VAIN)
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id).decode()
    (child,) = run.get_children()
    assert wait_for_end(workspace, child.id) == "Completed"
    assert child.get_metrics() == {"fruit": "fig"}


OTHERS = """
import os
from azureml.core import Run
from amltrain_job.asking import ask
folder = os.path.dirname(os.getcwd())
_, seconds, digits = open('theirs').read().split('_')
try:
    ask(folder, 'submit_child', run='', at=int(seconds), request=digits + '0' * 8, command='true')
except Exception as error:
    assert 'it is not a child of this one' in error.message, error
else:
    raise AssertionError('taken')
for what in ('about', 'cancel', 'metrics', 'submit_child', 'register_model'):
    try:
        ask(folder, what, run=open('theirs').read())
    except Exception as error:
        assert 'may only ask about its own run' in error.message, error
    else:
        raise AssertionError(what)
"""


def test_a_job_reaches_no_run_that_is_not_below_its_own(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    theirs = submitted(workspace, source, "print('theirs')")
    assert wait_for_end(workspace, theirs.id) == "Completed"
    (source / "theirs").write_text(theirs.id)
    run = submitted(workspace, source, OTHERS)
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id).decode()
    assert driver_log(workspace, theirs.id) == b"theirs\n"
    assert list(run.get_children()) == []


@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("run.fail('it says so', error_code='Mine'); run.flush()", "Completed"),
        ("run.complete(); run.log('after', 2); raise ValueError('it ends so')", "Failed"),
        ("run.complete(); run.fail(ValueError('x')); run.cancel(); run.log('after', 2)", "Completed"),
    ],
)
def test_what_a_script_says_of_its_own_state_does_not_count(
    workspace: Workspace, submit: Submit, script: str, state: str
) -> None:
    run = submit(f"from azureml.core import Run\nrun = Run.get_context()\nrun.log('before', 1)\n{script}")
    assert wait_for_end(workspace, run.id) == state
    assert run.get_metrics()["before"] == 1
    assert ("after" in run.get_metrics()) == ("after" in script)
    if state == "Failed":
        assert run.get_details()["error"]["error"]["message"].startswith("User program failed with ValueError")
    else:
        assert "error" not in run.get_details()


def test_from_the_notebook_a_running_run_can_be_failed_and_has_children(
    workspace: Workspace, tmp_path: Path, submit: Submit
) -> None:
    set_target(workspace, max_nodes=2)
    run = submit("import time\nprint('here', flush=True)\ntime.sleep(600)")
    source = tmp_path / "other"
    source.mkdir()
    (source / "child.py").write_text(CHILD)
    configuration = RunConfiguration()
    configuration.environment, configuration.target = run.get_environment(), "docker-target"
    child = run.submit_child(
        ScriptRunConfig(str(source), "child.py", ["--fruit", "pear"], run_config=configuration), tags={"a": 1}
    )
    assert wait_for_end(workspace, child.id) == "Completed"
    assert (child.parent, child.get_metrics(), child.tags) == (run, {"fruit": "pear"}, {"a": "1"})
    wait_until(lambda: b"here" in driver_log(workspace, run.id), "the first line")
    run.complete()
    assert run.get_status() == "Running"
    run.fail("no longer needed", error_code="Mine")
    assert wait_for_end(workspace, run.id) == "Failed"
    assert run.get_details()["error"]["error"]["message"] == "no longer needed"
