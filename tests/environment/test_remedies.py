"""Why builds fail, told from what builders and installers printed on real engines."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator

import docker
import pytest

from engine.daemon import DockerDaemon, short_folder
from engine.images import load_base_image
from engine.preparation import BuildLog
from engine.shared import cache_folder
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.environment.image import prepare_image
from jupyter_amltrain.environment.output.remedies import named_packages, remedy
from jupyter_amltrain.errors import ImageBuildException
from jupyter_amltrain.magics.cell_lines import with_requirement_lines

EXIT_1 = "process did not complete successfully: exit code: 1"

# What the steps printed, as it came; only middles of long lines are left out.
PRINTED = {
    "pip-no-package": (
        "ERROR: Could not find a version that satisfies the requirement no-such-xyz (from versions: none)\n"
        "ERROR: No matching distribution found for no-such-xyz",
        "The package index has no package no-such-xyz: check how it is written",
    ),
    "pip-no-version": (
        "ERROR: Could not find a version that satisfies the requirement six==99.9 (from versions: 0.9.0, 1.16.0,"
        " 1.17.0, 2.0b1)\nERROR: No matching distribution found for six==99.9",
        "There is no version of six that fits six==99.9; the newest is 1.17.0.",
    ),
    "pip-other-python": (
        "ERROR: Ignored the following versions that require a different python version: 2.5.0 Requires-Python >=3.12\n"
        "ERROR: Could not find a version that satisfies the requirement numpy>=2.5 (from versions: 1.3.0, 2.4.6)",
        "No version that fits numpy>=2.5 supports this Python",
    ),
    "pip-managed": (
        "error: externally-managed-environment\n\n× This environment is externally managed",
        "The image's Python belongs to its distribution",
    ),
    "pip-certificate": (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL:"
        " CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain'))': /x/\n"
        "ERROR: Could not find a version that satisfies the requirement six (from versions: none)",
        "A certificate is not trusted inside the build",
    ),
    "pip-names": (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3."
        "connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno -2] Name or service"
        " not known')': /six/\nERROR: No matching distribution found for six",
        "could not find a host by its name",
    ),
    "pip-permission": ("PermissionError: [Errno 13] Permission denied: '/opt/x'", "write `USER root` before the step"),
    "pip-compiler": (
        "psutil could not be compiled from sources. gcc is not installed. Python header files are not installed.\n"
        "error: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'\nERROR: Failed building wheel for psutil",
        "psutil is compiled and the image has no compiler",
    ),
    "pip-header": (
        "psutil/_psutil_linux.c:12:10: fatal error: Python.h: No such file or directory\n"
        "error: Command '['x86_64-linux-gnu-gcc']' returned non-zero exit status 1.\nERROR: Failed building wheel for"
        " psutil",
        "psutil is compiled and the file Python.h is missing: ask for a version that comes as a wheel",
    ),
    "pip-sources": (
        "ModuleNotFoundError: No module named 'distutils.msvccompiler'\nerror: metadata-generation-failed",
        "A package comes without a wheel for this Python, and cannot be built from its sources here",
    ),
    "uv-no-package": (
        "error: No solution found when resolving dependencies\n  cause: Because no-such-xyz was not found in the"
        " package registry and you require no-such-xyz, we can conclude that your requirements are unsatisfiable.",
        "The package index has no package no-such-xyz",
    ),
    "uv-no-version": (
        "  cause: Because there is no version of six==99.9 and you require six==99.9, we can conclude that your"
        " requirements are unsatisfiable.",
        "There is no version that fits six==99.9",
    ),
    "uv-conflict": (
        "  cause: Because you require urllib3<2 and urllib3>=2.1, we can conclude that your requirements are"
        " unsatisfiable.",
        "Requirements contradict each other",
    ),
    "uv-other-python": (
        "  cause: Because the current Python version (3.11.2) does not satisfy Python>=3.12 and numpy>=2.5.0 depends on"
        " Python>=3.12, we can conclude that numpy>=2.5.0 cannot be used.\n         And because you require numpy>=2.5,"
        " we can conclude that your requirements are unsatisfiable.",
        "No version that fits numpy>=2.5.0 supports this Python",
    ),
    "uv-no-wheel": (
        "  cause: Because tensorflow==1.15.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you"
        " require tensorflow==1.15, we can conclude that your requirements are unsatisfiable.",
        "No version that fits tensorflow==1.15.0 supports this Python",
    ),
    "uv-sources": (
        "ModuleNotFoundError: No module named 'distutils.msvccompiler'\n\nhint: This error likely indicates that"
        " `numpy@1.19.0` depends on `distutils.msvccompiler`, but doesn't declare it as a build dependency.",
        "numpy==1.19.0 comes without a wheel for this Python",
    ),
    "uv-compiler": (
        "error: Failed to build `netifaces==0.11.0`\n  cause: Call to `setuptools.build_meta:__legacy__.build_wheel`"
        " failed (exit status: 1)\nerror: [Errno 2] No such file or directory: 'x86_64-linux-gnu-gcc'",
        "netifaces==0.11.0 is compiled and the image has no compiler",
    ),
    "uv-library": (
        "/bin/sh: 1: pkg-config: not found\nException: Can not find valid pkg-config name.\n\n"
        "hint: Build failures usually indicate a problem with the package or the build environment",
        "compiled against a library that the image lacks",
    ),
    "uv-refused": (
        "error: Request failed after 3 retries in 6.0s\n  cause: error sending request for url\n"
        "  cause: tcp connect error\n  cause: Connection refused (os error 111)",
        "could not reach a server",
    ),
    "uv-names": (
        "  cause: client error (Connect)\n  cause: dns error\n  cause: failed to lookup address information: Name or"
        " service not known",
        "could not find a host by its name",
    ),
    "apt-no-lists": (
        "Reading package lists...\nE: Package 'nano' has no installation candidate",
        "because it has no package lists: write `apt-get update && ` before",
    ),
    "apt-no-package": (
        "Get:1 http://mirror.example.com bookworm InRelease [151 kB]\nE: Unable to locate package no-such-package",
        "apt-get has no package no-such-package for this release",
    ),
    "apt-names": (
        "W: Failed to fetch http://x.invalid/  Could not resolve 'x.invalid'\nE: Unable to locate package nano",
        "could not find a host by its name",
    ),
    "apt-permission": (
        "E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)",
        "write `USER root` before the step",
    ),
    "killed": ("Killed", "ran out of memory, or was killed"),
    "memory": ("MemoryError", "ran out of memory"),
    "processor": ("exec /x: exec format error", "another kind of processor"),
    "shell": (
        'runc run failed: unable to start container process: exec: "/bin/sh": stat /bin/sh: no such file or directory',
        "The image has no /bin/sh",
    ),
    "program": ("/bin/sh: 1: git: not found", "The image has no program git"),
    "module": ("ModuleNotFoundError: No module named 'setuptools_scm'", "needs the Python module setuptools_scm"),
    "space": ("dd: error writing '/big': No space left on device", "The disk of the engine is full"),
    "credentials": ("ERROR: HTTP error 401 Client Error: Unauthorized for url", "refuses the credentials"),
    "unknown": ("what went wrong", ""),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_known_cause_has_a_remedy(name: str) -> None:
    printed, words = PRINTED[name]
    told = remedy(EXIT_1, printed.splitlines())
    assert words in told
    assert bool(told) == bool(words)
    assert "\n" not in told
    assert "{" not in told.replace("${NAME}", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("The command '/bin/sh -c x' returned a non-zero code: 137", "ran out of memory"),
        ("failed to register layer: write /big: no space left on device", "The disk of the engine is full"),
        ('failed to create shim task: exec: "/bin/sh": stat /bin/sh: no such file or directory', "no /bin/sh"),
    ],
)
def test_the_builders_own_words_are_enough(error: str, words: str) -> None:
    assert words in remedy(error, ())


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("uv-no-package", {"no-such-xyz"}),
        ("uv-no-version", {"six"}),
        ("uv-conflict", {"urllib3"}),
        ("uv-sources", {"numpy"}),
        ("uv-no-wheel", {"tensorflow"}),
        ("pip-no-version", {"six"}),
        ("pip-compiler", {"psutil"}),
        ("killed", set()),
    ],
)
def test_the_package_at_fault_is_named(name: str, packages: set[str]) -> None:
    assert named_packages(PRINTED[name][0].splitlines()) == packages


def test_the_package_at_fault_is_named_by_the_remedy_alone() -> None:
    """What the installer said first may be more lines ago than a message shows."""
    assert named_packages([remedy("", PRINTED["uv-compiler"][0].splitlines())]) == {"netifaces"}
    assert named_packages([remedy("", PRINTED["uv-sources"][0].splitlines())]) == {"numpy"}


@pytest.mark.parametrize(
    ("cell", "first"),
    [
        (
            "idna\nSix==99.9  # old\n",
            "The build of environment 'e' failed at line 3 of the cell, `Six==99.9`: it ended.",
        ),
        (
            "dependencies:\n- pip:\n  - six==99.9\n",
            "The build of environment 'e' failed at line 4 of the cell, `six==99.9`: it",
        ),
        (
            "six>1\nsix==99.9\n",
            "The build of environment 'e' failed at lines 2 and 3 of the cell, `six>1` and `six==99.9`: it",
        ),
        ("idna\n", "The build of environment 'e' failed: it ended."),
    ],
)
def test_the_line_of_the_cell_is_named(cell: str, first: str) -> None:
    message = f"The build of environment 'e' failed: it ended.\n{PRINTED['uv-no-version'][0]}"
    told = with_requirement_lines(message, cell)
    assert told.startswith(first)
    assert told.partition("\n")[2] == message.partition("\n")[2]


def failure(host: str, text: str, base: str | None = None) -> str:
    environment = parse_cell(text).environment(f"remedy-{uuid.uuid4().hex[:8]}")
    environment.docker.base_image = environment.docker.base_image if base is None else base
    client = docker.DockerClient(base_url=host)
    try:
        with pytest.raises(ImageBuildException) as failed:
            prepare_image(client, environment._to_spec(), BuildLog(), environment._secrets())
    finally:
        client.close()
    return failed.value.message


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("RUN pip install --break-system-packages no-such-xyz-5e1f", "no package no-such-xyz-5e1f"),
        ("RUN pip install six", "The image's Python belongs to its distribution"),
        ("RUN apt-get install -y nano", "because it has no package lists"),
        ("RUN python3 -c 'import os; os.kill(os.getpid(), 9)'", "ran out of memory, or was killed"),
        ("USER 1000\nRUN mkdir /opt/mine", "write `USER root` before the step"),
        ("RUN git clone https://example.invalid/x", "The image has no program git"),
        (
            r"RUN printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\267\000' > /x && chmod +x /x"
            '\nRUN ["/x"]',
            "another kind of processor",
        ),
    ],
)
def test_a_real_step_fails_with_its_remedy(docker_host: str, steps: str, words: str) -> None:
    lines = failure(docker_host, f"FROM python-base:1\n{steps}\n").splitlines()
    assert "failed at Dockerfile line " in lines[0]
    assert words in lines[1]
    assert lines[2] == "Its last lines:"


def test_an_image_without_a_shell_is_said(docker_host: str) -> None:
    assert "The image has no /bin/sh" in failure(docker_host, "FROM scratch\nRUN true\n")


def test_a_list_of_packages_names_what_is_at_fault(docker_host: str) -> None:
    message = failure(docker_host, "idna\nsix==99.9\n", "python-base:1")
    assert "There is no version that fits six==99.9" in message.splitlines()[1]
    assert "failed at line 3 of the cell, `six==99.9`:" in with_requirement_lines(message, "idna\nsix==99.9\n")


@pytest.fixture
def full_engine() -> Iterator[str]:
    """A Docker engine whose disk has little more room than the base image takes."""
    folder = short_folder()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", folder], check=True)
    daemon = DockerDaemon(folder)
    try:
        daemon.start()
        load_base_image(daemon, cache_folder())
        yield daemon.url
    finally:
        daemon.stop()
        subprocess.run(["umount", "--lazy", folder], check=True)
        os.rmdir(folder)


def test_a_full_disk_is_said(full_engine: str) -> None:
    message = failure(full_engine, "FROM python-base:1\nRUN head -c 400000000 /dev/zero > /big\n")
    assert "The disk of the engine is full" in message
