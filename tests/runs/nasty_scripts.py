"""Scripts that end, print, fork and fail in every way that a launcher might get wrong."""

SCRIPTS = {
    "exit_3": "import os\nprint('gone')\nos._exit(3)",
    "exit_text": "import sys\nprint('before')\nsys.exit('that is why: böse')",
    "cause": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('k') from error",
    "kill_itself": "import os, signal\nprint('before')\nos.kill(os.getpid(), signal.SIGKILL)",
    "sigterm_handler": (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(40 + number))\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\nfinally:\n    print('finally')"
    ),
    "sigterm": "import os, signal\nprint('before')\nos.kill(os.getpid(), signal.SIGTERM)",
    "sigint": "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nfinally:\n    print('finally')",
    "sigpipe": (
        "import os, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nreader, writer = os.pipe()\n"
        "os.close(reader)\nos.write(writer, b'x')"
    ),
    "signal_handlers": (
        "import signal\n"
        "print({s.name: str(signal.getsignal(s)) for s in signal.valid_signals() if isinstance(s, signal.Signals)})\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    ),
    "invalid_utf8": "import sys, os\nsys.stdout.buffer.write(b'\\xff\\xfe \\xc3\\n')\nos.write(1, bytes(range(256)))",
    "progress": "for n in range(5):\n    print(f'\\r{n * 25} %', end='', flush=True)\nprint()",
    "long_line": "print('x' * 1_000_000, end='')",
    "closes_stdout": (
        "import os, sys\nprint('before')\nos.close(1)\ntry:\n    os.write(1, b'x')\nexcept OSError as error:\n"
        "    print(error, file=sys.stderr)\nopen('told', 'w').write('goes on')"
    ),
    "closes_sys_stdout": (
        "import sys\nprint('before')\nsys.stdout.close()\nprint('to stderr', file=sys.stderr)\nprint()"
    ),
    "redirects": (
        "import os, subprocess\nprint('before')\nfile = os.open('redirected', os.O_WRONLY | os.O_CREAT)\n"
        "os.dup2(file, 1)\nprint('into the file')\nsubprocess.run(['echo', 'and the child'])"
    ),
    "forks": (
        "import os\nprint('parent')\nfor n in range(3):\n    if os.fork() == 0:\n        print('child', n)\n"
        "        os._exit(n)\n    print(os.waitstatus_to_exitcode(os.wait()[1]))"
    ),
    "child_leaves_by_exit": (
        "import atexit, os, sys\natexit.register(print, 'at exit')\nif os.fork() == 0:\n    sys.exit(5)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))"
    ),
    "subprocesses": (
        "import subprocess, sys\nprint('first')\nsubprocess.run(['sh', '-c', 'echo out; echo err >&2'])\n"
        "subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv, __name__, __file__ if 0 else 1)', 'a'])\n"
        "print(subprocess.run([sys.executable, '-c', '1/0'], capture_output=True, text=True).stderr)"
    ),
    "pools": (
        "import multiprocessing as mp, sys\n"
        "def square(x):\n    return x * x, __name__, sys.argv[1:], __file__\n"
        "if __name__ == '__main__':\n"
        "    for method in ('fork', 'spawn', 'forkserver'):\n"
        "        with mp.get_context(method).Pool(2) as pool:\n            print(method, pool.map(square, range(3)))\n"
    ),
    "child_fails": (
        "import multiprocessing as mp\n"
        "def work():\n    raise ValueError('in the child')\n"
        "if __name__ == '__main__':\n"
        "    for method in ('fork', 'spawn'):\n"
        "        p = mp.get_context(method).Process(target=work, name='w')\n        p.start(); p.join()\n"
        "        print(p.exitcode)"
    ),
    "thread_at_exit": (
        "import threading\n"
        "def work():\n    threading.main_thread().join()\n    print('after the main thread')\n"
        "threading.Thread(target=work).start()\nprint('end')"
    ),
    "thread_fails": "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='w')\nt.start(); t.join()",
    "atexit_order": (
        "import atexit\nclass A:\n    def __del__(self): print('deleted')\na = A()\n"
        "for n in range(3):\n    atexit.register(print, n)\nraise RuntimeError('then the rest')"
    ),
    "names": (
        "import sys, os\nprint(__name__, __file__, __doc__, __package__, __spec__, __cached__, __loader__.path)\n"
        "print(sys.argv, sys.orig_argv[1:], sys.path[0], os.getcwd(), sorted(globals()))\n"
        "print(sys.flags, sys.executable, sys.prefix, sys.version, sys.getrecursionlimit())"
    ),
    "pickle_of_main": (
        "import pickle, copyreg\nclass A:\n    def __init__(self): self.x = 1\n"
        "data = pickle.dumps(A())\nopen('a.pickle', 'wb').write(data)\nprint(data, type(pickle.loads(data)) is A)"
    ),
    "warns": (
        "import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)\n"
        "def f():\n    warnings.warn('deeper', stacklevel=2)\nf()"
    ),
    "logs": (
        "import logging\nlogging.warning('unset')\nlogging.basicConfig(level='INFO', force=True)\n"
        "logging.info('%s', 'info')\ntry:\n    {}[1]\nexcept KeyError:\n    logging.exception('caught')"
    ),
    "segfault": "import ctypes, faulthandler\nfaulthandler.enable()\nprint('before')\nctypes.string_at(0)",
    "segfault_untold": "import ctypes\nprint('before')\nctypes.string_at(0)",
    "aborts": "import os\nprint('before')\nos.abort()",
    "recursion": "def f(n):\n    return f(n + 1)\nf(0)",
    "memory_error": "x = bytearray(1 << 62)",
    "async_tasks": (
        "import asyncio\nasync def part(n):\n    await asyncio.sleep(0)\n    print('part', n)\n    if n == 2:\n"
        "        raise ValueError(n)\nasync def all():\n    await asyncio.gather(*(part(n) for n in range(3)))\n"
        "asyncio.run(all())"
    ),
    "stdin": "import sys\nprint(repr(sys.stdin.read()), sys.stdin.isatty(), sys.stdin.encoding)\ninput('? ')",
    "umask": (
        "import os, stat\nprint(oct(os.umask(0o27)))\nopen('file', 'w').close()\nos.mkdir('folder')\n"
        "os.symlink('file', 'link')\nprint(oct(os.stat('file').st_mode), os.getuid(), os.getgid(), os.getgroups())"
    ),
    "limits": (
        "import resource\nprint([resource.getrlimit(n) for n in (resource.RLIMIT_CORE, resource.RLIMIT_STACK)])\n"
        "import os\nprint(open(os.devnull).fileno(), os.nice(0), os.isatty(1))"
    ),
    "variables": (
        "import os\nprint([os.environ.get(n) for n in ('PATH', 'HOME', 'HOSTNAME', 'LANG', 'LC_CTYPE', 'TERM')])\n"
        "print([repr(os.environ.get(n)) for n in ('OWN', 'EMPTY', 'SHELL', 'TZ', 'OMP_NUM_THREADS', 'TMPDIR')])"
    ),
    "streams": (
        "import sys, locale\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(s.name, s.mode, s.encoding, s.errors, s.newlines, s.isatty(), s.fileno())\n"
        "print(locale.getpreferredencoding(), sys.getfilesystemencoding(), sys.getdefaultencoding())"
    ),
    "excepthooks": (
        "import sys\nprint(sys.excepthook is sys.__excepthook__)\n"
        "sys.excepthook = lambda kind, error, trace: print('mine', kind, trace.tb_lineno)\n1 / 0"
    ),
    "syntax_error": "print('never')\nx = (1,\ny = 2",
    "module": (
        "import runpy, subprocess, sys\nrunpy.run_module('same_package', run_name='__main__')\n"
        "print(subprocess.run([sys.executable, '-m', 'same_package']).returncode)"
    ),
    "siblings": "from same_package import inner\nprint(inner.where)\nfrom . import nothing",
}
"""Name → text; each is run as ``<name>.py``."""

PACKAGE = {
    "same_package/__init__.py": "",
    "same_package/__main__.py": "from . import inner\nprint(inner.where, __name__, __package__, __spec__.name)\n",
    "same_package/inner.py": "from . import other\nwhere = (__name__, __file__, __package__, other.__name__)\n",
    "same_package/other.py": "",
    "runnable/__main__.py": (
        "import sys, helper\nprint(__name__, __file__, repr(__package__), sys.argv, sys.path[0], helper.__file__)\n"
        "sys.exit(6)\n"
    ),
    "runnable/helper.py": "",
    "deep/er/train.py": "import sys\nprint(__file__, sys.argv, sys.path[0])\nimport beside\nprint(beside.__file__)\n",
    "deep/er/beside.py": "",
    "no_ending": "#!/usr/bin/env python3\nimport sys\nprint(__file__, sys.argv, __name__)\nraise SystemExit(9)\n",
}
"""Files that are there for all of them, and further things to run."""

ALSO_RUN = ("runnable/__main__.py", "deep/er/train.py", "no_ending")

ARGUMENTS = ("--lr", "0.1", "a b  *", "", "'\"\\", "héllo 你好 🐈", "-", "--", "x" * 100_000)
