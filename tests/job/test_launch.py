"""A script started by the launcher does what it does when started by hand: status, bytes, arguments, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

JOB = Path(__file__).parents[2] / "jupyter_amltrain" / "job"
LAUNCH = str(JOB / "launch.py")


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMLTRAIN_", "PYTHON"))}
    return {**kept, **more}


def launched(folder: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, LAUNCH, *command], cwd=folder, capture_output=True, env=environment(), timeout=60, **options
    )


def by_hand(folder: Path, *command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    env = environment(PYTHONUNBUFFERED="1")
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, env=env, timeout=60, **options)


def write(folder: Path, text: str, name: str = "train.py") -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


SCRIPTS = {
    "prints": "print('héllo', end='')\nprint('two\\rthree', 4)",
    "names": "print(__name__, __file__, __doc__, __package__, __spec__, __loader__.path, __cached__)",
    "globals": "print(sorted(globals()), type(__builtins__), __annotations__)",
    "annotations": "'''Doc.'''\nx: int = 1\nprint(__doc__, __annotations__)",
    "arguments": "import sys\nprint(sys.argv, sys.orig_argv[1:], sys.path[0])",
    "no future leaks": "def f(x: 1): pass\nprint(f.__annotations__)",
    "exit 0": "import sys; sys.exit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit None": "import sys; sys.exit(None)",
    "exit text": "import sys; sys.exit('that is why')",
    "exit True": "import sys; sys.exit(True)",
    "exit 256": "import sys; sys.exit(256)",
    "SystemExit": "raise SystemExit",
    "os._exit": "import os; print('gone'); os._exit(7)",
    "exit in atexit": "import atexit, sys\natexit.register(lambda: sys.exit(9))",
    "exception": "def f():\n    raise ValueError('böse')\nf()",
    "exception at the first line": "1/0",
    "chained": "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e",
    "context": "try:\n    1/0\nexcept ZeroDivisionError:\n    {}['k']",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "syntax error": "x = (1,\nprint('never')",
    "indentation error": "if 1:\nprint()",
    "syntax error in a module": "import broken",
    "error in a module": "import failing",
    "null byte": "x = '\0'",
    "own excepthook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0], a[2].tb_lineno)\n1/0",
    "excepthook unchanged": (
        "import sys, atexit\natexit.register(lambda: print(sys.excepthook is sys.__excepthook__))\n1/0"
    ),
    "last traceback": (
        "import sys, atexit\natexit.register(lambda: print(sys.last_traceback.tb_frame.f_code.co_filename))\n1/0"
    ),
    "broken excepthook": "import sys\ndef hook(*a): raise ValueError('hook')\nsys.excepthook = hook\nsys.exit(4)",
    "atexit order": "import atexit\natexit.register(print, 'one')\natexit.register(print, 'two')\nraise RuntimeError",
    "thread goes on": (
        "import threading, time\n"
        "def work():\n    threading.main_thread().join()\n    print('after the main thread')\n"
        "threading.Thread(target=work).start()\nprint('end')"
    ),
    "thread fails": "import threading\nt = threading.Thread(target=lambda: 1/0, name='w')\nt.start(); t.join()",
    "finalizer": "class A:\n    def __del__(self): print('deleted', __name__)\na = A()",
    "warning": "import warnings\nwarnings.warn('careful')",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A, A.__module__)",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nprint(A(1))",
    "inspect": "import inspect\ndef f(): pass\nprint(inspect.getsource(f), inspect.getmodule(f).__name__)",
    "import main": "import __main__\nx = 5\nprint(__main__.x, __main__.__dict__ is globals())",
    "stdin": "import sys\nprint(sys.stdin.read())",
    "input at the end": "input('? ')",
    "bytes": "import sys, os\nsys.stdout.buffer.write(bytes(range(256)))\nos.write(1, b'\\x1b_x')",
    "streams": (
        "import sys\nfor s in (sys.stdout, sys.stderr, sys.__stdout__):\n    print(s, s.buffer, s.name, s.mode,"
        " s.encoding, s.errors, s.newlines, s.isatty(), s.fileno())"
    ),
    "file numbers": "import os\nprint(open(os.devnull).fileno())",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError as e:\n    print(e)",
    "coding": "# -*- coding: latin-1 -*-\nprint('é')",
    "signals": "import signal\nprint([signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)])",
    "SIGTERM": "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGTERM)\nfinally:\n    print('finally')",
    "SIGINT": "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nfinally:\n    print('finally')",
    "SIGKILL": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "abort": "import os\nos.abort()",
    "spawn": (
        "import multiprocessing as mp\n"
        "def square(x):\n    return x * x, __name__, __file__\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n        print(pool.map(square, [1, 2]))\n"
        "else:\n    print('again as', __name__)"
    ),
    "fork": (
        "import multiprocessing as mp\n"
        "def work(q):\n    q.put(__name__)\n"
        "c = mp.get_context('fork')\nq = c.Queue()\np = c.Process(target=work, args=(q,))\np.start()\nprint(q.get())\n"
        "p.join()\nprint(p.exitcode)"
    ),
    "forkserver": (
        "import multiprocessing as mp\n"
        "def square(x):\n    return x * x\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('forkserver').Pool(1) as pool:\n        print(pool.map(square, [3]))"
    ),
    "process pool": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "def square(x):\n    return x * x\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1) as pool:\n        print(list(pool.map(square, [3])))"
    ),
    "child fails": (
        "import multiprocessing as mp\n"
        "def work():\n    raise ValueError('in the child')\n"
        "if __name__ == '__main__':\n"
        "    p = mp.get_context('spawn').Process(target=work, name='w')\n    p.start(); p.join(); print(p.exitcode)"
    ),
    "restarts itself": (
        "import os, sys\nif len(sys.argv) < 5:\n    os.execv(sys.executable, [sys.executable, *sys.argv, 'again'])\n"
        "print(sys.argv)"
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_by_hand(name: str, tmp_path: Path) -> None:
    write(tmp_path, "def broken(:\n", "broken.py")
    write(tmp_path, "def f():\n    raise OSError(5, 'no')\nf()\n", "failing.py")
    source = SCRIPTS[name].encode("latin-1" if name == "coding" else "utf-8")
    (tmp_path / "train.py").write_bytes(source)
    command = ("train.py", "--rate", "0.1", "a b *")
    hand = by_hand(tmp_path, *command, input=b"from stdin")
    ours = launched(tmp_path, *command, input=b"from stdin")
    assert ours.returncode == hand.returncode
    assert _without_addresses(ours.stdout) == _without_addresses(hand.stdout)
    assert _without_addresses(ours.stderr) == _without_addresses(hand.stderr)


def _without_addresses(output: bytes) -> bytes:
    return b" ".join(word for word in output.split(b" ") if not word.startswith(b"0x"))


@pytest.mark.parametrize(
    "script", ["./train.py", "src/train.py", "link.py", "train", "missing.py", "package", "app.pyz"]
)
def test_script_paths_as_by_hand(script: str, tmp_path: Path) -> None:
    show = "import sys\nprint(__file__, sys.argv, sys.path[0])"
    for name in ("train.py", "src/train.py", "train", "package/__main__.py", "package/helper.py"):
        write(tmp_path, show, name)
    (tmp_path / "link.py").symlink_to("src/train.py")
    subprocess.run([sys.executable, "-m", "zipapp", "package", "-o", "app.pyz"], cwd=tmp_path, check=True)
    hand, ours = by_hand(tmp_path, script), launched(tmp_path, script)
    assert (ours.returncode, ours.stderr) == (hand.returncode, hand.stderr)
    assert ours.stdout == hand.stdout


def test_frames_of_a_traceback_are_the_users(tmp_path: Path) -> None:
    write(tmp_path, "import traceback\ndef f():\n    raise KeyError('x')\nf()")
    error = launched(tmp_path, "train.py").stderr.decode()
    assert error.count('File "') == 2
    assert "launch" not in error


def test_interrupted_from_outside_even_where_sigint_was_ignored(tmp_path: Path) -> None:
    write(tmp_path, "import time\ntry:\n    print('ready')\n    time.sleep(60)\nfinally:\n    print('finally')")
    process = subprocess.Popen(
        [sys.executable, LAUNCH, "train.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert output == b"finally\n"
    assert error.endswith(b"\nKeyboardInterrupt\n")
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("end", ["\\n", "\\r"])
def test_a_line_is_there_as_soon_as_it_ends(tmp_path: Path, end: str) -> None:
    write(tmp_path, f"import sys\nprint('epoch 1:', end='{end}')\nsys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, LAUNCH, "train.py"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(9) == b"epoch 1:" + end.encode().decode("unicode_escape").encode()
    process.communicate(timeout=60)


def test_the_users_own_choice_of_buffering_stays(tmp_path: Path) -> None:
    write(tmp_path, "import sys, os\nprint(sys.stdout.write_through, repr(os.environ['PYTHONUNBUFFERED']))")
    command = [sys.executable, LAUNCH, "train.py"]
    env = environment(PYTHONUNBUFFERED="")
    assert subprocess.run(command, cwd=tmp_path, env=env, capture_output=True).stdout == b"False ''\n"


def test_surroundings(tmp_path: Path) -> None:
    write(tmp_path, "value = 'from the root'", "shared.py")
    show = (
        "import os, sys, shared\n"
        "print(sorted(f for f in os.listdir() if os.path.isdir(f)), os.environ['AMLTRAIN_ROOT'])\n"
        "print(sys.path[:4])\nprint(os.environ['PYTHONPATH'], shared.value)"
    )
    write(tmp_path, show, "src/train.py")
    env = environment(PYTHONPATH="/first:/second")
    result = subprocess.run([sys.executable, LAUNCH, "src/train.py"], cwd=tmp_path, env=env, capture_output=True)
    root, ours = str(tmp_path), str(JOB / "python-path")
    assert result.stdout.decode().splitlines() == [
        f"['__pycache__', 'logs', 'outputs', 'src'] {root}",
        str([f"{root}/src", root, "/first", "/second"]),
        f"{JOB / 'first-on-path'}:{root}:/first:/second:{ours} from the root",
    ]


def test_arguments_take_values_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "import sys\nprint(sys.argv)")
    command = [sys.executable, LAUNCH, "train.py", "$input_1", "a/${input_1}/b", "$unknown", "100$", "$$"]
    result = subprocess.run(command, cwd=tmp_path, env=environment(input_1="/d 1"), capture_output=True)
    assert result.stdout == b"['train.py', '/d 1', 'a//d 1/b', '$unknown', '100$', '$$']\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.sh", 'echo "$0 $# $2 $AMLTRAIN_ROOT"; exit 3'),
        ("train.sh", '#!/bin/bash\necho "$0 $# $2 $AMLTRAIN_ROOT"; exit 3'),
        ("train", '#!/usr/bin/env bash\necho "$0 $# $2 $AMLTRAIN_ROOT"; exit 3'),
    ],
)
def test_a_script_that_is_not_python(name: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, text, name)
    result = launched(tmp_path, name, "one", "two words")
    assert result.stdout.decode() == f"./{name} 2 two words {tmp_path}\n"
    assert result.returncode == 3


def test_any_command(tmp_path: Path) -> None:
    result = launched(tmp_path, "--command", "sh", "-c", 'trap "" USR1; echo "$0 $AMLTRAIN_ROOT"; kill -PIPE $$', "x")
    assert result.stdout.decode() == f"x {tmp_path}\n"
    assert result.returncode == -signal.SIGPIPE


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    result = launched(tmp_path, "--command", "no-such-program")
    assert result.returncode == 127
    assert result.stderr == b"cannot start 'no-such-program': No such file or directory\n"


def test_a_read_only_working_folder(tmp_path: Path) -> None:
    write(tmp_path, "print('runs')")
    for name in ("outputs", "logs"):
        (tmp_path / name).write_text("a file is in the way")
    assert launched(tmp_path, "train.py").stdout == b"runs\n"


def test_closed_output(tmp_path: Path) -> None:
    write(tmp_path, "import sys\nopen('seen', 'w').write(str(sys.stdout))")
    subprocess.run(["sh", "-c", '"$0" "$1" train.py >&-', sys.executable, LAUNCH], cwd=tmp_path, env=environment())
    assert (tmp_path / "seen").read_text() == "None"


def test_one_stream_keeps_the_order_of_lines_and_errors(tmp_path: Path) -> None:
    write(tmp_path, "import sys\nfor n in range(50):\n    print(n)\n    print('e', n, file=sys.stderr)\n1 / 0")
    process = subprocess.run(
        [sys.executable, LAUNCH, "train.py"],
        cwd=tmp_path,
        env=environment(AMLTRAIN_ONE_STREAM="1"),
        capture_output=True,
        text=True,
    )
    assert process.stderr == ""
    expected = "".join(f"{number}\ne {number}\n" for number in range(50)) + "Traceback (most recent call last):\n"
    assert process.stdout.startswith(expected)
    assert process.stdout.endswith("ZeroDivisionError: division by zero\n")
