"""Why a job failed, told from what it printed last: one sentence, and what can be done about it. Pure.

The table is read from the top, and what is told is told by words that only this trouble prints. What is merely wrong in
a script, such as shapes that do not fit, has its own message and no cause here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from ..submission.manifest import human_size
from .circumstances import Circumstances
from .module_causes import addition, library_cause, module_cause, version_cause
from .run_state import Cause, Option

_MOST = 2
_GB = 1 << 30
_OF_THE_IMAGE = ("/proc/", "/sys/", "/dev/", "/usr/", "/etc/", "/lib/", "/bin/")
_BATCH = re.compile(
    r"(--?)?(bs|batch|batch[-_]?size|(?:per[-_]device[-_])?train[-_]batch[-_]size|b)(=(\d+))?$", re.IGNORECASE
)

Telling = Callable[["re.Match[str]", Circumstances], "Cause | None"]


@dataclass(frozen=True)
class _Known:
    """One known cause: what is printed, and what to say; None is "it is not that after all"."""

    name: str
    printed: str
    tell: Telling


def known_causes(evidence: str, about: Circumstances) -> tuple[Cause, ...]:
    """The causes that the end of a log gives away, the most telling first.

    Args:
        evidence: from the beginning of the traceback that ended it on, or its last lines.
    """
    found: list[Cause] = []
    for known in _KNOWN:
        match = re.search(known.printed, evidence, re.MULTILINE)
        cause = known.tell(match, about) if match else None
        if cause:
            found.append(cause)
    return tuple(found[:_MOST])


# --- memory ----------------------------------------------------------------------------------------------------------


def more_memory(about: Circumstances) -> tuple[Option, ...]:
    """What can be done about a job that needs more memory than it has."""
    options = []
    limit, there = about.memory_bytes, about.host_memory_bytes
    if limit and there > limit * 1.2:
        wanted = min(2 * limit, there)
        size = f"{wanted >> 30}g" if wanted >= 2 * _GB else f"{wanted >> 20}m"
        text = f"ComputeTarget(ws, {about.target!r}).update(memory={size!r})"
        options.append(Option(f"Give the target {size}", "copy", text=text))
    return (*smaller_batch(about), *options)


def smaller_batch(about: Circumstances) -> tuple[Option, ...]:
    """Run it again with half the batch size, where the arguments have one."""
    arguments = list(about.arguments)
    for place, argument in enumerate(arguments):
        named = _BATCH.match(argument)
        if not named or not (named[1] or named[3]):
            continue
        if named[4]:
            half = int(named[4]) // 2
            arguments[place] = f"{argument[: named.start(3)]}={half}"
        elif place + 1 < len(arguments) and arguments[place + 1].isdecimal():
            half = int(arguments[place + 1]) // 2
            arguments[place + 1] = str(half)
        else:
            continue
        return (Option(f"Rerun with {named[2]} {half}", "rerun", ("--", *arguments)),) if half else ()
    return ()


def shared_memory(about: Circumstances) -> Cause:
    """What to say of a job whose /dev/shm was full."""
    if about.shm_bytes is None:
        return Cause("This machine's /dev/shm is full: use num_workers=0, or fewer and smaller batches.")
    size = f"{max(8, 2 * about.shm_bytes // _GB)}g"
    return Cause(
        f"Workers of a data loader pass batches through /dev/shm, and its {human_size(about.shm_bytes)} were full.",
        (Option(f"Rerun with --shm {size}", "rerun", ("--shm", size)),),
    )


def _gpu_memory(found: re.Match[str], about: Circumstances) -> Cause:
    return Cause(
        "The GPU's memory was full: use smaller batches, mixed precision or a smaller model; %aml_runs shows whether"
        " another run has the same GPU.",
        smaller_batch(about),
    )


def _killed_worker(found: re.Match[str], about: Circumstances) -> Cause:
    return Cause(
        "A worker of the data loader was killed, most likely for memory: use fewer workers or smaller batches, or a"
        " target with more memory.",
        more_memory(about),
    )


def _python_memory(found: re.Match[str], about: Circumstances) -> Cause:
    return Cause("The script asked for more memory than there is.", more_memory(about))


# --- GPUs ------------------------------------------------------------------------------------------------------------


def _no_gpu(found: re.Match[str], about: Circumstances) -> Cause:
    if about.gpus:
        return Cause(
            "The job was given a GPU and its CUDA does not see it: check with nvidia-smi in the job, and that the image"
            " does not set CUDA_VISIBLE_DEVICES."
        )
    text = f"ComputeTarget(ws, {about.target!r}).update(gpu='require')"
    return Cause(
        f"The script wants a GPU, and the target {about.target} gives none: ask for one, or let the script choose with"
        " torch.cuda.is_available().",
        (Option("Ask for GPUs on this target", "copy", text=text),) if about.target != "local" else (),
    )


def _said(text: str, *options: Option) -> Telling:
    return lambda found, about: Cause(text, options)


# --- files and network -----------------------------------------------------------------------------------------------


def _missing_file(found: re.Match[str], about: Circumstances) -> Cause | None:
    path = next(group for group in found.groups() if group)
    inside = about.snapshot_path(path)
    if not inside:
        return _missing_outside(path, about)
    if inside.startswith(("outputs/", "logs/")):
        return None
    if about.from_cell and len(about.names) == 1:
        return Cause(
            f"{path} is not in the job: a cell takes only itself along. --source FOLDER takes files with it, and"
            " --input NAME=PATH brings data."
        )
    wanted = str(PurePosixPath(inside))
    nearest = get_close_matches(wanted, [*about.names][:5000], n=1, cutoff=0.8)
    hint = f" It has {nearest[0]}." if nearest and nearest[0] != wanted else ""
    return Cause(
        f"{path} is not in the run's snapshot, which is the script's folder without what .amlignore (or .gitignore)"
        f" leaves out.{hint} --input NAME=PATH brings data."
    )


def _missing_outside(path: str, about: Circumstances) -> Cause | None:
    if not about.isolated or path.startswith(_OF_THE_IMAGE):
        return None
    text = f"{path} is not in the job: it sees its own files, not this machine's."
    if about.is_here(path):
        mount = f"{path}:{path}"
        option = Option(f"Rerun with --mount {shlex.quote(mount)}", "rerun", ("--mount", mount))
        return Cause(f"{text} It is there on this machine.", (option,))
    if path.startswith("/tmp/"):
        return None  # what the script should have made itself, most likely
    return Cause(f"{text} --input NAME=PATH and --mount PATH:TARGET bring data of this machine.")


def _not_allowed(found: re.Match[str], about: Circumstances) -> Cause | None:
    path = found[1]
    if about.snapshot_path(path) or not about.isolated:
        return None
    return Cause(
        f"The job runs as you, not as root, and may not write {path}: write below outputs/ or elsewhere in the working"
        " folder, or to /tmp."
    )


def _read_only(found: re.Match[str], about: Circumstances) -> Cause:
    return Cause(
        f"{found[1] or 'The folder'} can only be read, as data given with --input and --mount: write below outputs/, or"
        " copy what is to be changed."
    )


def _full(found: re.Match[str], about: Circumstances) -> Cause:
    if "/dev/shm" in found.string[: found.end()]:
        return shared_memory(about)
    return Cause(
        "The disk is full: `%aml_env --prune` shows what environments take and deletes those that you name; outputs of"
        " past runs lie in the workspace's folder."
    )


def _network(found: re.Match[str], about: Circumstances) -> Cause:
    if about.network_mode == "none":
        text = f"ComputeTarget(ws, {about.target!r}).update(network_mode='bridge')"
        return Cause(
            f"The target {about.target} has no network (network_mode='none').",
            (Option("Give the target a network", "copy", text=text),),
        )
    return Cause(
        "The job could not reach a host by its name or address: behind a proxy, Workspace.set_network(proxy=…)"
        " tells jobs; without a network, bring the data with --input and models in the image."
    )


def _threads(found: re.Match[str], about: Circumstances) -> Cause:
    return Cause(
        "The job has as many processes and threads as it may have: use fewer data loader workers, and"
        " OMP_NUM_THREADS=1 in environment_variables."
    )


_PATH = r"['\"](/?[^'\"\n]+)['\"]"

_KNOWN = (
    _Known(
        "shared memory",
        r"killed by signal: Bus error|bus error encountered in worker|insufficient shared memory \(shm\)"
        r"|unable to (?:write to|resize|allocate|mmap).*(?:shared memory|<torch_|/torch_)"
        r"|No space left on device: ['\"]/(?:dev/shm|psm_|torch_|mp-)",
        lambda found, about: shared_memory(about),
    ),
    _Known(
        "GPU memory",
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED"
        r"|RESOURCE_EXHAUSTED: .*(?:OOM|memory)|OOM when allocating tensor|cudaErrorMemoryAllocation",
        _gpu_memory,
    ),
    _Known("killed worker", r"DataLoader worker \(pid\S* [\d, ]+\) is killed by signal: Killed", _killed_worker),
    _Known(
        "memory",
        r"^(?:\w+\.)*_?(?:Array)?MemoryError\b|std::bad_alloc|DefaultCPUAllocator: can't allocate memory"
        r"|Errno 12\] Cannot allocate memory",
        _python_memory,
    ),
    _Known("module", r"ModuleNotFoundError: No module named ['\"]([\w.]+)['\"]", module_cause),
    _Known(
        "import",
        r"ImportError: cannot import name ['\"](\w+)['\"] from ['\"]([\w.]+)['\"] \((\S+)\)",
        version_cause,
    ),
    _Known("library", r"(?:Import|OS)Error: ([\w.+-]+\.so[\w.]*): cannot open shared object file", library_cause),
    _Known(
        "NumPy 2",
        r"compiled using NumPy 1\.x cannot be run in|numpy\.dtype size changed"
        r"|numpy\.core\.multiarray failed to import",
        lambda found, about: Cause(
            "A package was compiled for another NumPy than the one installed: ask for numpy<2, or for newer versions of"
            " the others.",
            addition(about.environment, "numpy<2", about),
        ),
    ),
    _Known(
        "index on the GPU",
        r"device-side assert triggered",
        _said(
            "An index on the GPU was out of range, most often a label that is not below the number of classes: on the"
            " CPU, or with CUDA_LAUNCH_BLOCKING=1 in environment_variables, the traceback shows the line."
        ),
    ),
    _Known(
        "CPU-only torch",
        r"Torch not compiled with CUDA enabled",
        _said("The environment's PyTorch is the one for CPUs: install one for CUDA, or do not call .cuda()."),
    ),
    _Known(
        "NVML",
        r"Failed to initialize NVML: Unknown Error",
        _said(
            "The container lost its GPUs while it ran, as happens when systemd reloads its units on this machine:"
            " submit again; nvidia-container-toolkit issue 48 tells how to prevent it."
        ),
    ),
    _Known(
        "driver",
        r"CUDA driver version is insufficient for CUDA runtime version|The NVIDIA driver on your system is too old",
        _said(
            "This machine's NVIDIA driver is older than the environment's CUDA: update the driver, or take packages for"
            " an older CUDA."
        ),
    ),
    _Known(
        "no GPU",
        r"No CUDA GPUs are available|Found no NVIDIA driver on your system|no CUDA-capable device is detected"
        r"|torch\.cuda\.is_available\(\) is False|CUDA_ERROR_NO_DEVICE",
        _no_gpu,
    ),
    _Known(
        "kernel image",
        r"no kernel image is available for execution on the device",
        _said(
            "The environment's PyTorch has no code for this GPU, which is newer or older: take another version of it."
        ),
    ),
    _Known("read only", rf"\[Errno 30\] Read-only file system(?:: {_PATH})?", _read_only),
    _Known("space", rf"\[Errno 28\] No space left on device(?:: {_PATH})?|No space left on device", _full),
    _Known("permission", rf"PermissionError: \[Errno 13\] Permission denied: {_PATH}", _not_allowed),
    _Known(
        "file",
        rf"FileNotFoundError: \[Errno 2\] No such file or directory: {_PATH}"
        rf"|can't open file {_PATH}: \[Errno 2\]|FileNotFoundError: \[Errno 2\] File (\S+) does not exist",
        _missing_file,
    ),
    _Known(
        "network",
        r"Temporary failure in name resolution|Name or service not known|No address associated with hostname"
        r"|Network is unreachable|getaddrinfo failed",
        _network,
    ),
    _Known(
        "open files",
        r"Too many open files",
        _said(
            "The job has as many open files as it may have. With data loader workers,"
            " torch.multiprocessing.set_sharing_strategy('file_system') needs fewer of them."
        ),
    ),
    _Known(
        "threads", r"can't start new thread|pthread_create failed|Errno 11\] Resource temporarily unavailable", _threads
    ),
)
