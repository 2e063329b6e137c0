"""An environment as a folder of files that a person can edit and keep under version control (azureml-v1.md 3.6)."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from difflib import get_close_matches, unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserErrorException
from .conda.dependencies import CONDA_FILE_NAME, CondaDependencies
from .element import ConfigElement, _camel_case
from .secrets import mask_url_credentials

if TYPE_CHECKING:
    from .spec import Environment

DEFINITION_FILE_NAME = "azureml_environment.json"
DOCKERFILE_NAME = "BaseDockerfile"


def file_contents(environment: Environment) -> dict[str, str]:
    """Name of each file that describes an environment → its text, without the passwords the environment may hold."""
    plain = environment._to_plain()
    docker, python = plain["docker"], plain["python"]
    docker["baseImageRegistry"]["password"] = environment.docker.base_image_registry._to_spec().get("password")
    if not environment.docker._image_chosen:
        # The default is another one in each release; left open, it stays a default after loading.
        docker["baseImage"] = None
    files = {}
    python.pop("condaDependencies")
    if environment.python.conda_dependencies is not None:
        document = mask_url_credentials(environment.python.conda_dependencies.as_dict())
        files[CONDA_FILE_NAME] = CondaDependencies(_underlying_structure=document).serialize_to_string()
    if docker.pop("baseDockerfile"):
        files[DOCKERFILE_NAME] = environment.docker.base_dockerfile or ""
    files[DEFINITION_FILE_NAME] = json.dumps(plain, indent=4, ensure_ascii=False) + "\n"
    return files


def save(environment: Environment, path: str | os.PathLike[str], overwrite: bool) -> None:
    """Write the files of an environment to a folder, which is made; see ``Environment.save_to_directory``."""
    folder = Path(path).expanduser()
    folder.mkdir(parents=True, exist_ok=overwrite)
    contents = file_contents(environment)
    for name in (CONDA_FILE_NAME, DOCKERFILE_NAME):
        if name not in contents:
            # Of what was saved there before; it would be loaded with the rest.
            (folder / name).unlink(missing_ok=True)
    for name, text in contents.items():
        # Line ends as they are: they count in a Dockerfile.
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            file.write(text)


def load(path: str | os.PathLike[str]) -> Environment:
    """The environment in a folder; see ``Environment.load_from_directory``."""
    folder = Path(path).expanduser()
    definition = folder / DEFINITION_FILE_NAME
    if not definition.is_file():
        raise FileNotFoundError(str(definition))
    environment = _environment(_read_definition(definition), str(definition))
    if (folder / CONDA_FILE_NAME).is_file():
        environment.python.conda_dependencies = CondaDependencies(folder / CONDA_FILE_NAME)
    if (folder / DOCKERFILE_NAME).is_file():
        context = environment.docker.build_context
        # As an open file without name: the folder of definitions is not a build context.
        environment.docker.base_dockerfile = io.StringIO(_read(folder / DOCKERFILE_NAME))
        environment.docker._build_context = context
    return environment


def difference(old: Environment, new: Environment) -> str:
    """What changed from one version of an environment to another, as a unified diff of its files; "" for nothing."""
    before, after = (file_contents(one.clone(one.name)) for one in (old, new))
    parts: list[str] = []
    for name in sorted({*before, *after}):
        parts += unified_diff(
            before.get(name, "").splitlines(),
            after.get(name, "").splitlines(),
            f"{old.name}:{old.version}/{name}",
            f"{new.name}:{new.version}/{name}",
            lineterm="",
        )
    return "\n".join(parts)


def _environment(plain: Mapping[str, Any], source: str) -> Environment:
    from .spec import Environment

    made = Environment(plain.get("name") or "")
    # Without its file there is no specification, rather than the default one.
    made.python.conda_dependencies = None
    _fill(made, plain, source)
    return made


def _fill(element: ConfigElement, plain: Mapping[str, Any], source: str) -> None:
    """Give an element, and those in it, the values of their JSON form."""
    names = {_camel_case(name): name for name in (*element._fields, *element._types)}
    for key, value in plain.items():
        # The SDK writes more keys, which mean nothing while they are empty.
        if key not in names and value not in (None, "", [], {}):
            nearest = get_close_matches(key, names, n=1, cutoff=0.6)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else f"; there are: {', '.join(names)}."
            raise UserErrorException(f"{source} has a key '{key}' that {type(element).__name__} does not know{hint}")
    for key, name in names.items():
        value = plain.get(key)
        held = getattr(element, name)
        if isinstance(held, ConfigElement) and isinstance(value, Mapping):
            _fill(held, value, source)
        elif name == "conda_dependencies" and isinstance(value, Mapping):
            setattr(element, name, CondaDependencies(_underlying_structure=dict(value)))
        elif name == "build_context":
            _set_context(element, value, source)
        elif key in plain and not (value is None and (name == "base_image" or isinstance(held, ConfigElement))):
            setattr(element, name, value)


def _set_context(element: Any, value: Any, source: str) -> None:
    if not isinstance(value, (str, type(None))):
        raise UserErrorException(f"{source}: buildContext must be the path of a folder, not {value!r}.")
    # Not through the property: the folder may be another machine's, which matters when the image is built.
    element._build_context = value


def _read_definition(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise UserErrorException(
            f"{path} is not valid JSON (line {error.lineno}, column {error.colno}): {error.msg}.",
            inner_exception=error,
        ) from error
    if not isinstance(plain, dict):
        raise UserErrorException(f"{path} must hold an object with keys such as 'name' and 'docker'.")
    return plain


def _read(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserErrorException(f"{path} cannot be read: {error}.", inner_exception=error) from error
