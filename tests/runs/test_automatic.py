"""Metrics that the script did not log: what TensorBoard's files hold, what was printed, and whose value counts."""

from __future__ import annotations

import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest

from engine.frameworks import frameworks_python
from jupyter_amltrain.runs.event_files import metric_name
from jupyter_amltrain.runs.migrations import MIGRATIONS, migrate
from jupyter_amltrain.runs.printed import Printed, line_values
from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.runs.tfevents import _masked_crc, read_scalars
from jupyter_amltrain.workspace import Workspace

from .conftest import Submit, driver_log, kill_supervisor, wait_for_end, wait_until

LINES = {
    "Epoch 3/10  loss=0.12  val_acc: 0.9": {"loss": 0.12, "val_acc": 0.9, "step": 3},
    "Epoch [3/10], Step [20/100], Loss: 0.1234": {"Loss": 0.1234, "step": 20},
    '{"step": 40, "loss": 0.12, "ok": true, "who": "me"}': {"loss": 0.12, "step": 40},
    "{'loss': '0.3444', 'epoch': 2.0}": {"loss": 0.3444, "step": None},
    " 50%|█████     | 5/10 [00:01<00:01, 4.5it/s, loss=0.12, acc=1e-3]": {"loss": 0.12, "acc": 0.001, "step": None},
    "train: 12%|█▎  | 1.20k/9.60k [00:01<?, ?it/s, loss=0.12]": {"loss": 0.12, "step": None},
    "Epoch 3: 5it [00:01, 4.50it/s, loss=0.12]": {"loss": 0.12, "step": None},
    "2026-11-25 10:00:00,123 INFO train: loss = 0.5 lr:1.5e-4": {"loss": 0.5, "lr": 0.00015, "step": None},
    "16/16 ━━━━━ 1s 5ms/step - accuracy: 0.9063 - loss: 0.2": {"accuracy": 0.9063, "loss": 0.2, "step": None},
    "val loss: 0.3, \x1b[31mtrain loss\x1b[0m: -inf": {"val loss": 0.3, "train loss": float("-inf"), "step": None},
    "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.305": {"Loss": 2.305, "step": 1},
    "GET http://x:80/a=1?b=2&c=3": {},
    "listening on http://localhost:8080/ host:8080 size=10MB took: 3s": {},
    "[12:30:45] cuda:0 version: 3.11.2 time=12:30": {},
}


@pytest.mark.parametrize("line", LINES)
def test_values_in_a_line(line: str) -> None:
    expected = dict(LINES[line])
    step = expected.pop("step", None)
    found = line_values(line)
    assert {value.name: value.value for value in found} == expected
    assert all(value.step == step for value in found)


def test_lines_arrive_in_pieces_and_end_with_either_sign() -> None:
    printed = Printed(b"loss=0.")
    assert printed.feed(b"12") == []
    assert [value.value for value in printed.feed(b"5\r\nloss=2\rlo")] == [0.125, 2]
    assert printed.feed(b"x" * 100_000 + b" loss=3") == []
    assert printed.feed(b"\n") == []
    assert sum(len(printed.feed(b"name%d=1\n" % number)) for number in range(2000)) == 999


def test_a_bar_is_read_before_it_is_replaced_and_once() -> None:
    def bar(done: int, loss: float) -> bytes:
        return b"\r %d%%|##   | %d/10 [00:0%d<00:01, 4.5it/s, loss=%g]   " % (10 * done, done, done, loss)

    printed = Printed()
    shown = [bar(1, 0.5), bar(1, 0.5), bar(2, 0.5), bar(3, 0.25)[:-6], b"25]", bar(4, float("nan")), bar(5, 0.5), b"\n"]
    found = [[value.value for value in printed.feed(text)] for text in shown]
    assert str(found) == "[[0.5], [], [], [], [0.25], [nan], [0.5], []]"
    again = Printed(bar(3, 0.5)[1:])
    assert again.feed(b"\r") == []
    assert [value.value for value in again.feed(bar(4, 0.125))] == [0.125]


def event(tag: bytes, value: float, step: int) -> bytes:
    """A record as TensorBoard's writers write it."""
    inner = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    body = b"\x09" + struct.pack("<d", 1.5) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    head = struct.pack("<Q", len(body))
    return head + struct.pack("<I", _masked_crc(head)) + body + b"crc!"


def test_event_records_may_be_incomplete_and_damaged() -> None:
    first, second = event(b"loss", 0.5, 1), event(b"loss", 0.25, 2)
    assert read_scalars(first + second)[0] == [("loss", 0.5, 1, 1.5), ("loss", 0.25, 2, 1.5)]
    for cut in range(len(second)):
        assert read_scalars(first + second[:cut]) == ([("loss", 0.5, 1, 1.5)], len(first))
    assert read_scalars(first + b"x" * 40)[1] == len(first)
    with pytest.raises(ValueError, match="something else"):
        read_scalars(b"x" * 40)


def test_what_tensorboards_writers_and_tqdm_write_is_read(tmp_path: Path) -> None:
    script = (
        "from tensorboardX import SummaryWriter\nimport numpy, sys, time, tqdm\n"
        "writer = SummaryWriter('tb')\n"
        "for step in range(3):\n"
        "    writer.add_scalar('Loss/train', 1 / (step + 1), step)\n"
        "    writer.add_histogram('weights', numpy.random.rand(100), step)\n"
        "writer.add_text('text', 'x' * (2 << 20), 1)\nwriter.add_scalar('last', -1, 9)\nwriter.close()\n"
        "bar = tqdm.tqdm(range(3), file=sys.stdout, mininterval=0)\n"
        "for step in bar:\n    bar.set_postfix(loss=1 / (step + 1))\n"
    )
    done = subprocess.run(
        [str(frameworks_python()), "-c", script], cwd=tmp_path, check=True, stdout=subprocess.PIPE, timeout=60
    )
    (file,) = (tmp_path / "tb").iterdir()
    data = file.read_bytes()
    scalars, length = read_scalars(data)
    assert length == len(data) > 1 << 20
    assert [(scalar.tag, scalar.step) for scalar in scalars] == [
        *(("Loss/train", step) for step in range(3)),
        ("last", 9),
    ]
    assert [scalar.value for scalar in scalars] == pytest.approx([1, 1 / 2, 1 / 3, -1])
    printed = Printed().feed(done.stdout)
    assert list(dict.fromkeys(value.value for value in printed)) == [1, 0.5, 0.333]
    assert {value.name for value in printed} == {"loss"}


@pytest.mark.parametrize(
    ("tag", "folder", "first", "name"),
    [
        ("loss", "runs/now", "runs/now", "loss"),
        ("loss", "runs/now/both_a", "runs/now", "both_a/loss"),
        ("epoch_loss", "logs/train", "logs/train", "train/epoch_loss"),
        ("epoch_loss", "logs/validation", "logs/train", "validation/epoch_loss"),
        ("loss", "", "", "loss"),
        ("loss", "version_1", "version_0", "version_1/loss"),
    ],
)
def test_names_of_tags(tag: str, folder: str, first: str, name: str) -> None:
    assert metric_name(tag, folder, first) == name


WRITES = """
import os, sys, time, pathlib
sys.path.insert(0, os.curdir)
first, second, other = [bytes.fromhex(text) for text in {records!r}]
os.makedirs("logs/tb/both_a")
name = "events.out.tfevents.1.host"
file = open("logs/tb/" + name, "ab", 0)
file.write(first + second[:20])
os.mkfifo("logs/tb/both_a/" + name)
os.symlink("/etc", "etc"); os.symlink("/etc/passwd", "x.tfevents.link")
open("broken.tfevents.2", "wb").write(b"x" * 100)
print("epoch 1 printed=0.5 mine=9")
sys.stdout.write("\\r 50%|## | 1/2 [00:01<00:01, 1.0it/s, bar=1]")
sys.stdout.flush()
while not os.path.exists("go"):
    time.sleep(0.02)
os.remove("logs/tb/both_a/" + name)
open("logs/tb/both_a/" + name, "wb").write(first + other)
file.write(second[20:])
from azureml.core import Run
Run.get_context().log("mine", 1)
print("\\r 100%|####| 2/2 [00:02<00:00, 1.0it/s, bar=2]\\nepoch 2 printed=0.25", end="")
"""


def test_files_and_lines_are_taken_in_while_the_run_goes_on_and_once(
    workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLTRAIN_LOG_PATTERNS", "1")
    records = [event(b"loss", 0.5, 1), event(b"loss", 0.25, 2), event(b"mine", 7, 2)]
    run = submit(WRITES.format(records=[record.hex() for record in records]))
    store = workspace.store
    wait_until(lambda: "loss" in store.metric_names(run.id), "the first value of the event file")
    wait_until(lambda: "bar" in store.metric_names(run.id), "the bar that nothing has replaced")
    of_lines = dict.fromkeys(("printed", "mine", "bar"), "stdout")
    assert store.metric_sources(run.id) == {"loss": "tensorboard", **of_lines}
    assert kill_supervisor(workspace, run.id)
    (workspace.run_folder(run.id) / "work" / "code" / "go").touch()
    assert wait_for_end(workspace, run.id) == "Completed", driver_log(workspace, run.id)
    assert [(point.value, point.step, point.source) for point in store.points(run.id, name="loss")] == [
        (0.5, 1, "tensorboard"),
        (0.25, 2, "tensorboard"),
    ]
    assert [(point.value, point.step) for point in store.points(run.id, name="printed")] == [(0.5, 1), (0.25, 2)]
    assert [point.value for point in store.points(run.id, name="bar")] == [1, 2]
    # The script's own value hides what was printed under its name.
    assert run.get_metrics()["mine"] == 1
    assert store.metric_sources(run.id)["mine"] == ""
    assert run.get_metrics()["both_a/mine"] == 7
    control = (workspace.run_folder(run.id) / "azureml-logs/60_control_log.txt").read_text()
    assert "broken.tfevents.2 is not read any further: there is something else than an event in it" in control


def test_the_scripts_own_values_come_first(new_run: object, workspace: Workspace) -> None:
    run = new_run()  # type: ignore[operator]
    record, store = workspace.store.run(run.id), workspace.store

    def add(source: str, *values: float) -> None:
        store.add_points(record, [NewPoint("loss", "scalar", value, None, 1.0, 0, source=source) for value in values])

    add("fastai", 1, 2)
    add("tensorboard", 3)
    assert [(point.value, point.source) for point in store.points(run.id)] == [(1, "fastai"), (2, "fastai")]
    last = store.points(run.id)[-1].cursor
    add("", 4)
    add("fastai", 5)
    add("", 6)
    assert [point.value for point in store.points(run.id, last)] == [4, 6]
    assert [point.value for point in store.points(run.id, name="loss")] == [4, 6]
    assert store.metric_names(run.id) == {"loss": 2}
    assert [point.source for point in store.sample_metric(run.id, "loss")] == ["", ""]
    assert run.get_metrics() == {"loss": [4, 6]}


def test_series_of_an_older_database_are_the_scripts() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for step in MIGRATIONS[:4]:
        step(connection)
    connection.execute("PRAGMA user_version = 4")
    connection.execute("INSERT INTO series (id, run, name, count) VALUES (7, 1, 'loss', 3)")
    migrate(connection)
    assert connection.execute("SELECT id, run, name, source, shown, count FROM series").fetchall() == [
        (7, 1, "loss", "", 1, 3)
    ]


def test_a_job_and_its_processes_have_the_start_of_their_image_once(submit: Submit, workspace: Workspace) -> None:
    dockerfile = (
        "FROM python-base:1\n"
        "RUN echo \"import os; print('image', os.getpid(), flush=True)\" > /etc/python3.11/sitecustomize.py"
        " && mkdir /theirs && sed s/image/user/ /etc/python3.11/sitecustomize.py > /theirs/usercustomize.py\n"
        "ENV PYTHONPATH=/theirs\n"
    )
    script = (
        "import os, pathlib, subprocess, sys\nprint('job', os.getpid())\n"
        "pathlib.Path('fastai').mkdir()\npathlib.Path('fastai/learner.py').touch()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import fastai.learner'])\nchild.wait()\n"
        "print('child', child.pid)\n"
    )
    run = submit(script, dockerfile=dockerfile)
    assert wait_for_end(workspace, run.id) == "Completed"
    lines = driver_log(workspace, run.id).decode().splitlines()
    told = [line for line in lines if "what fastai reports is not logged" in line]
    words = [line.split() for line in lines if line not in told]
    pids = {who: pid for who, pid in words if who in ("job", "child")}
    started = [(who, pid) for who, pid in words if who in ("image", "user")]
    assert started == [(who, pids[process]) for process in ("job", "child") for who in ("image", "user")]
    assert len(told) == 1
