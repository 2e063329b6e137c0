"""Packages → Dockerfile text. Pure."""

from __future__ import annotations

import shlex

from .packages.requirements import Packages
from .packages.wheels import moved

CONTEXT_FOLDER = ".amltrain"
"""Folder of the build context that holds what we add: settings, certificates, the uv binary, the requirements."""

MOUNT = "/run/amltrain"
"""Where RUN steps see that folder. Only an empty folder of that name is left in the image."""

ENVIRONMENT_FOLDER = "/opt/amltrain/env"
"""The virtual environment of the isolated mode."""

CACHE_PREFIX = "amltrain"
"""Begins the names of the cache mounts in which BuildKit keeps what uv and pip have downloaded."""

STAGE_LABEL = "amltrain.stage"

HOME_LABEL = "amltrain.home"
"""Which home folder made an image; see :func:`~jupyter_amltrain.home.home_id`."""

_MOUNTED = f"--mount=type=bind,source={CONTEXT_FOLDER},target={MOUNT}"
SETTINGS = f". {MOUNT}/settings.sh && "
_FLAGS_IN_FILE = frozenset(
    ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--no-binary", "--only-binary")
)


def render_dockerfile(
    packages: Packages,
    *,
    base: str,
    interpreter: str,
    user: str = "",
    mode: str = "isolated",
    builder: str = "buildkit",
    tool: str = "uv",
    stage: str = "",
    home: str = "",
) -> str:
    """The Dockerfile that puts packages on a base image.

    Args:
        base: image to start from.
        interpreter: the base's own Python, a name on its PATH or a path.
        user: the base's user, restored after the steps that need root.
        mode: ``isolated`` makes a virtual environment that is used instead of the base's packages, ``layered`` adds
            to the base's own interpreter.
        builder: ``buildkit``, or ``classic`` for an engine without it: no mounts, so an extra stage.
        tool: ``uv``, or ``pip`` for a base where our uv cannot run.
        stage: value of :data:`STAGE_LABEL` on the extra stage of a classic build, which then has to be removed.
        home: value of :data:`HOME_LABEL` on that stage.
    """
    install = " && ".join(_install_commands(packages, interpreter, mode, tool))
    root, back = _as_root(user)
    use = [f"ENV VIRTUAL_ENV={ENVIRONMENT_FOLDER} PATH={ENVIRONMENT_FOLDER}/bin:$PATH"] if mode == "isolated" else []
    if builder == "buildkit":
        lines = [f"FROM {base}", *root, f"RUN {_mounts(tool)} {SETTINGS}{install}", *use, *back]
    else:
        if mode == "layered":
            install = f"{_in_image(interpreter, 'before')} && {install} && {_in_image(interpreter, 'after')}"
        lines = [
            f"FROM {base} AS packages",
            stage_label(stage, home),
            *root,
            f"COPY {CONTEXT_FOLDER} {MOUNT}",
            f"RUN {SETTINGS}{install}",
            f"FROM {base}",
            *(_copy_changes(root, back) if mode == "layered" else _copy_environment()),
            *use,
        ]
    return "\n".join(lines) + "\n"


def run_with_files(command: str, builder: str, tool: str = "") -> list[str]:
    """The instructions for a step that sees our files and settings: bound with BuildKit, copied without."""
    if builder != "buildkit":
        return [f"COPY {CONTEXT_FOLDER} {MOUNT}", f"RUN {SETTINGS}{command}"]
    return [f"RUN {_mounts(tool) if tool else _MOUNTED} {SETTINGS}{command}"]


def render_stacked(packages: Packages, *, below: str, user: str = "") -> str:
    """The Dockerfile that makes of an image with some of the packages one with all, for BuildKit and uv.

    The whole list is resolved as in a full build (``--upgrade``: what is installed does not count) and the
    environment is made to be just that (``--exact``): the image has the versions of a full build, and the layer only
    what differs.
    """
    install = _uv_install(packages, f"{ENVIRONMENT_FOLDER}/bin/python --exact --upgrade")
    root, back = _as_root(user)
    return "\n".join([f"FROM {below}", *root, f"RUN {_mounts('uv')} {SETTINGS}{install}", *back]) + "\n"


def _as_root(user: str) -> tuple[list[str], list[str]]:
    return ([], []) if user in ("", "root", "0") else (["USER root"], [f"USER {user}"])


def _mounts(tool: str) -> str:
    return f"{_MOUNTED} --mount=type=cache,id={CACHE_PREFIX}-{tool},target={cache_folder(tool)}"


def _copy_environment() -> list[str]:
    return [f"COPY --from=packages {ENVIRONMENT_FOLDER} {ENVIRONMENT_FOLDER}"]


def _copy_changes(root: list[str], back: list[str]) -> list[str]:
    """What the install in the stage removed, then what it added and changed (see ``in_image``)."""
    return [
        *root,
        f"COPY --from=packages {MOUNT}/removed.sh {MOUNT}/removed.sh",
        f"RUN sh {MOUNT}/removed.sh",
        f"COPY --from=packages {MOUNT}/tree/ /",
        *back,
    ]


def cache_folder(tool: str) -> str:
    """Where the installer keeps its cache during a step, which is not kept in the image."""
    return "/root/.cache/uv" if tool == "uv" else "/root/.cache/pip"


def stage_label(stage: str, home: str) -> str:
    """The instruction that marks the extra stage of a classic build."""
    return f"LABEL {STAGE_LABEL}={stage}{home and f' {HOME_LABEL}={home}'}"


def install_command(packages: Packages, python: str, tool: str) -> str:
    """The command of a step that installs the requirements file for an interpreter."""
    return _pip_install(python) if tool == "pip" else _uv_install(packages, python)


def _install_commands(packages: Packages, interpreter: str, mode: str, tool: str) -> list[str]:
    python = shlex.quote(interpreter)
    if mode == "layered":
        return _layer_commands(packages, python, tool)
    target = f"{ENVIRONMENT_FOLDER}/bin/python"
    if tool == "pip":
        return [f"{python} -m venv {ENVIRONMENT_FOLDER}", _pip_install(target)]
    wanted = f"'{_major_minor(packages.python)}'" if packages.python else python
    create = f"{MOUNT}/uv venv --no-project --python {wanted} {ENVIRONMENT_FOLDER}"
    return [create, _uv_install(packages, target)]


def _layer_commands(packages: Packages, python: str, tool: str) -> list[str]:
    """Install into the image's own Python: with uv where it sees all that the image has, else with pip.

    Both are told to write to a Python that its distribution marked as managed by itself (PEP 668); pip by a variable,
    since older ones do not know the option.
    """
    with_pip = f"PIP_BREAK_SYSTEM_PACKAGES=1 {_pip_install(python)}"
    check = [_python_check(packages.python, python)] if packages.python else []
    if tool == "pip":
        return [*check, with_pip]
    # uv looks for a bare name among virtual environments only.
    with_uv = _uv_install(packages, f'"$(command -v {python})" --break-system-packages')
    return [*check, f"if {_in_image(python, 'sees-more')}; then {with_pip}; else {with_uv}; fi"]


def _python_check(version: str, python: str) -> str:
    wanted = _major_minor(version)
    numbers = wanted.replace(".", ", ")
    words = f"Python {wanted} is asked for, and packages are layered on the Python of the image, which is another: "
    condition = f"sys.version_info[:{len(wanted.split('.'))}] == ({numbers},)"
    return f"{python} -c 'import sys; {condition} or sys.exit(\"{words}\" + sys.version.split()[0])'"


def _in_image(python: str, step: str) -> str:
    return f"{python} -B {MOUNT}/in_image.py {step}"


def _pip_install(python: str) -> str:
    return f"{python} -m pip install --disable-pip-version-check -r {MOUNT}/requirements.txt"


def _uv_install(packages: Packages, python: str) -> str:
    return f"{MOUNT}/uv pip install --python {python} {' '.join(_uv_flags(packages))} -r {MOUNT}/requirements.txt"


def _uv_flags(packages: Packages) -> list[str]:
    """Command line flags for the options that uv does not take in a requirements file.

    All indexes count alike, as with pip: requirement lists were written for that.
    """
    flags = ["--index-strategy unsafe-best-match"]
    for option in packages.options:
        name, value = _split_option(option)
        if name == "--pre":
            flags.append("--prerelease allow")
        elif name == "--trusted-host":
            flags.append(f"--allow-insecure-host {shlex.quote(value)}")
    return flags


def requirements_text(packages: Packages) -> str:
    """The requirements file for :func:`render_dockerfile`: the options that belong there, then the packages."""
    options = [option for option in packages.options if _split_option(option)[0] in _FLAGS_IN_FILE]
    return "\n".join([*options, *(moved(line, MOUNT) for line in packages.pip)]) + "\n"


def unused_options(packages: Packages) -> tuple[str, ...]:
    """The options that neither the requirements file nor the command line takes."""
    known = (*_FLAGS_IN_FILE, "--pre", "--trusted-host")
    return tuple(option for option in packages.options if _split_option(option)[0] not in known)


def _split_option(option: str) -> tuple[str, str]:
    name, _, value = option.replace("=", " ", 1).partition(" ")
    return name, value.strip()


def _major_minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
