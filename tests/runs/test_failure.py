"""Why a run failed: the exception, the user's own frames and known causes, from logs as they were recorded."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.engines.exits import exit_words, explain_exit, explain_memory
from jupyter_amltrain.engines.protocol import Exit
from jupyter_amltrain.environment.packages.pip_names import PIP_NAMES, pip_name
from jupyter_amltrain.magics.runs import RunMagics
from jupyter_amltrain.runs.causes import known_causes
from jupyter_amltrain.runs.circumstances import Circumstances
from jupyter_amltrain.runs.ending import error_of
from jupyter_amltrain.runs.failure import failure_of, fitted
from jupyter_amltrain.runs.run_state import Failure, Option
from jupyter_amltrain.runs.shorten import json_size
from jupyter_amltrain.runs.tracebacks import find_tracebacks, plain_lines

NAMES = frozenset({"train.py", "models/net.py", "data/train.csv"})
ABOUT = Circumstances(
    script="train.py",
    names=NAMES,
    arguments=("--lr", "0.1"),
    code_folder="/home/me/.amltrain/ws/runs/E_1_a/work/code",
    home="/home/me/.amltrain",
    environment={"name": "torch", "dockerfile": "FROM python"},
    shm_bytes=2 << 30,
    host_memory_bytes=64 << 30,
    target="gpu-cluster",
)


def failed(log: str, code: int = 1, message: str = "", **about: Any) -> Failure:
    said = message or (f"User program failed with {log.rstrip().splitlines()[-1]}" if code == 1 else explain_exit(code))
    return failure_of(Exit(code, said), said, log, dataclasses.replace(ABOUT, **about))


def places(failure: Failure) -> list[tuple[str, int, str]]:
    return [(frame.file, frame.line, frame.function) for frame in failure.frames]


CHAINED = """\
starting
Traceback (most recent call last):
  File "/amltrain/run/code/models/net.py", line 6, in check
    {}['a']
    ~~^^^^^
KeyError: 'a'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/amltrain/run/code/train.py", line 2, in <module>
    net.build(3)
  File "/usr/lib/python3.11/contextlib.py", line 81, in inner
    return func(*args, **kwds)
  File "/opt/amltrain/env/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1501, in _call_impl
    return forward_call(*args, **kwargs)
  File "/amltrain/run/code/models/net.py", line 8, in check
    raise ValueError(
        'shapes do not fit'
    ) from error
ValueError: shapes do not fit
"""

GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/amltrain/run/code/train.py", line 12, in <module>
  |     asyncio.run(main())
  |   File "/usr/lib/python3.11/asyncio/runners.py", line 190, in run
  |     return runner.run(main)
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/amltrain/run/code/train.py", line 5, in fetch
    |     1 / 0
    |     ~~^~~
    | ZeroDivisionError: division by zero
    +------------------------------------
"""

IN_WORKER = """\
Traceback (most recent call last):
  File "/amltrain/run/code/train.py", line 9, in <module>
    for batch in loader:
  File "/usr/lib/python3/dist-packages/torch/utils/data/dataloader.py", line 633, in __next__
    data = self._next_data()
KeyError: Caught KeyError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/torch/utils/data/_utils/worker.py", line 308, in _worker_loop
    data = fetcher.fetch(index)
  File "/amltrain/run/code/models/net.py", line 4, in __getitem__
    return self.rows[i]
KeyError: 17
"""

ELASTIC = """\
[rank1]: Traceback (most recent call last):
[rank0]: Traceback (most recent call last):
[rank1]:   File "/amltrain/run/code/train.py", line 7, in <module>
[rank0]:   File "/amltrain/run/code/train.py", line 8, in <module>
[rank1]:     work()
[rank0]:     wait()
[rank1]:   File "/amltrain/run/code/train.py", line 5, in work
[rank1]:     raise ValueError('rank is bad')
[rank1]: ValueError: rank is bad
[rank0]: torch.distributed.DistBackendError: peer is gone
E0101 10:00:00.000 12 torch/distributed/elastic/multiprocessing/api.py:826] failed (exitcode: 1) local_rank: 1
Traceback (most recent call last):
  File "/usr/local/bin/torchrun", line 8, in <module>
    sys.exit(main())
  File "/usr/lib/python3/dist-packages/torch/distributed/run.py", line 879, in main
    run(args)
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
  <NO_OTHER_FAILURES>
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2024-01-01_10:00:00
  host      : node
  rank      : {rank} (local_rank: {rank})
  exitcode  : {exitcode} (pid: 13)
  error_file: <N/A>
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""

NOT_COMPILED = """\
  File "/amltrain/run/code/train.py", line 3
    x = = 1
        ^
SyntaxError: invalid syntax
"""

CRASHED = """\
Fatal Python error: Segmentation fault

Thread 0x00007f01 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait

Current thread 0x00007f02 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/amltrain/run/code/models/net.py", line 4 in crash
  File "/amltrain/run/code/train.py", line 5 in <module>
  File "/amltrain/job/launch.py", line 221 in <module>

Extension modules: numpy.core._multiarray_umath (total: 1)
"""

BOXED = """\
╭───────────────────── Traceback (most recent call last) ──────────────────────╮
│ /amltrain/run/code/train.py:7 in <module>                                    │
│                                                                              │
│   6 │   work(3)                                                              │
│ ❱ 7 main()                                                                   │
│                                                                              │
│ /usr/lib/python3/dist-packages/click/core.py:1130 in __call__                │
│                                                                              │
│ ❱ 1130 │   │   return self.main(*args)                                       │
│                                                                              │
│ /amltrain/run/code/models/net.py:4 in work                                   │
│                                                                              │
│ ❱ 4 │   raise ValueError("bad number")                                       │
╰──────────────────────────────────────────────────────────────────────────────╯
ValueError: bad number
"""

CAUGHT_BY_LOGURU = """\
2026-11-25 08:42:06.165 | ERROR    | __main__:<module>:7 - An error has been caught in function '<module>'
Traceback (most recent call last):

> File "/amltrain/run/code/train.py", line 7, in <module>
    main()
    └ <function main at 0x7f4ef5ede200>

  File "/amltrain/run/code/models/net.py", line 3, in work
    return 1 / n
               └ 0

ZeroDivisionError: division by zero
"""

TITLES_AND_PLACES = [
    (BOXED, 1, "The script raised ValueError: bad number", [("train.py", 7), ("models/net.py", 4)]),
    (CAUGHT_BY_LOGURU, 1, "The script raised ZeroDivisionError: div", [("train.py", 7), ("models/net.py", 3)]),
    (CHAINED, 1, "The script raised ValueError: shapes do not fit", [("train.py", 2), ("models/net.py", 8)]),
    (GROUP, 1, "The script raised ZeroDivisionError: division by zero", [("train.py", 12), ("train.py", 5)]),
    (IN_WORKER, 1, "The script raised KeyError: 17", [("models/net.py", 4)]),
    (
        ELASTIC.format(rank=1, exitcode=1),
        1,
        "Rank 1 raised ValueError: rank is bad",
        [("train.py", 7), ("train.py", 5)],
    ),
    (
        ELASTIC.format(rank=0, exitcode=1),
        1,
        "Rank 0 raised torch.distributed.DistBackendError: peer is gone",
        [("train.py", 8)],
    ),
    (
        "x\n" + ELASTIC.partition("api.py:826")[2].format(rank=3, exitcode=-9),
        1,
        "Rank 3 failed first: killed by SIGKILL.",
        [],
    ),
    (NOT_COMPILED, 1, "The script raised SyntaxError: invalid syntax", [("train.py", 3)]),
    (CRASHED, 139, "Python crashed: Segmentation fault.", [("train.py", 5), ("models/net.py", 4)]),
    ("no data found\n", 1, "The script ended with exit code 1; the last line of its log: no data found", []),
    ("", 1, "The script ended with exit code 1; its own message is at the end of the log.", []),
    (
        "usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --foo\n",
        2,
        "train.py: error: unrecognized arguments: --foo",
        [],
    ),
    # A script that goes on after an exception and is killed much later was not ended by that exception.
    (f"{CHAINED}{'epoch 1' * 9}\nsaved\n", 137, "It was killed from outside.", None),
    (CHAINED.replace("\n", "\r\n"), 1, "The script raised ValueError: shapes do not fit", None),
    # What another process prints in between.
    (
        CHAINED.replace(
            '  File "/amltrain/run/code/models/net.py", line 8', 'epoch: 3\n  File "/amltrain/run/code/x.py", line 8'
        ),
        1,
        "The script raised ValueError: shapes do not fit",
        [("train.py", 2), ("x.py", 8)],
    ),
    # The traceback lost its end with the process.
    (CHAINED.rpartition("    raise")[0], 1, "", [("train.py", 2), ("models/net.py", 8)]),
]


@pytest.mark.parametrize(("log", "code", "title", "where"), TITLES_AND_PLACES)
def test_what_ended_the_script(log: str, code: int, title: str, where: list[tuple[str, int]] | None) -> None:
    message = explain_exit(code) if not log or log.startswith("no data") else ""
    found = failed(log, code, message)
    assert found.title.startswith(title)
    assert found.exit_words == exit_words(code)
    if where is not None:
        assert [(file, line) for file, line, _ in places(found)] == where


def test_the_line_of_code_is_that_of_the_frame() -> None:
    assert [frame.code for frame in failed(BOXED).frames] == ["main()", 'raise ValueError("bad number")']
    assert [frame.code for frame in failed(CAUGHT_BY_LOGURU).frames] == ["main()", "return 1 / n"]
    assert [frame.code for frame in failed(CHAINED).frames] == ["net.build(3)", "raise ValueError("]


def test_a_cells_lines_are_those_of_the_notebook() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/amltrain/run/code/cell.py", line 3, in <module>\n    f()\nX: y\n'
    )
    of_a_cell = failed(log, script="cell.py", from_cell=True, names=frozenset({"cell.py"}))
    (frame,) = of_a_cell.frames
    assert (frame.file, frame.cell_line, frame.in_snapshot, frame.code) == ("cell.py", 3, True, "f()")
    assert failed(log, script="cell.py", names=frozenset({"cell.py"})).frames[0].cell_line is None


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/amltrain/run/code/train.py", "train.py"),
        ("train.py", "train.py"),
        ("./train.py", "train.py"),
        ("/home/me/.amltrain/ws/runs/E_1_a/work/code/models/net.py", "models/net.py"),
        ("/opt/research/layers.py", "/opt/research/layers.py"),
        ("/home/me/.amltrain/environments/abc/layers.py", None),
        ("/amltrain/run/code/env/lib/python3.8/site-packages/x.py", None),
        ("/usr/lib/python3.11/threading.py", None),
        ("/opt/conda/lib/python3.8/site-packages/fastai/learner.py", None),
        ("<frozen importlib._bootstrap>", None),
        ("<string>", None),
        ("/amltrain/job/python-path/amltrain_job/run.py", None),
    ],
)
def test_whose_file_it_is(file: str, shown: str | None) -> None:
    found = failed(f'Traceback (most recent call last):\n  File "{file}", line 3, in f\n    g()\nE: x\n')
    assert [frame.file for frame in found.frames] == ([shown] if shown else [])
    assert [frame.in_snapshot for frame in found.frames] == ([shown in NAMES] if shown else [])


def raising(text: str) -> str:
    frame = '  File "/amltrain/run/code/train.py", line 1, in <module>\n    f()\n'
    return f"Traceback (most recent call last):\n{frame}{text}\n"


CAUSES: list[tuple[str, dict[str, Any], str, list[Option]]] = [
    (
        raising("ModuleNotFoundError: No module named 'cv2'"),
        {},
        "opencv-python-headless",
        [Option("Add opencv-python-headless to torch", "environment", text="RUN pip install opencv-python-headless")],
    ),
    (
        raising("ModuleNotFoundError: No module named 'sklearn'"),
        {"environment": {"name": "sk"}},
        "scikit-learn",
        [Option("Add scikit-learn to sk", "environment", text="scikit-learn")],
    ),
    (
        raising("ModuleNotFoundError: No module named 'timm'"),
        {"environment": {"name": "sk", "user_managed": True, "image": "python:3.11"}},
        "timm",
        [Option("Add timm to sk", "environment", text="%%aml_env sk --layer --base python:3.11\ntimm")],
    ),
    (
        raising("ModuleNotFoundError: No module named 'yaml'"),
        {"environment": {"user_managed": True}, "isolated": False},
        "pyyaml",
        [Option("Copy %pip install pyyaml", "copy", text="%pip install pyyaml")],
    ),
    (
        raising("ModuleNotFoundError: No module named 'models.nets'"),
        {},
        "The snapshot has models, but not models.nets",
        [],
    ),
    (raising("ModuleNotFoundError: No module named 'torch.foo'"), {}, "another version of torch", []),
    (
        raising("ModuleNotFoundError: No module named 'mine'"),
        {"from_cell": True, "names": frozenset({"cell.py"}), "is_here": {"mine.py"}.__contains__},
        "mine.py lies beside the notebook",
        [Option("Copy --source .", "copy", text="--source .")],
    ),
    (
        raising("ImportError: libGL.so.1: cannot open shared object file: No such file or directory"),
        {},
        "libgl1",
        [Option("Add opencv-python-headless to torch", "environment", text="RUN pip install opencv-python-headless")],
    ),
    (
        raising("OSError: libgomp.so.1: cannot open shared object file: No such file"),
        {},
        "apt-get install -y libgomp1",
        [],
    ),
    (raising("ImportError: libcudart.so.11.0: cannot open shared object file: No such file"), {}, "CUDA", []),
    (
        "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\n"
        + raising("RuntimeError: DataLoader worker (pid 9) is killed by signal: Bus error. It is possible that"),
        {"shm_bytes": 64 << 20},
        "67.1 MB were full",
        [Option("Rerun with --shm 8g", "rerun", ("--shm", "8g"))],
    ),
    (
        raising("RuntimeError: DataLoader worker (pid 9) is killed by signal: Bus error."),
        {"shm_bytes": 8 << 30},
        "were full",
        [Option("Rerun with --shm 16g", "rerun", ("--shm", "16g"))],
    ),
    (
        raising("OSError: [Errno 28] No space left on device: '/dev/shm/psm_1'"),
        {"shm_bytes": None},
        "num_workers=0",
        [],
    ),
    (
        raising("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"),
        {"arguments": ("--data", "$pets", "--batch-size", "64")},
        "smaller batches",
        [Option("Rerun with batch-size 32", "rerun", ("--", "--data", "$pets", "--batch-size", "32"))],
    ),
    (
        raising("RuntimeError: CUDA out of memory."),
        {"arguments": ("train.bs=8", "--bs=8")},
        "smaller batches",
        [Option("Rerun with bs 4", "rerun", ("--", "train.bs=8", "--bs=4"))],
    ),
    (raising("RuntimeError: CUDA out of memory."), {"arguments": ("--bs", "1", "-b", "auto", "b", "4")}, "smaller", []),
    (
        raising("RuntimeError: No CUDA GPUs are available"),
        {},
        "the target gpu-cluster gives none",
        [Option("Ask for GPUs on this target", "copy", text="ComputeTarget(ws, 'gpu-cluster').update(gpu='require')")],
    ),
    (raising("RuntimeError: No CUDA GPUs are available"), {"gpus": 1}, "was given a GPU", []),
    (raising("AssertionError: Torch not compiled with CUDA enabled"), {}, "one for CPUs", []),
    ("Failed to initialize NVML: Unknown Error\n" + raising("RuntimeError: x"), {}, "lost its GPUs", []),
    (
        raising("MemoryError"),
        {"memory_bytes": 8 << 30},
        "more memory than there is",
        [Option("Give the target 16g", "copy", text="ComputeTarget(ws, 'gpu-cluster').update(memory='16g')")],
    ),
    (raising("MemoryError"), {"memory_bytes": 60 << 30}, "more memory than there is", []),
    (raising("PermissionError: [Errno 13] Permission denied: '/data/out'"), {}, "may not write /data/out", []),
    (
        raising("FileNotFoundError: [Errno 2] No such file or directory: '/data/pets/x.csv'"),
        {"is_here": {"/data/pets/x.csv"}.__contains__},
        "It is there on this machine.",
        [
            Option(
                "Rerun with --mount /data/pets/x.csv:/data/pets/x.csv",
                "rerun",
                ("--mount", "/data/pets/x.csv:/data/pets/x.csv"),
            )
        ],
    ),
    (raising("FileNotFoundError: [Errno 2] No such file or directory: '/data/x'"), {}, "--input NAME=PATH", []),
    (
        raising("FileNotFoundError: [Errno 2] No such file or directory: 'data/trian.csv'"),
        {},
        "It has data/train.csv.",
        [],
    ),
    (
        "/usr/bin/python3: can't open file '/amltrain/run/code/other.py': [Errno 2] No such file or directory\n",
        {},
        "is not in the run's snapshot",
        [],
    ),
    (raising("OSError: [Errno 28] No space left on device: 'outputs/model.pt'"), {}, "%aml_env --prune", []),
    (raising("OSError: [Errno 30] Read-only file system: '/data/x'"), {}, "/data/x can only be read", []),
    (raising("socket.gaierror: [Errno -3] Temporary failure in name resolution"), {}, "Workspace.set_network", []),
    (
        raising("OSError: [Errno 101] Network is unreachable"),
        {"network_mode": "none"},
        "has no network",
        [
            Option(
                "Give the target a network",
                "copy",
                text="ComputeTarget(ws, 'gpu-cluster').update(network_mode='bridge')",
            )
        ],
    ),
    (
        raising("ImportError: cannot import name 'box' from 'sklearn.svm' (/usr/lib/python3.11/sklearn/a.py)"),
        {},
        "sklearn.svm in a version without box: ask for another version of scikit-learn",
        [],
    ),
    (raising("RuntimeError: CUDA error: device-side assert triggered"), {}, "CUDA_LAUNCH_BLOCKING=1", []),
    (raising("OSError: [Errno 24] Too many open files: 'x'"), {}, "set_sharing_strategy", []),
    (raising("RuntimeError: can't start new thread"), {}, "OMP_NUM_THREADS=1", []),
]


@pytest.mark.parametrize(("log", "about", "words", "options"), CAUSES)
def test_known_causes(log: str, about: dict[str, Any], words: str, options: list[Option]) -> None:
    found = failed(log, **about)
    assert words in found.causes[0].text
    assert list(found.causes[0].options) == options


@pytest.mark.parametrize(
    "log",
    [
        raising("ValueError: shapes (3,) and (4,) not aligned"),
        raising("RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        raising("FileNotFoundError: [Errno 2] No such file or directory: 'outputs/model.pt'"),
        raising("ConnectionRefusedError: [Errno 111] Connection refused"),
        raising("ImportError: cannot import name 'a' from 'models.net' (/amltrain/run/code/models/net.py)"),
        # Said long before, and survived.
        "No module named 'cv2'\nCUDA out of memory, trying again\n" + "epoch\n" * 100 + raising("KeyError: 'x'"),
        "KeyError: 'x'\n",
    ],
)
def test_what_has_no_known_cause_gets_none(log: str) -> None:
    assert failed(log).causes == ()


def test_killed_for_memory() -> None:
    limit = 8_000_000_000
    message = explain_memory(limit)
    about = dataclasses.replace(ABOUT, memory_bytes=limit, peak_memory_bytes=limit, arguments=("--bs", "256"))
    found = failure_of(Exit(137, message, peak_memory_bytes=limit), message, "epoch 1\n", about)
    assert found.title == "The job was killed for memory: it reached its limit of 8 GB (peak 8 GB)."
    assert found.exit_words == "exit code 137, SIGKILL"
    assert [option.label for option in found.causes[0].options] == ["Rerun with bs 128", "Give the target 14g"]
    assert found.last_lines == ("epoch 1",)


@pytest.mark.parametrize(
    ("peak_bytes", "title", "options"),
    [
        (1_000_000_000, "It was killed from outside.", ["Rerun with bs 128"]),
        (None, "It was killed from outside.", ["Rerun with bs 128"]),
        (
            7_900_000_000,
            "The job was killed for memory: it reached its limit of 8 GB (peak 7.9 GB).",
            ["Rerun with bs 128", "Give the target 14g"],
        ),
    ],
)
def test_whoever_is_killed_below_the_limit_did_not_reach_it(
    peak_bytes: int | None, title: str, options: list[str]
) -> None:
    found = failed(
        "epoch 1\n", 137, memory_bytes=8_000_000_000, peak_memory_bytes=peak_bytes, arguments=("--bs", "256")
    )
    assert found.title == title
    assert [option.label for option in found.causes[0].options] == options


@pytest.mark.parametrize("code", [*(128 + number for number in (1, 2, 4, 6, 7, 8, 9, 10, 11, 13, 15)), 125, 126, 127])
def test_the_code_and_its_signal_are_said_once(code: int) -> None:
    found = failed("", code)
    assert str(code) not in found.title
    assert found.title[0].isupper()
    assert ("SIG" in found.exit_words) == (code > 128)
    assert found.title.count("SIG") == (code == 138)  # SIGUSR1 means only what the script means by it


def test_an_engine_without_a_limit_that_kills_for_memory() -> None:
    message = explain_memory(None)
    found = failure_of(Exit(137, message), message, "epoch 1\n", ABOUT)
    assert found.title == "The job was killed for memory: this machine had none left."
    assert [cause.text for cause in found.causes] == [
        "Use smaller batches or fewer data loader workers, or give it more memory."
    ]


def test_an_image_that_could_not_be_built() -> None:
    message = (
        "The build of torch failed at Dockerfile line 2, `RUN pip install cv2`: the command ended with exit code 1.\n"
        "The package index has no package cv2: check how it is written, and which index is asked.\n"
        "Its last lines:\n    ERROR: no matching distribution"
    )
    found = failure_of(None, message, "step\nERROR: no matching distribution\n", ABOUT)
    assert found.title == message.partition("\n")[0]
    assert [cause.text for cause in found.causes] == [message.split("\n")[1]]
    assert (found.exit_code, found.exit_words) == (None, "")
    assert found.last_lines == ("step", "ERROR: no matching distribution")


def test_a_container_that_somebody_removed() -> None:
    ended = Exit(None, "Its container was removed from outside (docker rm).", infrastructure=True)
    found = failure_of(ended, ended.reason, "x\n", ABOUT)
    assert found.title == ended.reason
    assert found.causes[0].options == (Option("Rerun", "rerun"),)


def test_options_exist() -> None:
    """Every option that a remedy offers is one that %aml_submit takes."""
    parser: argparse.ArgumentParser = RunMagics.aml_submit.parser
    known = {name for action in parser._actions for name in action.option_strings}
    offered = [option for log, about, _, _ in CAUSES for option in failed(log, **about).causes[0].options]
    named = {word for option in offered for word in option.arguments[: (*option.arguments, "--").index("--")]}
    assert {word for word in named if word.startswith("--")} == {"--shm", "--mount"}
    assert {word for word in named if word.startswith("--")} <= known


@pytest.mark.parametrize(
    ("module", "package"),
    [("cv2", "opencv-python-headless"), ("PIL.Image", "pillow"), ("google.cloud.storage.blob", "google-cloud-storage")]
    + [("torch_sparse", "torch-sparse"), ("timm", "timm"), ("sklearn.svm", "scikit-learn")],
)
def test_names_of_packages(module: str, package: str) -> None:
    assert pip_name(module) == package
    assert all(name != value for name, value in PIP_NAMES.items())


def test_a_failure_fits_into_what_room_there_is() -> None:
    frame = '  File "/amltrain/run/code/train.py", line 1, in {0}\n    {1}\n'
    nasty = "\U0001f600\x01" * 200
    log = "Traceback (most recent call last):\n" + "".join(frame.format(f"f{i}", nasty) for i in range(50))
    log += f"ValueError: {nasty}\n"
    found = failed(log * 50, arguments=("--bs", "64", nasty))
    for room in (8000, 3500, 2500):
        small = fitted(found, room)
        assert json_size(dataclasses.asdict(small)) <= room
        assert small.frames[-1].function == "f49"
        assert small.title.startswith("The script raised ValueError: ")


def test_random_text_is_no_trouble() -> None:
    """Whatever is cut out of a log is read without an error, and quickly."""
    whole = BOXED + CAUGHT_BY_LOGURU + CHAINED + GROUP + IN_WORKER + ELASTIC + CRASHED + NOT_COMPILED
    for begin in range(0, len(whole), 7):
        lines = plain_lines(whole[begin:])
        find_tracebacks(lines)
        known_causes(whole[begin:], ABOUT)
    assert len(find_tracebacks(plain_lines((CHAINED + GROUP) * 200))) == 800
    assert find_tracebacks(plain_lines('  File "x", line 1\n' * 2000)) == []


@pytest.mark.parametrize(
    ("log", "exception"),
    [
        (CHAINED, "ValueError: shapes do not fit"),
        (NOT_COMPILED, "SyntaxError: invalid syntax"),
        ("\x1b[1;35mTraceback (most recent call last):\x1b[0m\n\x1b[1;35mKeyError\x1b[0m: 1\n", "KeyError: 1"),
        ("epoch 3\n", ""),
    ],
)
def test_the_message_of_a_run_names_the_exception(log: str, exception: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(log)
    said = f"User program failed with {exception}" if exception else explain_exit(1)
    assert error_of(Exit(1, explain_exit(1)), tmp_path / "log")["message"] == said
    assert error_of(Exit(3, explain_exit(3)), tmp_path / "log")["message"] == explain_exit(3)
