"""Why a build failed, told from what its step printed last: one sentence with what to do. Pure.

The table is read from the top: what lies deeper comes first, as an index that cannot be reached looks to pip like a
package that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..conda.dependencies import normal_name

_NAME = r"[A-Za-z0-9][\w.-]*"
_AT_FAULT = re.compile(rf"Failed to build `({_NAME}(?:==[^`@]+)?)|Failed building wheel for ({_NAME})")
_COMPILER = r"(?:[\w.-]*-)?(?:gcc|g\+\+|cc|c\+\+|clang)(?:-\d+)?"


@dataclass(frozen=True)
class _Cause:
    """One known cause: what is printed, and what to say; the groups of the pattern fill the sentence."""

    name: str
    printed: str
    sentence: str | Callable[[re.Match[str], str], str]


def _compiled(rest: str) -> Callable[[re.Match[str], str], str]:
    """A sentence about the package that could not be compiled, by its name where it was printed."""

    def told(found: re.Match[str], text: str) -> str:
        named = _AT_FAULT.search(text)
        package = (named[1] or named[2]) if named else "A package"
        return f"{package} is compiled {rest.format(next((group for group in found.groups() if group), ''))}"

    return told


def _apt(found: re.Match[str], text: str) -> str:
    package = found[1] or found[2]
    if re.search(r"^(?:Get|Hit):\d", text, re.MULTILINE):
        return (
            f"apt-get has no package {package} for this release of the image: look for its name at the distribution's"
            " package search, or install it in another way."
        )
    return (
        f"apt-get knows no package {package} because it has no package lists: write `apt-get update && ` before"
        " `apt-get install`, in the same RUN."
    )


def _no_version(found: re.Match[str], text: str) -> str:
    package = re.split(r"[<>=!~ ;\[]", found[1])[0]
    versions = [version for version in found[2].split(", ") if version]
    if versions == ["none"]:
        return _no_package(package)
    if "different python version" in text:
        return _other_python(f"{found[1]}")
    newest = [version for version in versions if not re.search(r"[a-z]", version)] or versions
    return (
        f"There is no version of {package} that fits {found[1]}; the newest is {newest[-1]}. Correct the requirement."
    )


def _no_package(package: str) -> str:
    return f"The package index has no package {package}: check how it is written, and which index is asked."


def _other_python(package: str) -> str:
    return (
        f"No version that fits {package} supports this Python: ask for another version of it, or for another Python"
        " (--python X.Y, or another base image)."
    )


def _sources(found: re.Match[str], text: str) -> str:
    package = next((group for group in found.groups() if group), "A package").replace("@", "==")
    return (
        f"{package} comes without a wheel for this Python, and cannot be built from its sources here: ask for a newer"
        " version of it, or for an older Python (--python X.Y, or another base image)."
    )


def _no_program(found: re.Match[str], text: str) -> str:
    program = found[1] or found[2]
    package = {"pip": "python3-pip", "cc": "build-essential", "gcc": "build-essential"}.get(program, program)
    return (
        f"The image has no program {program}: install it in an earlier step, such as"
        f" `RUN apt-get update && apt-get install -y {package}`, or take a base image that has it."
    )


_CAUSES = (
    _Cause(
        "space",
        r"No space left on device|no space left on device|Disk quota exceeded|ENOSPC|You don't have enough free space",
        "The disk of the engine is full: `%aml_env --prune` shows what environments take and deletes those that you"
        " name; `docker system df` shows the rest.",
    ),
    _Cause(
        "memory",
        r"^Killed$|signal: killed|exit code:? 137\b|non-zero code: 137\b|MemoryError|Cannot allocate memory"
        r"|Killed signal terminated program|std::bad_alloc|JavaScript heap out of memory",
        "The step ran out of memory, or was killed from outside: give the engine more memory, or let the step do less"
        " at once (MAX_JOBS=1 for compilers, packages in several steps).",
    ),
    _Cause(
        "certificate",
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|UnknownIssuer"
        r"|certificate signed by unknown authority|self[- ]signed certificate|Certificate verification failed"
        r"|problem confirming the ssl certificate|SSL certificate problem",
        "A certificate is not trusted inside the build, as behind a company's proxy: set SSL_CERT_FILE on this machine"
        " to the file with the company's certificates, which the steps of a BuildKit build then use too.",
    ),
    _Cause(
        "names",
        r"Temporary failure in name resolution|Name or service not known|Could not resolve|failed to lookup address"
        r"|dns error|getaddrinfo|No address associated with hostname|nodename nor servname|server misbehaving",
        "The step could not find a host by its name: check the address, the network of build steps"
        " (AMLTRAIN_BUILD_NETWORK=host) and the proxy of this machine (HTTPS_PROXY).",
    ),
    _Cause(
        "credentials",
        r"401 Unauthorized|403 Forbidden|HTTP Error 40[13]|40[13] Client Error|status code 40[13]"
        r"|Credentials not correct",
        "The package index refuses the credentials: correct those in its address (`${{NAME}}` takes them from the"
        " environment), in pip.conf or in .netrc.",
    ),
    _Cause(
        "network",
        r"Network is unreachable|Connection refused|Connection timed out|Connection reset by peer|timed out\b"
        r"|error sending request|Failed to establish a new connection|Failed to connect|Max retries exceeded"
        r"|Unable to connect|unexpected EOF",
        "The step could not reach a server: check the address, the network of build steps"
        " (AMLTRAIN_BUILD_NETWORK=host) and the proxy of this machine (HTTPS_PROXY).",
    ),
    _Cause(
        "processor",
        r"exec format error|Exec format error|rosetta error|does not match the (?:specified|detected host) platform",
        "A program was made for another kind of processor than the engine's (amd64, arm64): take a base image for this"
        " one, or an engine that emulates the other.",
    ),
    _Cause(
        "shell",
        r'exec: "/bin/sh": (?:stat /bin/sh: )?no such file|"?/bin/sh"?[: ].*no such file or directory'
        r"|/bin/sh: not found",
        "The image has no /bin/sh, which RUN needs: write the step as"
        ' `RUN ["program", "argument"]`, or copy the files from a stage that has a shell.',
    ),
    _Cause("apt", rf"Unable to locate package ({_NAME})|Package '({_NAME})' has no installation candidate", _apt),
    _Cause(
        "managed",
        r"externally-managed-environment|This environment is externally managed",
        "The image's Python belongs to its distribution: write `pip install --break-system-packages …`, or give the"
        " packages as a list with --base, which gets an environment of its own.",
    ),
    _Cause(
        "permission",
        r"[Pp]ermission denied|EACCES|Operation not permitted|are you root\?|requires root|Read-only file system",
        "The step's user may not do that: write `USER root` before the step and the image's own user after it, or use a"
        " folder that belongs to that user.",
    ),
    _Cause(
        "header",
        r"fatal error: ([\w./+-]+\.h(?:pp)?): No such file or directory",
        _compiled(
            "and the file {0} is missing: ask for a version that comes as a wheel, or install the package with that"
            " file (python3-dev for Python.h; its name mostly ends in -dev) before, in a Dockerfile."
        ),
    ),
    _Cause(
        "compiler",
        rf"No such file or directory: '{_COMPILER}'|command '{_COMPILER}' failed|unable to execute '{_COMPILER}'"
        rf"|\b{_COMPILER}: (?:command )?not found|[Nn]o acceptable C compiler|CMAKE_CXX?_COMPILER not set"
        r"|linker `cc` not found|Unknown compiler\(s\)",
        _compiled(
            "and the image has no compiler: ask for a version that comes as a wheel, or install one before, in a"
            " Dockerfile (`RUN apt-get update && apt-get install -y build-essential python3-dev`)."
        ),
    ),
    _Cause(
        "library",
        r"pkg-config: not found|valid pkg-config|(pg_config|mysql_config|curl-config|krb5-config|llvm-config)\b.*not"
        r" (?:found|be found)|No package '([\w.+-]+)' found",
        _compiled(
            "against a library that the image lacks: ask for a version that comes as a wheel, or install the library's"
            " -dev package and pkg-config before, in a Dockerfile."
        ),
    ),
    _Cause(
        "rust",
        r"can't find Rust compiler|Rust toolchain|Cargo, the Rust package manager, is not installed",
        _compiled(
            "with Rust, which the image lacks: ask for a version that comes as a wheel, or install cargo before, in a"
            " Dockerfile."
        ),
    ),
    _Cause(
        "python",
        rf"current Python version \(\S+\) does not satisfy .*? and ({_NAME}\S*) depends on Python"
        rf"|Because ({_NAME}\S*) has no wheels with a matching Python",
        lambda found, text: _other_python(found[1] or found[2]),
    ),
    _Cause(
        "platform",
        rf"Because ({_NAME}\S*) has no wheels with a matching platform",
        "{0} has no wheel for this platform: ask for another version of it, or for one that can be compiled.",
    ),
    _Cause("package", rf"Because ({_NAME}) was not found in", lambda found, text: _no_package(found[1])),
    _Cause(
        "version",
        rf"[Tt]here (?:is|are) no versions? of ({_NAME}(?:\[\S+\])?\S*)",
        "There is no version that fits {0}: correct the requirement.",
    ),
    _Cause("pip", r"satisfies the requirement (.+?) \(from versions: (.*?)\)", _no_version),
    _Cause(
        "conflict",
        r"your requirements are unsatisfiable|ResolutionImpossible|conflicting dependencies|are incompatible",
        "Requirements contradict each other, as the last lines tell: loosen one of them.",
    ),
    _Cause(
        "sources",
        rf"Failed to build `({_NAME}(?:==[^`@]+)?)|indicates that `({_NAME}@[^`]+)` depends on"
        rf"|Failed building wheel for ({_NAME})|ERROR: Failed to build '?({_NAME})|metadata-generation-failed"
        r"|Build failures usually indicate a problem with the package",
        _sources,
    ),
    _Cause(
        "program",
        rf"/bin/(?:ba|da)?sh: (?:line )?\d+: ({_NAME}): (?:command )?not found|env: '({_NAME})': No such",
        _no_program,
    ),
    _Cause(
        "module",
        r"ModuleNotFoundError: No module named '([\w.]+)'",
        "The step needs the Python module {0}, which the image lacks: install it in an earlier step.",
    ),
)

_NAMED = (
    rf"Because ({_NAME}) was not found",
    rf"no versions? of ({_NAME})",
    rf"you require ({_NAME})",
    rf" and ({_NAME})[<>=!~]\S*(?=,? we can conclude)",
    rf"Because ({_NAME})\S* (?:has no wheels|depends on)",
    rf"Failed to (?:build|download|fetch|download and build):? `?({_NAME})(?=[=@`]|$)",
    rf"Failed building wheel for ({_NAME})",
    rf"satisfies the requirement ({_NAME})",
    rf"indicates that `({_NAME})@",
    rf"^({_NAME})\S* (?:is compiled|comes without a wheel)",
)


def remedy(error: str, lines: Sequence[str]) -> str:
    """One sentence for a person: why it failed and what to do; "" when the cause is not known.

    Args:
        error: the builder's message.
        lines: the last lines that the failed step printed.
    """
    text = "\n".join([*lines, error])
    for cause in _CAUSES:
        found = re.search(cause.printed, text, re.MULTILINE)
        if not found:
            continue
        if not isinstance(cause.sentence, str):
            return cause.sentence(found, text)
        return cause.sentence.format(next((group for group in found.groups() if group), ""))
    return ""


def named_packages(lines: Iterable[str]) -> frozenset[str]:
    """The packages that an installer complains about, in their normal spelling; more than are at fault, at times."""
    text = "\n".join(lines)
    return frozenset(normal_name(name) for pattern in _NAMED for name in re.findall(pattern, text, re.MULTILINE))
