"""The options that say what an environment is, of ``%%aml_env`` and ``%aml_env`` alike, and what they make together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic_arguments import argument

from ..errors import UserErrorException

if TYPE_CHECKING:
    from ..environment.cell import CellEnvironment
    from ..environment.spec import Environment

_Magic = TypeVar("_Magic", bound=Callable[..., Any])

_LINE = re.compile(r"(?:\bDockerfile |\bthe cell, )?\b([Ll])ine(s?) (\d+)(?: and (\d+))?\b")

_OPTIONS = (
    argument("--base", metavar="IMAGE", help="Image to put the packages on, or to use as it is when there are none."),
    argument(
        "--format", choices=("dockerfile", "conda", "pip"), help="What the text is, where it does not tell by itself."
    ),
    argument("--context", metavar="DIR", help="Folder that COPY and ADD of a Dockerfile read from."),
    argument(
        "--pip",
        action="append",
        default=[],
        metavar="REQUIREMENT|FILE",
        help="One more pip requirement, or a file of them, also on top of a Dockerfile; may be repeated.",
    ),
    argument("--conda", metavar="FILE", help="A conda file, to install on top of a Dockerfile or an image."),
    argument("--python", metavar="X.Y", help="Version of Python to install the packages for."),
    argument(
        "--layer",
        action="store_true",
        help="Add the packages to the image's own Python, where the image's packages stay visible (layered). Without it"
        " they get an environment that is used instead (isolated).",
    ),
    argument(
        "--from-kernel",
        action="store_true",
        help="Ask for the packages that this notebook has imported, in the versions that its kernel has.",
    ),
    argument(
        "--build-arg",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="Value for an ARG of the Dockerfile; a name alone takes that of the variable. May be repeated.",
    ),
    argument(
        "--secret",
        action="append",
        default=[],
        metavar="id=NAME,env=VAR|src=PATH",
        help="A secret for RUN --mount=type=secret, which leaves nothing in the image; may be repeated.",
    ),
    argument(
        "--ssh",
        action="append",
        default=[],
        metavar="default|ID=PATH",
        help="SSH agent or key for RUN --mount=type=ssh.",
    ),
    argument("--platform", metavar="OS/ARCH", help="Platform of the image, such as linux/arm64."),
    argument("--registry", metavar="ADDRESS", help="Registry that the base image, or the Dockerfile's FROM, needs."),
    argument("--registry-user", metavar="NAME", help="User of that registry."),
    argument(
        "--registry-password",
        metavar="REF",
        help="Where that user's password is: env:NAME, an environment variable, or keyring:SERVICE, the keyring.",
    ),
    argument(
        "--push",
        metavar="REPOSITORY[:TAG]",
        help="Push the image there afterwards, such as registry.example.com/team/torch; the tag is else the version.",
    ),
    argument("--no-build", action="store_true", help="Keep the definition only; the first run builds it."),
    argument(
        "--rebuild",
        action="store_true",
        help="Pull the base image again where a registry has it, and build everything anew.",
    ),
    argument(
        "--flatten",
        action="store_true",
        help="Build an image at once that was stacked on earlier ones, one package after the other.",
    ),
    argument("-q", "--quiet", action="store_true", help="Show only the last line."),
)


def making_options(magic: _Magic) -> _Magic:
    """Give a magic the options that make an environment."""
    for option in reversed(_OPTIONS):
        magic = option(magic)
    return magic


@dataclass(frozen=True)
class Described:
    """An environment as the options and the text describe it.

    Attributes:
        taken: what that was taken for, a sentence.
        notes: more sentences for the person.
        placed: puts the place in front of, or into, a message about the text.
    """

    environment: Environment
    taken: str
    notes: tuple[str, ...]
    placed: Callable[[str], str]


def described(asked: Any, cell: str | None, pinned: Sequence[str]) -> Described:
    """What was asked for, with the text of the cell, else that of ``--file``, else only an image or packages.

    Raises:
        UserErrorException: it cannot be right, or does not fit together.
    """
    from ..environment.curated import check_own_name

    if ":" in asked.name:
        raise UserErrorException(
            f"A name has no ':', which stands before a version, and versions are counted here: '{asked.name}'."
        )
    check_own_name(asked.name)
    file = Path(asked.file).expanduser().absolute() if cell is None and asked.file else None
    placed = (lambda message: message) if cell is None else in_cell_lines
    if file:
        placed = _in_file(file)
    try:
        parsed = _parsed(asked, cell, file, pinned)
    except UserErrorException as error:
        raise UserErrorException(placed(error.message), inner_exception=error) from error
    environment = parsed.environment(asked.name)
    extra, notes = _add_packages(environment, asked, parsed, pinned)
    _check_options(asked, parsed, extra)
    if asked.context:
        environment.docker.build_context = asked.context
    elif file and parsed.format == "dockerfile":
        environment.docker.build_context = str(file.parent)
    if asked.base:
        environment.docker.base_image = asked.base
    set_registry(environment, asked)
    environment.python.layered = asked.layer
    if asked.python and environment.python.conda_dependencies:
        environment.python.conda_dependencies.set_python_version(asked.python)
    _set_build(environment, asked)
    return Described(environment, taken_for(environment), (*map(placed, parsed.notes), *notes), placed)


def _parsed(asked: Any, cell: str | None, file: Path | None, pinned: Sequence[str]) -> CellEnvironment:
    from ..environment.cell import CellEnvironment, parse_cell, told_format
    from ..environment.packages.requirements import read_requirements_file
    from ..environment.text_files import read_text

    if cell is not None:
        return parse_cell(cell, asked.format, pinned)
    if file is None:
        return CellEnvironment("pip", pip=tuple(pinned))
    text = read_text(file, "The file")
    if text.strip() and (asked.format or told_format(text)) == "pip":
        text = "\n".join(read_requirements_file(file))
    return parse_cell(text, asked.format, pinned)


def _add_packages(
    environment: Environment, asked: Any, parsed: CellEnvironment, pinned: Sequence[str]
) -> tuple[bool, tuple[str, ...]]:
    """Add the packages of ``--pip`` and ``--conda``; whether there are any, and notes."""
    from ..environment.cell import checked_requirements
    from ..environment.conda.dependencies import CondaDependencies
    from ..environment.packages.requirements import read_requirements_file

    if asked.conda and parsed.format == "conda":
        raise UserErrorException("There are two conda specifications, the text and --conda; put them together in one.")
    lines: list[str] = []
    for value in asked.pip:
        path = Path(value).expanduser()
        if path.is_file() and path.suffix != ".whl":
            lines += read_requirements_file(path)
        elif path.suffix in (".txt", ".in") or ("/" in value.partition("@")[0] and path.suffix != ".whl"):
            raise UserErrorException(f"--pip {value}: there is no file {path.absolute()}.")
        else:
            lines.append(value)
    try:
        given, notes = checked_requirements("\n".join(lines))
    except UserErrorException as error:
        raise UserErrorException(f"--pip, {error.message[0].lower()}{error.message[1:]}") from error
    if asked.conda:
        before = list(environment.python.conda_dependencies.pip_packages) if parsed.pip else []  # type: ignore[union-attr]
        environment.python.conda_dependencies = CondaDependencies(Path(asked.conda).expanduser())
        given = (*before, *given)
    dependencies = environment.python.conda_dependencies
    if given:
        if dependencies is None or (parsed.format == "dockerfile" and not asked.conda):
            dependencies = environment.python.conda_dependencies = CondaDependencies.create(pip_packages=[])
        kept = [*dependencies.pip_options, *dependencies.pip_packages]
        dependencies.set_pip_requirements([*kept, *given])
    extra = bool(given or asked.conda)
    is_bare = parsed.format == "pip" and not parsed.pip and not extra
    environment.python.user_managed_dependencies = is_bare or (parsed.format == "dockerfile" and not extra)
    return extra, notes


def _check_options(asked: Any, parsed: CellEnvironment, extra: bool) -> None:
    is_dockerfile = parsed.format == "dockerfile"
    has_packages = extra or not is_dockerfile and bool(parsed.pip or parsed.conda)
    if asked.base and is_dockerfile:
        raise UserErrorException(
            f"{parsed.said[0].upper()}{parsed.said[1:]} says itself what it is from; leave out --base."
        )
    for option, value in (("--python", asked.python), ("--layer", asked.layer)):
        if value and not has_packages:
            raise UserErrorException(
                f"There are no packages that {option} could be for; leave out {option}, or add --pip."
            )
    if asked.layer and not asked.base and not is_dockerfile:
        raise UserErrorException("--layer adds to the Python of an image; say of which, with --base IMAGE.")
    if asked.layer and asked.python:
        raise UserErrorException("--layer uses the Python that the image has; leave out --python.")
    for option, value in (
        ("--context", asked.context),
        ("--build-arg", asked.build_arg),
        ("--secret", asked.secret),
        ("--ssh", asked.ssh),
    ):
        if value and not is_dockerfile:
            raise UserErrorException(f"{option} is for Dockerfiles, and the text was taken for {parsed.said}.")


def _set_build(environment: Environment, asked: Any) -> None:
    from ..environment.builder.options import read_build_argument, read_platform, read_secret

    docker = environment.docker
    docker.build_arguments = dict(read_build_argument(text) for text in asked.build_arg)
    docker.build_secrets = [read_secret(text).text for text in asked.secret]
    docker.build_ssh = list(asked.ssh)
    if asked.platform:
        docker.platform.os, docker.platform.architecture = read_platform(asked.platform)


def taken_for(environment: Environment) -> str:
    """What an environment is, in a sentence that names where its packages go."""
    from ..environment.builder.instructions import parse_dockerfile
    from ..environment.packages.requirements import install_mode, wanted_packages

    spec = environment._to_spec()
    packages, mode = wanted_packages(spec), install_mode(spec)
    counts = [
        (len(packages.conda), "conda package"),
        (len(packages.pip), "pip package" if packages.conda else "package"),
    ]
    count = " and ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counts if number)
    base = base_names(environment)
    if environment.docker.base_dockerfile:
        steps = len(parse_dockerfile(environment.docker.base_dockerfile))
        words = f"Taken for a Dockerfile: {steps} step{'' if steps == 1 else 's'} on {base}"
        if environment.docker.build_context:
            words += f", files from {environment.docker.build_context}"
        return f"{words}; {count}, {mode} on top." if count else f"{words}."
    if not count:
        return f"The image {base} is used as it is."
    what = "a conda specification" if packages.conda or _is_conda(environment) else "pip requirements"
    return f"Taken for {what}: {count}, {mode} on {base}."


def base_names(environment: Environment) -> str:
    """The images that an environment stands on."""
    from ..environment.builder.instructions import base_images
    from ..environment.packages.requirements import default_base, wanted_packages

    docker, spec = environment.docker, environment._to_spec()
    if docker.base_dockerfile:
        return ", ".join(base_images(docker.base_dockerfile, docker.build_arguments)) or "scratch"
    return str(docker.base_image) if spec["image"] else default_base(wanted_packages(spec))


def _is_conda(environment: Environment) -> bool:
    conda = environment.python.conda_dependencies
    return conda is not None and bool(conda.as_dict().get("name") != "project_environment")


def set_registry(environment: Environment, asked: Any) -> None:
    """Give an environment the registry of the options."""
    from ..environment.registry.references import is_reference

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


def _in_file(path: Path) -> Callable[[str], str]:
    return lambda message: message if str(path) in message else f"{path}: {message}"


def in_cell_lines(message: str) -> str:
    """A message about a Dockerfile or a list, with its line counted as the cell's, whose first line is the magic."""
    first, newline, rest = message.partition("\n")
    return _LINE.sub(_counted, first, count=1) + newline + rest


def _counted(found: re.Match[str]) -> str:
    numbers = " and ".join(str(int(number) + 1) for number in found.groups()[2:] if number)
    return f"{found[1]}ine{found[2]} {numbers} of the cell"
