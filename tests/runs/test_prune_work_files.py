"""What jobs wrote elsewhere than in outputs and logs goes when somebody, or a rule, says so; the list of it stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_amltrain.disk.work_files import Rule, RunWorkFiles, choose
from jupyter_amltrain.errors import NameNotFoundException, UserErrorException
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, driver_log, set_target, wait_for_end, wait_until

LEAVES_FILES = """
import os
def write(path, size):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'wb') as file:
        file.write(os.urandom(size))
for epoch in (1, 2, 3):
    write('checkpoints/%d/model.pt' % epoch, 1 << 20)
write('../beside/data.bin', 1 << 20)
write('../home/.cache/weights.bin', 1 << 20)  # the job's home folder, where it is not root
write('outputs/model.txt', 10); write('logs/events', 11)
open('train.py', 'a').write('# changed')
# What people do: the best checkpoint is a link in outputs, a folder of plots is one too.
write('plots/loss.png', 12)
os.symlink('../checkpoints/3/model.pt', 'outputs/best.pt')
os.symlink('../plots', 'outputs/plots')
os.symlink('3', 'checkpoints/latest')
os.symlink('/etc/passwd', 'passwd')
"""
MEGABYTE = 1 << 20


def left(run: ScriptRun) -> list[str]:
    work = run._folder / "work"
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(work) for name in names)
    return sorted(os.path.relpath(path, work) for path in paths)


@pytest.fixture
def ended(workspace: Workspace, submit: Submit) -> ScriptRun:
    run = submit(LEAVES_FILES)
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id)
    return run


def test_only_what_is_asked_goes_and_the_list_stays(workspace: Workspace, ended: ScriptRun, submit: Submit) -> None:
    checkpoints = {f"checkpoints/{epoch}/model.pt" for epoch in (1, 2, 3)}
    names = {"../beside/data.bin", "plots/loss.png", "train.py", *checkpoints}
    listed, before, artifacts = ended.get_work_files(), left(ended), ended.get_file_names()
    assert {*listed} == names
    assert {"outputs/best.pt", "outputs/model.txt", "logs/events"} <= {*artifacts}
    going = submit("import os, time\nopen('big', 'w').write('x')\nwhile not os.path.exists('go'): time.sleep(.02)")
    wait_until(lambda: (going._folder / "work/code/big").exists(), "the file of the run that is not over")

    assert workspace.prune_work_files().chosen == ()
    assert workspace.prune_work_files(older_than="1d").chosen == ()
    would = workspace.prune_work_files(ended.id, dry_run=True)
    (item,) = would.chosen
    assert (item.run, would.deleted, item.size_bytes // MEGABYTE) == (ended.id, False, 4)
    assert left(ended) == before

    done = workspace.prune_work_files(ended.id, going.id)
    assert [item.run for item in done.chosen] == [ended.id]
    assert [(item.run, item.keep) for item in done.kept] == [(going.id, "the run is not over")]
    assert done.freed_bytes == item.size_bytes
    assert left(ended) == [
        "code/checkpoints/3/model.pt",
        "code/logs/events",
        "code/outputs/best.pt",
        "code/outputs/model.txt",
        "code/passwd",
        "code/plots/loss.png",
    ]
    assert ended.get_file_names() == artifacts
    assert (ended._folder / "outputs/best.pt").stat().st_size == MEGABYTE
    assert Path("/etc/passwd").exists()
    assert ended.get_work_files() == listed
    assert ended.get_work_files(pruned=False).keys() == {"checkpoints/3/model.pt", "plots/loss.png"}
    assert ended.get_work_files(pruned=True).keys() == names - {"checkpoints/3/model.pt", "plots/loss.png"}
    assert "Pruned what the job wrote elsewhere (4.2 MB)." in ended._text("azureml-logs/60_control_log.txt")
    assert ended.restore_snapshot(path=str(ended._folder)).endswith(".zip")

    assert workspace.prune_work_files(ended.id).freed_bytes == 0
    assert ended.get_work_files() == listed
    (going._folder / "work/code/go").touch()
    assert wait_for_end(workspace, going.id) == "Completed"
    assert going.get_work_files(pruned=False).keys() == {"big", "go"}


def test_a_rule_is_kept_whenever_a_run_ends(workspace: Workspace, ended: ScriptRun, submit: Submit) -> None:
    assert workspace.work_files_rule == {}
    workspace.set_work_files_rule(older_than="90d", beyond="6m")
    assert Workspace.get("tests").work_files_rule == {"older_than_s": 90 * 86400.0, "beyond_bytes": 6 << 20}
    newer = submit(LEAVES_FILES)
    assert wait_for_end(workspace, newer.id) == "Completed"
    wait_until(lambda: ended.get_work_files(pruned=True), "the older run's files to go")
    assert newer.get_work_files(pruned=True) == {}
    workspace.set_work_files_rule()
    assert workspace.work_files_rule == {}


def test_a_file_that_cannot_be_deleted_is_told_and_stays_listed(
    workspace: Workspace, ended: ScriptRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse(path: str) -> None:
        if path.endswith("data.bin"):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    done = workspace.prune_work_files(ended.id)
    assert done.freed_bytes < done.chosen[0].size_bytes
    assert done.kept[0].keep.endswith("beside/data.bin: Permission denied")
    assert "../beside/data.bin" in ended.get_work_files(pruned=False)


def test_outputs_that_the_job_has_put_elsewhere_stay(workspace: Workspace, submit: Submit) -> None:
    set_target(workspace, max_nodes=1)
    run = submit(
        "import os\nos.rmdir('outputs')\nos.makedirs('../store/outputs')\nos.symlink('store', '../way')\n"
        "os.symlink('../way/outputs', 'outputs')\nopen('outputs/model', 'w').write('m')\n"
        "open('../store/rest', 'w').write('r')"
    )
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id)
    assert "outputs/model" in run.get_file_names()
    workspace.prune_work_files(run.id)
    assert (run._folder / "outputs/model").read_text() == "m"
    assert not (run._folder / "work/store/rest").exists()


DAY_S = 86_400
NOW = 1000.0 * DAY_S


def found(*runs: tuple[str, float | None, int]) -> list[RunWorkFiles]:
    """Runs by id, days since their end (None: not over), and size."""
    return [
        RunWorkFiles(run, "pets", NOW - days * DAY_S, 1, size)
        if days
        else RunWorkFiles(run, "pets", None, 1, size, "no")
        for run, days, size in runs
    ]


@pytest.mark.parametrize(
    ("named", "rule", "chosen", "kept"),
    [
        ((), Rule(), "", ""),
        (("b",), Rule(), "b", ""),
        (("b", "live"), Rule(), "b", "live"),
        ((), Rule(older_than_s=15 * DAY_S), "b c", ""),
        (("a", "c"), Rule(older_than_s=15 * DAY_S), "c", ""),
        ((), Rule(beyond_bytes=100), "", ""),
        ((), Rule(beyond_bytes=99), "c", ""),
        ((), Rule(beyond_bytes=69), "b c", ""),
        ((), Rule(beyond_bytes=0), "a b c", ""),
        (("c",), Rule(beyond_bytes=0), "c", ""),
        ((), Rule(older_than_s=25 * DAY_S, beyond_bytes=69), "b c", ""),
    ],
)
def test_choice(named: tuple[str, ...], rule: Rule, chosen: str, kept: str) -> None:
    runs = found(("c", 30, 30), ("live", None, 10), ("a", 10, 20), ("b", 20, 40))
    goes, stays = choose(runs, named, rule, NOW)
    assert (sorted(one.run for one in goes), [one.run for one in stays]) == (chosen.split(), kept.split())


def test_mistakes(amltrain_home: Path) -> None:
    made = Workspace.create("mistakes", show_output=False)
    with pytest.raises(NameNotFoundException):
        made.prune_work_files("pets_1")
    with pytest.raises(UserErrorException, match="no time span|not a time span"):
        made.set_work_files_rule(older_than="soon")
    with pytest.raises(UserErrorException, match="not a size"):
        made.prune_work_files(beyond="much")
