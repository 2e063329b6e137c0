"""A failed run is submitted again with what its failure offers, and then goes well."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.runs.state_of import run_state
from jupyter_amltrain.submission.again import submit_again
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, driver_log, set_target, wait_for_end


def offered(workspace: Workspace, run_id: str) -> list[tuple[str, ...]]:
    record = workspace.store.run(run_id)
    failure = run_state(workspace.store, workspace.run_folder(run_id), record, 0).failure
    assert failure is not None
    return [option.arguments for cause in failure.causes for option in cause.options if option.remedy == "rerun"]


def again(workspace: Workspace, run_id: str, options: tuple[str, ...]) -> str:
    rerun = submit_again(workspace, run_id, options)
    assert wait_for_end(workspace, rerun.id) == "Completed", driver_log(workspace, rerun.id).decode()
    return driver_log(workspace, rerun.id).decode()


def test_with_more_shared_memory(workspace: Workspace, submit: Submit) -> None:
    run = submit("open('/dev/shm/x', 'wb').write(b'1' * (80 << 20)); print('written')", shm="64m")
    assert wait_for_end(workspace, run.id) == "Failed"
    (options,) = offered(workspace, run.id)
    assert options == ("--shm", "8g")
    assert again(workspace, run.id, options) == "written\n"


def test_shared_memory_as_the_target_or_the_run_says(workspace: Workspace, submit: Submit) -> None:
    script = "import os; found = os.statvfs('/dev/shm'); print(found.f_blocks * found.f_frsize >> 20)"
    set_target(workspace, max_nodes=1, shm_size="96m")
    runs = submit(script), submit(script, shm="32m")
    assert [wait_for_end(workspace, run.id) for run in runs] == ["Completed", "Completed"]
    assert [driver_log(workspace, run.id) for run in runs] == [b"96\n", b"32\n"]


def test_with_half_the_batch(workspace: Workspace, submit: Submit) -> None:
    set_target(workspace, max_nodes=1, memory="128m")
    script = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--name")
parser.add_argument("--bs", type=int)
given = parser.parse_args()
held = bytearray(b"1" * (given.bs << 20))
print(given.name, len(held) >> 20)
"""
    run = submit(script, "--name", "a b", "--bs", "200")
    assert wait_for_end(workspace, run.id) == "Failed"
    (options,) = offered(workspace, run.id)
    assert options == ("--", "--name", "a b", "--bs", "100")
    # Half of it fits only where Python frees as it goes; a quarter does for sure.
    assert again(workspace, run.id, (*options[:-1], "20")) == "a b 20\n"


def test_with_data_that_was_not_there(workspace: Workspace, submit: Submit, tmp_path: Path) -> None:
    data = tmp_path / "pets.csv"
    data.write_text("cat\n")
    run = submit(f"print(open({str(data)!r}).read().strip())")
    assert wait_for_end(workspace, run.id) == "Failed"
    (options,) = offered(workspace, run.id)
    assert options == ("--mount", f"{data}:{data}")
    assert again(workspace, run.id, options) == "cat\n"


@pytest.mark.parametrize("options", [("--env", "other"), ("--shm",), ("--mount", "nowhere"), ("--shm", "many")])
def test_what_cannot_change_is_refused(workspace: Workspace, submit: Submit, options: tuple[str, ...]) -> None:
    run = submit("print(1)")
    with pytest.raises(UserErrorException):
        submit_again(workspace, run.id, options)
