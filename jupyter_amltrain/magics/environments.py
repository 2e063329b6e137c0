"""``%%aml_env``: the cell is an environment."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ..engines.protocol import FLATTEN, REBUILD
from ..errors import AzureMLException, CanceledException, ImageBuildException, UserErrorException
from ..submission.manifest import human_size
from .answers import plain_errors, read_line
from .building import BuildLog, prepare_watched
from .cell_lines import with_requirement_lines
from .table import Table, duration
from .watchers import TextWatcher, watcher_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from ..engines.protocol import Image
    from ..environment.spec import Environment
    from ..workspace import Workspace
    from .session import Session

_LINE = re.compile(r"(?:\bDockerfile |\bthe cell, )?\b([Ll])ine(s?) (\d+)(?: and (\d+))?\b")


@magics_class
class EnvironmentMagics(Magics):
    """Environments out of cells."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session

    @cell_magic
    @plain_errors
    @magic_arguments()
    @argument("name", help="What to call it. A changed cell becomes the next version of that name.")
    @argument("--base", metavar="IMAGE", help="Image to put the packages on, for a conda or pip cell.")
    @argument(
        "--format", choices=("dockerfile", "conda", "pip"), help="What the cell is, where its text does not tell."
    )
    @argument("--context", metavar="DIR", help="Folder that COPY and ADD of a Dockerfile read from.")
    @argument("--python", metavar="X.Y", help="Version of Python to install the packages for.")
    @argument(
        "--layer",
        action="store_true",
        help="Add the packages to the image's own Python, where the image's packages stay visible (layered). Without it"
        " they get an environment that is used instead (isolated).",
    )
    @argument(
        "--from-kernel",
        action="store_true",
        help="Ask for the packages that this notebook has imported, in the versions that its kernel has.",
    )
    @argument("--registry", metavar="ADDRESS", help="Registry that the base image, or the Dockerfile's FROM, needs.")
    @argument("--registry-user", metavar="NAME", help="User of that registry.")
    @argument(
        "--registry-password",
        metavar="REF",
        help="Where that user's password is: env:NAME, an environment variable, or keyring:SERVICE, the keyring.",
    )
    @argument(
        "--push",
        metavar="REPOSITORY[:TAG]",
        help="Push the image there afterwards, such as registry.example.com/team/torch; the tag is else the version.",
    )
    @argument("--no-build", action="store_true", help="Keep the definition only; the first run builds it.")
    @argument(
        "--rebuild",
        action="store_true",
        help="Pull the base image again where a registry has it, and build everything anew.",
    )
    @argument(
        "--flatten",
        action="store_true",
        help="Build an image at once that was stacked on earlier ones, one package after the other.",
    )
    @argument("-q", "--quiet", action="store_true", help="Show only the last line.")
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
        if asked.no_build and (asked.rebuild or asked.flatten):
            raise UserErrorException("--no-build builds nothing; leave out --rebuild and --flatten, or --no-build.")
        workspace = self._session.workspace
        environment = _environment(asked, cell, self._from_kernel() if asked.from_kernel else None)
        if asked.push:
            _check_push(asked, environment, workspace)
        watcher = watcher_for(self.shell, asked.name, asked.quiet)
        outcome, stacked, size = "not built yet", "", ""
        if not asked.no_build:
            started = time.monotonic()
            image = self._build(environment, cell, asked, watcher)
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
        from ..environment.kernel_packages import imported_names, pinned

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
    @argument("--diff", metavar="NAME", help="Show what the latest version of this environment changed.")
    @argument("--version", action="append", default=[], metavar="N", help="Compare from this version; twice: from, to.")
    @argument("names", nargs="*", help="With --prune: environments, NAME or NAME:VERSION, or images.")
    @argument("--prune", action="store_true", help="List what is on the disk, or delete what is named.")
    @argument("--unused", action="store_true", help="With --prune: what no latest version and no run needs now.")
    @argument("--older-than", metavar="AGE", help="With --prune: what no run has used for so long (30d, 12h, 2w).")
    @argument("--build-cache", action="store_true", help="With --prune: what the builder keeps of earlier builds.")
    @argument("--dry-run", action="store_true", help="With --prune: only tell what would be deleted.")
    def aml_env_line(self, line: str) -> Table | None:
        """List the environments of the workspace, show what changed between two versions of one, or free disk space.

        %aml_env
        %aml_env --diff torch
        %aml_env --diff torch --version 1 --version 3
        %aml_env --prune
        %aml_env --prune torch:1 --dry-run
        """
        asked, rest = read_line(self.aml_env_line, line)
        if asked.prune and not (rest or asked.diff or asked.version):
            from .disk import prune

            return prune(self._session.workspace, asked)
        if asked.prune or asked.names or asked.unused or asked.older_than or asked.build_cache or asked.dry_run:
            raise UserErrorException(
                "%aml_env --prune [NAME …] [--unused] [--older-than AGE] [--build-cache] [--dry-run] frees disk space;"
                " names and these options mean nothing without --prune, and --prune does not go with --diff."
            )
        if rest or (asked.version and not asked.diff) or len(asked.version) > 2:
            raise UserErrorException("%aml_env lists environments; --diff NAME takes --version once or twice, no more.")
        workspace = self._session.workspace
        if asked.diff:
            print(_changes(workspace, asked.diff, asked.version))
            return None
        rows = [(name, str(found.version), _kind(found)) for name, found in workspace.environments.items()]
        return Table(("Environment", "Version", "From"), rows, "No environments yet; %%aml_env NAME makes one.")

    def _build(self, environment: Environment, cell: str, asked: Any, watcher: TextWatcher) -> Image:
        from ..engines.registry import default_engine_name, get_engine
        from ..environment.details import build_log_path

        engine = get_engine(default_engine_name())
        spec = self._session.workspace._spec_of(environment)
        renew = REBUILD if asked.rebuild else FLATTEN if asked.flatten else ""
        log = BuildLog(build_log_path(environment, self._session.workspace))
        try:
            image = prepare_watched(engine, spec, environment._secrets(), watcher, log, renew)
        except AzureMLException as error:
            watcher.failed("canceled" if isinstance(error, CanceledException) else "failed")
            raise _in_words_of_the_cell(error, log, cell) from error
        if asked.quiet:  # else they have been shown where they were found out
            for note in image.notes:
                print(note)
        return image


def _in_words_of_the_cell(error: AzureMLException, log: BuildLog, cell: str) -> AzureMLException:
    """The error with its lines counted as the cell's, and with the place of the whole log."""
    if not isinstance(error, (ImageBuildException, UserErrorException)):
        return error
    message = _in_cell_lines(error.message)
    if isinstance(error, ImageBuildException):
        message = with_requirement_lines(message, cell)
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


def _environment(asked: Any, cell: str, pinned: Sequence[str] | None) -> Environment:
    from ..environment.cell import parse_cell

    try:
        parsed = parse_cell(cell, asked.format, pinned)
    except UserErrorException as error:
        raise UserErrorException(_in_cell_lines(error.message), inner_exception=error) from error
    environment = parsed.environment(asked.name)
    is_dockerfile = parsed.format == "dockerfile"
    for option, value in (("--base", asked.base), ("--python", asked.python), ("--layer", asked.layer)):
        if value and is_dockerfile:
            raise UserErrorException(f"The cell is a Dockerfile, which says so itself with FROM; leave out {option}.")
    if asked.layer and not asked.base:
        raise UserErrorException("--layer adds to the Python of an image; say of which, with --base IMAGE.")
    if asked.layer and asked.python:
        raise UserErrorException("--layer uses the Python that the image has; leave out --python.")
    if asked.context and not is_dockerfile:
        raise UserErrorException(f"--context is for Dockerfiles, and the cell was taken for {parsed.said}.")
    if asked.context:
        environment.docker.build_context = asked.context
    if asked.base:
        environment.docker.base_image = asked.base
    _set_registry(environment, asked)
    environment.python.layered = asked.layer
    if asked.python and environment.python.conda_dependencies:
        environment.python.conda_dependencies.set_python_version(asked.python)
    return environment


def _check_push(asked: Any, environment: Environment, workspace: Workspace) -> None:
    """Refuse before anything is built what could not be pushed afterwards."""
    from ..environment.push import check_push, push_target

    if asked.no_build:
        raise UserErrorException("--no-build makes no image that could be pushed; leave out --push or --no-build.")
    target = push_target(asked.push, name=asked.name, version="1", address=None)
    check_push(workspace, target, environment.docker.base_image_registry)


def _push(asked: Any, environment: Environment, image: Image, workspace: Workspace) -> None:
    from ..environment.push import keep_pushed, push_target, push_watched

    target = push_target(asked.push, name=environment.name, version=environment.version, address=None)
    started = time.monotonic()
    registry = environment.docker.base_image_registry
    pushed = push_watched(workspace._engine(), image.reference, target, registry, quiet=asked.quiet)
    keep_pushed(workspace, environment, pushed)
    print(f"✓ {target} · pushed in {duration(time.monotonic() - started)} · {pushed.digest}")


def _set_registry(environment: Environment, asked: Any) -> None:
    from ..environment.references import is_reference

    registry = environment.docker.base_image_registry
    if asked.registry_password and not is_reference(asked.registry_password):
        raise UserErrorException(
            "--registry-password takes no password, since the cell is saved with the notebook, where everybody who gets"
            " it can read it. Say where the password is: env:NAME for an environment variable (`import getpass, os;"
            " os.environ['NAME'] = getpass.getpass()` sets it), or keyring:SERVICE for an entry of the keyring."
        )
    if (asked.registry_user or asked.registry_password) and not asked.registry:
        raise UserErrorException("--registry-user and --registry-password are for a registry; say which, --registry.")
    registry.address, registry.username = asked.registry, asked.registry_user
    registry.password = asked.registry_password


def _in_cell_lines(message: str) -> str:
    """A message about a Dockerfile or a list, with its line counted as the cell's, whose first line is the magic."""
    first, newline, rest = message.partition("\n")
    return _LINE.sub(_counted, first, count=1) + newline + rest


def _counted(found: re.Match[str]) -> str:
    numbers = " and ".join(str(int(number) + 1) for number in found.groups()[2:] if number)
    return f"{found[1]}ine{found[2]} {numbers} of the cell"


def _kind(environment: Environment) -> str:
    from ..environment.requirements import install_mode, wanted_packages

    if environment.docker.base_dockerfile:
        return "Dockerfile"
    spec = environment._to_spec()
    packages = wanted_packages(spec)
    count = len(packages.pip) + len(packages.conda)
    words = f"{'conda' if packages.conda else 'pip'}, {count} package{'' if count == 1 else 's'}"
    mode = install_mode(spec)
    return f"{words}, {mode}" if mode else words
