"""Environment → image: check at submit, find by content, else pull or build. Talks to the engine through docker-py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..engines.protocol import EnvironmentSpec, Image, Preparation, PushedImage
from ..errors import AzureMLException, UserErrorException
from .api import EngineApi
from .builder.context import check_sources
from .builder.docker_cli import session_command
from .builder.engine_build import choose_builder
from .builder.instructions import base_images, check_dockerfile
from .builder.options import check_build_options, read_secret, secret_value, session_reason
from .conda.image import with_conda_packages
from .conda.solve import check_specs
from .inspection.engine_view import EngineView
from .inspection.finding import ImageFinder, NotThere
from .inspection.fitness import environment_findings, interpreter_finding
from .inspection.found import Found
from .inspection.interpreter import find_in_image
from .inspection.look_inside import look_inside
from .inspection.preflight import NOTE, OK, REFUSE, Finding, refuse, room_finding
from .maker import ImageMaker, say
from .network.host_settings import read_host_settings
from .packages.image import with_packages
from .packages.requirements import Packages, default_base, wanted_packages
from .registry.container_registry import image_reference
from .registry.docker_login import stored_credentials
from .registry.pull import BaseImage
from .registry.push import push_image

if TYPE_CHECKING:
    from docker import DockerClient


def check_environment(
    client: DockerClient, spec: EnvironmentSpec, secrets: Mapping[str, str] | None = None
) -> list[str]:
    """Refuse at submit an environment that can never become an image; notes worth showing otherwise.

    A base image that is not on the engine is asked for at its registry, which takes 10 s at most.

    Raises:
        UserErrorException: the Dockerfile or the package list cannot be right.
        ImageNotFoundException: neither the engine nor the registry has the base image.
        RegistryException: the registry refuses, or cannot be reached.
        EngineUnavailableException: the engine does not answer.
    """
    api = _engine_api(client)
    packages = _checked_packages(spec)
    check_specs(packages)
    notes = [*packages.notes, *_check_dockerfile(spec)]
    if spec.get("image") and not packages and not spec.get("user_managed"):
        notes.append(
            f"No packages are asked for, so the Python of {spec['image']} is used as it is"
            " (Azure ML would build an empty environment instead)."
        )
    bases = _bases(api, spec, packages, secrets)
    for base in bases:
        notes.append(base.note)
        if base.local() is None:
            _check_session(api, spec, secrets)
            notes.append(base.ask_registry())
    notes += refuse(environment_findings(api, spec, bases, installs=_installs(packages)))
    return [note for note in dict.fromkeys(notes) if note]


def prepare_image(
    client: DockerClient,
    spec: EnvironmentSpec,
    log: Preparation,
    secrets: Mapping[str, str] | None = None,
    renew: str = "",
) -> Image:
    """The image of an environment: found by its content, else pulled or built with its output written to ``log``.

    Raises:
        ImageBuildException: a build step failed; the message has it with its line and last lines.
        CanceledException: ``log`` said that the user gave up.
        EngineException: as :func:`check_environment`.
    """
    api = _engine_api(client)
    packages = _checked_packages(spec)
    for note in [*packages.notes, *_check_dockerfile(spec)]:
        say(log, note)
    maker = ImageMaker(api, spec, log, _context_files, renew)
    bases = _bases(api, spec, packages, secrets)
    if spec.get("dockerfile") and any(base.local() is None for base in bases):
        _check_session(api, spec, secrets)  # before a long pull
    for sentence in refuse(environment_findings(api, spec, bases, installs=_installs(packages), is_begun=True)):
        say(log, sentence)
    result = _made(maker, bases, spec, packages, secrets)
    wanted = spec.get("interpreter_path") or "python"
    interpreter = find_in_image(api, result.id, result.config, wanted)
    if not interpreter and spec.get("user_managed") and wanted != "python":
        raise UserErrorException(
            f"The image {result.name} has no interpreter {wanted}; set python.interpreter_path to one it has."
        )
    contents = look_inside(api, result.id, result.name, interpreter, log)
    refuse([interpreter_finding(api, spec, result.name, result.info)])
    return Image(
        reference=result.id,
        interpreter=interpreter,
        name=result.name,
        digest=result.digest,
        built=result.made,
        size_bytes=result.info.get("Size"),
        python=contents.python if contents else "",
        stacked_on=result.below,
        notes=tuple(maker.notes),
    )


def examine_environment(
    client: DockerClient, spec: EnvironmentSpec, secrets: Mapping[str, str] | None = None
) -> list[Finding]:
    """All that can be found out about an environment before it is prepared, the refusals of others among it."""
    api = _engine_api(client)
    view = EngineView.ask(api)
    found = [
        Finding("engine", OK, f"{view.name} for {view.architecture}, at {api.docker_host}"),
        room_finding(view.free_bytes(), view.root),
    ]
    try:
        packages = _checked_packages(spec)
        notes = [*packages.notes, *_check_dockerfile(spec)]
        bases = _bases(api, spec, packages, secrets)
        for base in bases:
            there = base.local() is not None
            notes += [base.note, *([] if there else [base.ask_registry()])]
            where = "on the engine" if there else "at its registry; it will be pulled"
            found.append(Finding("base image", OK, f"{base.reference} is {where}"))
        found += environment_findings(api, spec, bases, installs=_installs(packages))
        found += [Finding("note", NOTE, note.rstrip(".")) for note in dict.fromkeys(notes) if note]
    except AzureMLException as error:
        found.append(Finding("environment", REFUSE, error.message.rstrip(".")))
    network = read_host_settings(over=spec.get("network"))
    words = "; ".join(network.described()) or "no proxy, index or certificates of its own"
    found.append(Finding("network", OK, words))
    return list(dict.fromkeys(found))


def engine_view(client: DockerClient) -> EngineView:
    """What the engine says about itself."""
    return EngineView.ask(_engine_api(client))


def _installs(packages: Packages) -> bool:
    """Whether steps of ours install packages on the base; conda's are copied there."""
    return bool(packages) and not packages.conda


def push_to_registry(
    client: DockerClient,
    image: str,
    target: str,
    log: Preparation,
    registry: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> PushedImage:
    """Push an image of the engine; see :func:`.registry.push.push_image`."""
    return push_image(_engine_api(client), image, target, log, registry, secrets)


def images_of(
    client: DockerClient, spec: EnvironmentSpec, images: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, str], list[str]]:
    """What an environment leads to as things are now: base images (reference → id), and ids of images of ours.

    Nothing is pulled or built, and what would have to be is not among them.

    Args:
        images: what the engine knows of our images, by fingerprint and by definition.
    """
    api = _engine_api(client)
    finder = ImageFinder(api, spec, _context_files, images)
    with suppress(NotThere, UserErrorException):
        packages = _checked_packages(spec)
        _made(finder, _bases(api, spec, packages, None), spec, packages, None)
    return finder.bases, finder.found


def _made(
    maker: ImageMaker,
    bases: list[BaseImage],
    spec: EnvironmentSpec,
    packages: Packages,
    secrets: Mapping[str, str] | None,
) -> Found:
    """The image that jobs start from, made step by step."""
    found = list({base.reference: maker.present(base) for base in bases}.values())
    result = maker.from_dockerfile(found, secrets or {}) if spec.get("dockerfile") else found[0]
    if packages.conda:
        return with_conda_packages(maker, result, packages, secrets or {})
    return with_packages(maker, result, packages, secrets or {}) if packages else result


def find_interpreter(client: DockerClient, image_id: str, wanted: str = "python") -> str:
    """The Python to call in an image: ``wanted`` from its PATH, else ``python3``; "" when it has none."""
    api = _engine_api(client)
    info = api.inspect_image(image_id) or {}
    return find_in_image(api, str(info.get("Id", image_id)), info.get("Config") or {}, wanted)


def _engine_api(client: DockerClient) -> EngineApi:
    return EngineApi(client, stored_credentials)


def _checked_packages(spec: EnvironmentSpec) -> Packages:
    packages = wanted_packages(spec)
    layered = spec.get("mode") == "layered"
    if layered and spec.get("user_managed"):
        raise UserErrorException(
            "python.layered adds packages to the image's Python, and python.user_managed_dependencies says that there"
            " are none to add. Set one of the two to False."
        )
    if layered and packages.conda:
        raise UserErrorException(
            f"Only pip packages can be layered on the image's own Python; these are conda's:"
            f" {', '.join(packages.conda)}. Leave out python.layered (--layer), or list them as pip packages."
        )
    return packages


def _check_dockerfile(spec: EnvironmentSpec) -> list[str]:
    """Refuse a Dockerfile that cannot be built, before anything is pulled; notes about what is odd in it."""
    text = spec.get("dockerfile")
    if text:
        check_dockerfile(text)
        check_sources(text, spec.get("context"), _context_files)
    return check_build_options(spec)


def _check_session(api: EngineApi, spec: EnvironmentSpec, secrets: Mapping[str, str] | None) -> None:
    """Refuse a build whose secrets are missing, or that nobody here can carry out."""
    reason = session_reason(spec.get("dockerfile") or "")
    if reason:
        session_command(reason, choose_builder(api))
    for text in spec.get("build_secrets") or ():
        secret_value(read_secret(text), secrets)


def _bases(
    api: EngineApi, spec: EnvironmentSpec, packages: Packages, secrets: Mapping[str, str] | None
) -> list[BaseImage]:
    address = (spec.get("registry") or {}).get("address")
    if spec.get("dockerfile"):
        references = [image_reference(image) for image in base_images(spec["dockerfile"], spec.get("build_arguments"))]
    else:
        image = spec.get("image")
        references = [image_reference(image, address) if image else image_reference(default_base(packages))]
    chosen = spec.get("dockerfile") or spec.get("image")
    hint = "" if chosen else "It is the default base; choose another with docker.base_image or AMLTRAIN_BASE_IMAGE."
    return [
        BaseImage(api, reference, spec.get("registry"), secrets, platform=spec.get("platform"), hint=hint)
        for reference in references
    ]


def _context_files(folder: str) -> list[str]:
    """All paths of a build context that its ``.dockerignore`` lets through, as docker-py reads that file."""
    from docker.utils.build import exclude_paths

    ignore = os.path.join(folder, ".dockerignore")
    patterns: list[str] = []
    if os.path.isfile(ignore):
        with open(ignore, encoding="utf-8") as file:
            patterns = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return [path for path in exclude_paths(folder, patterns) if path]
