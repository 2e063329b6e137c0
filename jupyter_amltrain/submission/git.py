"""Which commit a run was submitted from: git's view of the source directory, as run properties.

Names and meaning are those of azureml-v1.md section 12; credentials in the remote's URL never get into them.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

TIMEOUT_S = 2.0

_MLFLOW_NAMES = {"repository_uri": "repoURL", "branch": "branch", "commit": "commit"}


def git_properties(source_directory: Path) -> dict[str, str]:
    """``azureml.git.*`` and ``mlflow.source.git.*`` properties of a folder; {} without git or a repository.

    ``dirty`` looks at the source directory alone. ``AZUREML_GIT_REPOSITORY_URI``, ``_BRANCH``, ``_COMMIT``,
    ``_DIRTY``, ``_BUILD_ID`` and ``_BUILD_URI`` in the environment take precedence. Takes some 10 ms, and little more
    than :data:`TIMEOUT_S` at worst, most of it waiting for git: run it in a thread beside the snapshot.
    """
    values = _ask_git(source_directory) if repository_root(source_directory) else {}
    for name in ("repository_uri", "branch", "commit", "dirty", "build_id", "build_uri"):
        override = os.environ.get(f"AZUREML_GIT_{name.upper()}")
        if override:
            values[name] = override
    for name in ("repository_uri", "build_uri"):
        if name in values:
            values[name] = without_credentials(values[name])
    properties = {f"azureml.git.{name}": value for name, value in values.items()}
    for name, mlflow_name in _MLFLOW_NAMES.items():
        if name in values:
            properties[f"mlflow.source.git.{mlflow_name}"] = values[name]
    return properties


def repository_root(folder: Path) -> Path | None:
    """The nearest folder at or above this one that holds ``.git``."""
    for candidate in (folder, *folder.parents):
        if os.path.lexists(candidate / ".git"):
            return candidate
    return None


def without_credentials(url: str) -> str:
    """A remote's URL without password, token or query; the user of an ssh URL is no secret and stays."""
    found = re.search(r"://", url)
    if found is None:
        return url  # a path, or git@host:repository
    scheme, rest = url[: found.end()], url[found.end() :]
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    port = host.rpartition("]")[2].partition(":")[2]
    if port and not port.isdigit():
        # Not a port, so a password with an unescaped slash: it may reach as far as the last "@".
        return scheme + rest.rpartition("@")[2] if "@" in rest else f"{scheme}***"
    if at and scheme.endswith("ssh://"):
        host = f"{user.partition(':')[0]}@{host}"
    return scheme + re.sub(r"[?#].*", "", host + slash + path, flags=re.DOTALL)


def _ask_git(source_directory: Path) -> dict[str, str]:
    try:
        # Both at once, and status (branch, commit and changes in one) first: it takes longest.
        status = _start(["status", "--porcelain=v2", "--branch", "--", "."], source_directory)
        remote = _start(["ls-remote", "--get-url"], source_directory)
    except OSError:
        return {}
    deadline = time.monotonic() + TIMEOUT_S
    values = {}
    url = _output(remote, deadline)
    if url and url != "origin":  # git answers the remote's name when no such remote is configured
        values["repository_uri"] = url
    text = _output(status, deadline)
    if text is not None:
        values |= _read_status(text)
    else:
        # Too many files to look at in the time there is: the commit is still worth knowing.
        values |= _read_head(source_directory)
    return values


def _read_status(text: str) -> dict[str, str]:
    values = {}
    lines = text.splitlines()
    header = dict(line[len("# branch.") :].split(" ", 1) for line in lines if line.startswith("# branch."))
    if header.get("head", "(detached)") != "(detached)":
        values["branch"] = header["head"]
    if header.get("oid", "(initial)") != "(initial)":
        values["commit"] = header["oid"]
    values["dirty"] = str(any(line and not line.startswith("#") for line in lines))
    return values


def _read_head(source_directory: Path) -> dict[str, str]:
    process = _start(["rev-parse", "HEAD", "--abbrev-ref", "HEAD"], source_directory)
    text = _output(process, time.monotonic() + TIMEOUT_S / 4)
    if not text:
        return {}
    commit, branch = text.split("\n", 1)
    return {"commit": commit, **({"branch": branch} if branch != "HEAD" else {})}


def _start(arguments: list[str], folder: Path) -> subprocess.Popen[bytes]:
    # Variables such as GIT_DIR would make git speak of another repository; locks would disturb the user's own git.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return subprocess.Popen(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _output(process: subprocess.Popen[bytes], deadline: float) -> str | None:
    """What a git command printed, or None when it failed or took too long."""
    with process:
        try:
            output, _ = process.communicate(timeout=max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    return output.decode("utf-8", "replace").strip() if process.returncode == 0 else None
