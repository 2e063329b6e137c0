"""``%%aml_env``: the cell is an environment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..engines.protocol import FLATTEN, REBUILD
from ..errors import AzureMLException, CanceledException, ImageBuildException, UserErrorException
from ..runs.duration import duration
from ..submission.manifest import human_size
from .answers import plain_errors, read_line
from .build_view import BuildState
from .building import BuildLog, prepare_watched
from .cell_lines import with_requirement_lines
from .environment_options import base_names, described, making_options
from .logs import write_build_log
from .table import Table
from .watchers import TextWatcher, watcher_for, write_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from ..engines.protocol import Image
    from ..environment.spec import Environment
    from ..workspace import Workspace
    from .environment_options import Described
    from .screen import Screen
    from .session import Session


@magics_class
class EnvironmentMagics(Magics):
    """Environments out of cells."""

    def __init__(self, shell: InteractiveShell, session: Session, screen: Screen) -> None:
        super().__init__(shell)
        self._session = session
        self._screen = screen

    @cell_magic
    @plain_errors
    @magic_arguments()
    @argument("name", help="What to call it. A changed cell becomes the next version of that name.")
    @making_options
    def aml_env(self, line: str, cell: str) -> None:
        """Make an environment of this cell, and build it.

        The cell is a Dockerfile, a conda environment file or a list of pip requirements; the text tells which. The
        environment is kept in the workspace under its name; an unchanged cell is found again at once. Stopping the
        cell stops the build.

            %%aml_env torch
            FROM python:3.11-slim
            RUN pip install torch

            %%aml_env sklearn --base python:3.11-slim
            scikit-learn
            pandas>=2

            %%aml_env mine --layer --base pytorch/pytorch --from-kernel
            # and what the notebook does not import
            tensorboard
        """
        asked, rest = read_line(self.aml_env, line)
        if rest:
            raise UserErrorException(f"%%aml_env takes nothing after --, but there is: {' '.join(rest)}")
        self._make(asked, cell)

    def _make(self, asked: Any, cell: str | None) -> None:
        from ..environment.details import build_log_path

        if asked.no_build and (asked.rebuild or asked.flatten):
            raise UserErrorException("--no-build builds nothing; leave out --rebuild and --flatten, or --no-build.")
        workspace = self._session.workspace
        found = described(asked, cell, self._from_kernel() if asked.from_kernel else ())
        environment = found.environment
        if not asked.quiet:
            for sentence in (found.taken, *found.notes):
                print(sentence)
        if asked.push:
            _check_push(asked, environment, workspace)
        log = BuildLog(build_log_path(environment, workspace))
        begun = BuildState(asked.name, origin=_origin(environment))
        watcher = watcher_for(self.shell, begun, asked.quiet, self._screen, log.path)
        outcome, stacked, size = "not built yet", "", ""
        if asked.no_build:
            from ..environment.builder.options import check_build_options

            for note in check_build_options(environment._to_spec()):
                print(note)
        else:
            started = time.monotonic()
            image = self._build(found, cell, asked, watcher, log)
            outcome = f"{'built' if image.built else 'found'} in {duration(time.monotonic() - started)}"
            stacked = f"stacked on {image.stacked_on}" if image.stacked_on else ""
            size = human_size(image.size_bytes) if image.size_bytes else ""
        registered = environment.register(workspace)
        self._session.made(asked.name)
        watcher.done(f"{asked.name}:{registered.version}", _kind(environment), outcome, stacked, size)
        if asked.push:
            _push(asked, registered, image, workspace)

    def _from_kernel(self) -> tuple[str, ...]:
        """What the notebook's cells have imported, pinned; said before anything is built."""
        from ..environment.packages.kernel_packages import imported_names, pinned

        assert self.shell is not None
        found = pinned(imported_names(self.shell.user_ns.get("In") or ()))
        for note in found.notes:
            print(note)
        if not found.pip:
            raise UserErrorException(
                "This notebook has imported nothing yet that an installed package provides, so --from-kernel finds"
                " nothing to ask for. Run the cells with the imports first, or write the requirements."
            )
        print(f"From this kernel: {', '.join(found.pip)}")
        return found.pip

    @line_magic("aml_env")
    @plain_errors
    @magic_arguments("aml_env")
    @argument("--file", metavar="PATH", help="Make it of this Dockerfile, conda file or pip requirements file.")
    @making_options
    @argument("--diff", metavar="NAME", help="Show what the latest version of this environment changed.")
    @argument("--version", action="append", default=[], metavar="N", help="Compare from this version; twice: from, to.")
    @argument(
        "--log", metavar="NAME", help="Show the log of this environment's last build, also of one that was killed."
    )
    @argument("names", nargs="*", help="What to call it; with --prune or --check NAME[:VERSION], or images.")
    @argument("--check", action="store_true", help="Look at what a build or run of NAME, or any, would stumble over.")
    @argument("--prune", action="store_true", help="List what is on the disk, or delete what is named.")
    @argument("--unused", action="store_true", help="With --prune: what no latest version and no run needs now.")
    @argument("--older-than", metavar="AGE", help="With --prune: what no run has used for so long (30d, 12h, 2w).")
    @argument("--build-cache", action="store_true", help="With --prune: what the builder keeps of earlier builds.")
    @argument("--dry-run", action="store_true", help="With --prune: only tell what would be deleted.")
    def aml_env_line(self, line: str) -> Table | None:
        """List the environments of the workspace, make one without a cell, show what changed, or free disk space.

        %aml_env
        %aml_env torch --file docker/Dockerfile
        %aml_env slim --base python:3.11-slim
        %aml_env --diff torch
        %aml_env --diff torch --version 1 --version 3
        %aml_env --log torch
        %aml_env --check torch
        %aml_env --prune
        %aml_env --prune torch:1 --dry-run
        """
        asked, rest = read_line(self.aml_env_line, line)
        if asked.check:
            if rest or asked.diff or asked.version or asked.prune or asked.file or asked.base or len(asked.names) > 1:
                raise UserErrorException("%aml_env --check takes one environment or image, or nothing.")
            from .checking import check

            return check(self._session.workspace, asked.names[0] if asked.names else "")
        if asked.log:
            if rest or any(value for option, value in vars(asked).items() if option != "log"):
                raise UserErrorException("%aml_env --log takes the name of one environment, and nothing else.")
            from ..environment.details import newest_build_log

            write_build_log(newest_build_log(asked.log, self._session.workspace), write_out)
            return None
        if asked.prune and not (rest or asked.diff or asked.version):
            from .disk import prune

            return prune(self._session.workspace, asked)
        if (
            asked.prune
            or len(asked.names) > 1
            or asked.unused
            or asked.older_than
            or asked.build_cache
            or asked.dry_run
        ):
            raise UserErrorException(
                "%aml_env --prune [NAME …] [--unused] [--older-than AGE] [--build-cache] [--dry-run] frees disk space;"
                " names and these options mean nothing without --prune, and --prune does not go with --diff."
            )
        if asked.names or asked.file:
            self._make_of_line(asked, rest)
            return None
        if rest or (asked.version and not asked.diff) or len(asked.version) > 2:
            raise UserErrorException("%aml_env lists environments; --diff NAME takes --version once or twice, no more.")
        from ..environment.curated import NAMES as CURATED

        workspace = self._session.workspace
        if asked.diff:
            print(_changes(workspace, asked.diff, asked.version))
            return None
        rows = [(name, str(found.version), _kind(found)) for name, found in workspace.environments.items()]
        none = "No environments yet; %%aml_env NAME makes one."
        columns, curated = ("Environment", "Version", "From"), f"Curated: {', '.join(CURATED)}"
        return Table(columns, rows, none, curated, numbers={"Version"})

    def _make_of_line(self, asked: Any, rest: list[str]) -> None:
        if not asked.names:
            raise UserErrorException(f"Say what to call the environment: %aml_env NAME --file {asked.file}")
        if rest or asked.diff or asked.version:
            raise UserErrorException("--diff and --version show what is there; leave them out to make an environment.")
        (asked.name,) = asked.names
        if not (asked.file or asked.base or asked.pip or asked.conda or asked.from_kernel):
            raise UserErrorException(
                f"Say what '{asked.name}' is made from: --file PATH, --base IMAGE or --pip REQUIREMENT; or write"
                f" %%aml_env {asked.name} above a cell. (%aml_env --diff {asked.name} shows what it changed.)"
            )
        self._make(asked, None)

    def _build(self, found: Described, cell: str | None, asked: Any, watcher: TextWatcher, log: BuildLog) -> Image:
        from ..engines.registry import default_engine_name, get_engine

        environment = found.environment
        engine = get_engine(default_engine_name())
        spec = self._session.workspace._spec_of(environment)
        renew = REBUILD if asked.rebuild else FLATTEN if asked.flatten else ""
        try:
            image = prepare_watched(engine, spec, environment._secrets(), watcher, log, renew)
        except AzureMLException as error:
            told = _in_place(error, log, cell, found.placed)
            watcher.failed("canceled" if isinstance(error, CanceledException) else "failed", told.message)
            raise told from error
        if asked.quiet:  # else they have been shown where they were found out
            for note in image.notes:
                print(note)
        return image


def _in_place(
    error: AzureMLException, log: BuildLog, cell: str | None, placed: Callable[[str], str]
) -> AzureMLException:
    """The error with its lines counted as the cell's or the file's, and with the place of the whole log."""
    if not isinstance(error, (ImageBuildException, UserErrorException)):
        return error
    message = placed(error.message)
    if isinstance(error, ImageBuildException):
        message = with_requirement_lines(message, cell or "")
        message += f"\nThe whole log: {log.path}" if log.written else ""
    return type(error)(message, inner_exception=error)


def _changes(workspace: Workspace, name: str, versions: list[str]) -> str:
    from ..environment.files import difference
    from ..environment.spec import Environment

    new = Environment.get(workspace, name, versions[1] if len(versions) > 1 else None)
    if not versions and new.version == "1":
        return f"{name} has one version; there is nothing to compare it with."
    old = Environment.get(workspace, name, versions[0] if versions else int(new.version or 0) - 1)
    return difference(old, new) or f"Nothing differs between {name}:{old.version} and {name}:{new.version}."


def _check_push(asked: Any, environment: Environment, workspace: Workspace) -> None:
    """Refuse before anything is built what could not be pushed afterwards."""
    from ..environment.registry.push import check_push, push_target

    if asked.no_build:
        raise UserErrorException("--no-build makes no image that could be pushed; leave out --push or --no-build.")
    target = push_target(asked.push, name=asked.name, version="1", address=None)
    check_push(workspace, target, environment.docker.base_image_registry)


def _push(asked: Any, environment: Environment, image: Image, workspace: Workspace) -> None:
    from ..environment.registry.push import keep_pushed, push_target, push_watched

    target = push_target(asked.push, name=environment.name, version=environment.version, address=None)
    started = time.monotonic()
    registry = environment.docker.base_image_registry
    pushed = push_watched(workspace._engine(), image.reference, target, registry, quiet=asked.quiet)
    keep_pushed(workspace, environment, pushed)
    print(f"✓ {target} · pushed in {duration(time.monotonic() - started)} · {pushed.digest}")


def _origin(environment: Environment) -> str:
    kind = _kind(environment)
    return kind if kind.startswith("image ") else f"{kind} on {base_names(environment)}"


def _kind(environment: Environment) -> str:
    from ..environment.packages.requirements import install_mode, wanted_packages

    spec = environment._to_spec()
    packages, mode = wanted_packages(spec), install_mode(spec)
    count = len(packages.pip) + len(packages.conda)
    words = [f"{count} package{'' if count == 1 else 's'}", mode] if count else []
    if environment.docker.base_dockerfile:
        return ", ".join(["Dockerfile", *words])
    if spec["user_managed"] and spec["image"]:
        return f"image {spec['image']}"
    return ", ".join(["conda" if packages.conda else "pip", *(words or ["0 packages"])])
