"""Starts a training script inside a job exactly as ``python script.py`` would, after setting up its surroundings.

::

    python launch.py SCRIPT ARGUMENT...                a Python script runs in this interpreter as ``__main__``; a
                                                       script with another shebang, or a program, replaces it
    python launch.py --command PROGRAM ARGUMENT...     any program of the PATH replaces it

What the script finds (azureml-v1.md sections 7.3 and 13): the folders ``outputs`` and ``logs``; ``$NAME`` in its
arguments replaced from the environment; the project root on the import path; output that leaves line by line; Ctrl-C as
``KeyboardInterrupt``; and in the environment, for itself and for every process it starts:

``AMLTRAIN_ROOT``
    The working folder it was started in.
``AMLTRAIN_RECORD_FD``, ``AMLTRAIN_RECORD_PID``, ``AMLTRAIN_RECORD_ID``
    A copy of the job's own stdout for the record channel (see ``python-path/amltrain_job/channel.py``): its number, the
    process that has it open, and ``device:inode`` to tell it from another file that got the same number.
``AMLTRAIN_RECORDS``
    A path of the same, to append to, for programs in other languages whose output goes elsewhere.

The whole file is compiled at every start and runs before the user's first line: it imports next to nothing.
"""

# Taken first: exactly the names that the interpreter itself gives to ``__main__``.
_fresh = dict(globals())

import os  # noqa: E402
import sys  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any, Dict, List, NoReturn, Optional, Type

RECORD_FD = 198  # high, so that the files a script opens get the numbers they always got


def write_lines() -> None:
    """Pass on every line as it is written, as on a terminal, unless the user set PYTHONUNBUFFERED.

    One write a line: half the cost of PYTHONUNBUFFERED=1, and the lines of several processes stay whole. Python
    children, which have no such switch, get that variable.
    """
    if "PYTHONUNBUFFERED" in os.environ:
        return
    os.environ["PYTHONUNBUFFERED"] = "1"
    from io import TextIOWrapper

    for name, fd in (("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        if old is None:
            continue
        raw = open(fd, "wb", 0, closefd=False)  # noqa: SIM115 - it lives as long as the process
        raw.name = "<%s>" % name
        stream = TextIOWrapper(raw, old.encoding, old.errors, newline="\n", line_buffering=True)
        stream.mode = "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def open_record_channel() -> None:
    """Keep a copy of the job's stdout that survives whatever the script does to its own."""
    try:
        stdout = os.fstat(1)
        try:
            os.fstat(RECORD_FD)
            fd = os.dup(1)
        except OSError:
            fd = os.dup2(1, RECORD_FD) or RECORD_FD  # None before Python 3.7
        os.set_inheritable(fd, True)
    except OSError:
        return  # no stdout, or no free descriptor: the channel falls back to fd 1 or drops records
    os.environ["AMLTRAIN_RECORD_FD"] = str(fd)
    os.environ["AMLTRAIN_RECORD_PID"] = str(os.getpid())
    path = "/proc/%d/fd/%d" % (os.getpid(), fd)
    os.environ["AMLTRAIN_RECORDS"] = path if os.path.exists(path) else "/dev/fd/%d" % fd
    os.environ["AMLTRAIN_RECORD_ID"] = "%d:%d" % (stdout.st_dev, stdout.st_ino)


def set_up(root: str) -> None:
    """Everything a script of any language finds."""
    os.environ["AMLTRAIN_ROOT"] = root
    for folder in ("outputs", "logs"):
        try:  # noqa: SIM105 - contextlib would be one more import
            os.makedirs(folder, exist_ok=True)
        except OSError:
            pass  # a script that needs the folder gets its own error, one that does not goes on
    here = os.path.dirname(os.path.abspath(__file__))
    first, ours = os.path.join(here, "first-on-path"), os.path.join(here, "python-path")
    before = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    os.environ["PYTHONPATH"] = os.pathsep.join([first, root] + before + [ours])
    own = 0 if getattr(sys.flags, "safe_path", False) else 1
    sys.path.insert(own, root)
    sys.path.insert(own + 1 + len(before), ours)
    if os.environ.pop("AMLTRAIN_ONE_STREAM", ""):
        os.dup2(1, 2)
    write_lines()
    open_record_channel()
    # ``signal`` itself imports enum; a job's parent may have started it with SIGINT ignored (``nohup``, ``&``).
    import _signal  # type: ignore[import-not-found]

    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def log_automatically() -> None:
    """Have metrics of training frameworks logged without a line in the script (``first-on-path/amltrain_start.py``)."""
    if os.environ.get("AMLTRAIN_AUTOLOG", "1") == "0" or not os.environ.get("AMLTRAIN_RUN_ID"):
        return
    try:
        from amltrain_job.automatic import log_automatically as begin

        begin()
    except Exception as error:  # noqa: BLE001 - training goes first
        sys.stderr.write("jupyter_amltrain: metrics are not logged automatically (%s)\n" % error)


def foreign_command(script: str, source: bytes) -> "Optional[List[str]]":
    """How to start a script that is not Python text; None for one that is."""
    path = script if os.sep in script else os.path.join(os.curdir, script)
    if source.startswith(b"\x7fELF"):
        return [path]
    if b"\0" in source:  # zip archive, compiled, or broken: the interpreter knows
        return [sys.executable, script]
    if script.endswith(".py"):
        return None
    if source.startswith(b"#!"):
        words = os.fsdecode(source[2:].split(b"\n", 1)[0]).split(None, 1)
        if not words or "python" in " ".join(words):
            return None
        return [word.strip() for word in words] + [path]
    return ["/bin/sh", path] if script.endswith(".sh") else None


def replace_process(command: "List[str]") -> "NoReturn":
    """Become another program, with the signals as a program expects them."""
    import _signal

    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and a program started by exec would too
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write("cannot start '%s': %s\n" % (command[0], error.strerror))
        sys.exit(126 if isinstance(error, PermissionError) else 127)


def read_script(script: str) -> bytes:
    """The script's text, or Python's own message and exit status."""
    try:
        with open(script, "rb") as file:
            return file.read()
    except IsADirectoryError:
        replace_process([sys.executable, script] + sys.argv[1:])
    except OSError as error:
        shown = script_file(script)
        message = "%s: can't open file '%s': [Errno %s] %s\n"
        sys.stderr.write(message % (sys.executable, shown, error.errno, error.strerror))
        sys.exit(2)


def script_file(script: str) -> str:
    """``__file__`` of the script: absolute, but not otherwise changed, from Python 3.9 on."""
    if sys.version_info < (3, 9) or os.path.isabs(script):
        return script
    return os.path.join(os.getcwd(), script)


def become_main(script: str) -> "ModuleType":
    """Put a new ``__main__`` in the place of this file's, as the interpreter would have made it for the script."""
    module = type(sys)("__main__")
    namespace = vars(module)
    namespace.clear()
    namespace.update(_fresh)
    namespace.update(__doc__=None, __file__=script_file(script))
    namespace["__loader__"] = type(_fresh["__loader__"])("__main__", namespace["__file__"])
    if "__annotations__" in namespace:
        namespace["__annotations__"] = {}
    sys.modules["__main__"] = module
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    return module


def hide_our_frames() -> None:
    """Make the traceback that the interpreter is about to print begin at the user's first frame."""
    hook = sys.excepthook

    def show(kind: "Type[BaseException]", error: BaseException, trace: "Optional[TracebackType]") -> None:
        sys.excepthook = hook
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        error.__traceback__ = sys.last_traceback = trace
        hook(kind, error, trace)

    sys.excepthook = show


def main() -> "Dict[str, Any]":
    """Set up, and return what the script needs to run as ``__main__``; other programs never come back from here."""
    arguments = sys.argv[1:]
    if any("$" in argument for argument in arguments[1:]):
        arguments[1:] = [os.path.expandvars(argument) for argument in arguments[1:]]
    set_up(os.getcwd())
    if arguments[0] == "--command":
        replace_process(arguments[1:])
    sys.argv[:] = arguments
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[1:] = arguments
    source = read_script(arguments[0])
    foreign = foreign_command(arguments[0], source)
    if foreign:
        replace_process(foreign + arguments[1:])
    log_automatically()
    return {"source": source, "namespace": vars(become_main(arguments[0]))}


if __name__ == "__main__":
    _script = main()
    try:
        # At module level, so that there is one frame of ours below the script's, and no more.
        exec(compile(_script.pop("source"), _script["namespace"]["__file__"], "exec", 0, True), _script["namespace"])
    except BaseException:
        hide_our_frames()
        raise
