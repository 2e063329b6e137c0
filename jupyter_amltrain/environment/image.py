"""Environment → image: check at submit, find by content, else pull or build. Talks to the engine through docker-py."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engines.protocol import EnvironmentSpec, Image, Preparation
from ..errors import ImageBuildException, RegistryException, UserErrorException
from .api import EngineApi
from .build import Build, build_image, build_network, choose_builder
from .context import context_digest, needed_paths, selected
from .dockerfile import (
    CONTEXT_FOLDER,
    STAGE_LABEL,
    cache_folder,
    render_dockerfile,
    requirements_text,
    settings_dockerfile,
    unused_options,
    with_settings,
)
from .fingerprint import fingerprint
from .host_settings import read_host_settings
from .instructions import base_images, check_dockerfile, normalised_dockerfile, without_syntax_line
from .interpreter import find_in_image, is_musl
from .pull import BaseImage
from .registry import image_reference
from .requirements import Packages, normalised, wanted_packages
from .secrets import put_url_credentials
from .uv_binary import uv_binary

if TYPE_CHECKING:
    from docker import DockerClient

ENVIRONMENT_LABEL = "amltrain.environment"
FINGERPRINT_LABEL = "amltrain.fingerprint"
DEFINITION_LABEL = "amltrain.definition"
SETTINGS_LABEL = "amltrain.settings"

# The caches are named because HOME may be that of the image's own user.
_INSTALLER_SETTINGS = (
    "export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never"
    f" UV_CACHE_DIR={cache_folder('uv')} PIP_CACHE_DIR={cache_folder('pip')}\n"
).encode()


def default_base(python: str | None = None) -> str:
    """The base image when none is given: ``AMLTRAIN_BASE_IMAGE``, else the Python asked for, else this kernel's."""
    major_minor = ".".join(python.split(".")[:2]) if python else f"{sys.version_info[0]}.{sys.version_info[1]}"
    return os.environ.get("AMLTRAIN_BASE_IMAGE") or f"python:{major_minor}-slim"


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
    if spec.get("dockerfile"):
        check_dockerfile(spec["dockerfile"])
        needed_paths(spec["dockerfile"], spec.get("context"))
    notes = list(packages.notes)
    if spec.get("image") and not packages and not spec.get("user_managed"):
        notes.append(
            f"No packages are asked for, so the Python of {spec['image']} is used as it is"
            " (Azure ML would build an empty environment instead)."
        )
    for base in _bases(api, spec, packages, secrets):
        notes.append(base.note)
        if base.local() is None:
            notes.append(base.ask_registry())
    return [note for note in dict.fromkeys(notes) if note]


def prepare_image(
    client: DockerClient, spec: EnvironmentSpec, log: Preparation, secrets: Mapping[str, str] | None = None
) -> Image:
    """The image of an environment: found by its content, else pulled or built with its output written to ``log``.

    Raises:
        ImageBuildException: a build step failed; the message has it with its line and last lines.
        CanceledException: ``log`` said that the user gave up.
        EngineException: as :func:`check_environment`.
    """
    api = _engine_api(client)
    packages = _checked_packages(spec)
    for note in packages.notes:
        _say(log, note)
    maker = _Maker(api, spec, log)
    found = {base.reference: maker.present(base) for base in _bases(api, spec, packages, secrets)}
    if spec.get("dockerfile"):
        check_dockerfile(spec["dockerfile"])
        result = maker.from_dockerfile({reference: value.id for reference, value in found.items()})
    else:
        result = next(iter(found.values()))
    if packages:
        result = maker.with_packages(result, packages, secrets or {})
    wanted = spec.get("interpreter_path") or "python"
    interpreter = find_in_image(api, result.id, result.config, wanted)
    if not interpreter and spec.get("user_managed") and wanted != "python":
        raise UserErrorException(
            f"The image {result.name} has no interpreter {wanted}; set python.interpreter_path to one it has."
        )
    return Image(
        reference=result.id,
        interpreter=interpreter,
        name=result.name,
        digest=result.digest,
        built=result.made,
        size_bytes=result.info.get("Size"),
    )


def find_interpreter(client: DockerClient, image_id: str, wanted: str = "python") -> str:
    """The Python to call in an image: ``wanted`` from its PATH, else ``python3``; "" when it has none."""
    api = _engine_api(client)
    info = api.inspect_image(image_id) or {}
    return find_in_image(api, str(info.get("Id", image_id)), info.get("Config") or {}, wanted)


def _engine_api(client: DockerClient) -> EngineApi:
    from docker.errors import DockerException

    engine: Any = client.api

    def credentials(registry: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] | None = engine._auth_configs.resolve_authconfig(registry)
        except DockerException as error:
            raise RegistryException(
                f"The credential helper of the Docker configuration failed for {registry}: {error}. Repair it with"
                f" `docker login {registry}`, or set docker.base_image_registry.",
                inner_exception=error,
            ) from error
        return found

    return EngineApi(client, credentials)


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
    if packages.conda:
        raise UserErrorException(
            f"conda packages are not built yet ({', '.join(packages.conda)}); use pip entries or a Dockerfile."
        )
    return packages


def _bases(
    api: EngineApi, spec: EnvironmentSpec, packages: Packages, secrets: Mapping[str, str] | None
) -> list[BaseImage]:
    address = (spec.get("registry") or {}).get("address")
    if spec.get("dockerfile"):
        references = [image_reference(image) for image in base_images(spec["dockerfile"])]
    else:
        image = spec.get("image")
        references = [image_reference(image, address) if image else default_base(packages.python)]
    chosen = spec.get("dockerfile") or spec.get("image")
    hint = "" if chosen else "It is the default base; choose another with docker.base_image or AMLTRAIN_BASE_IMAGE."
    return [
        BaseImage(api, reference, address, secrets, platform=spec.get("platform"), hint=hint)
        for reference in references
    ]


def _say(log: Preparation, sentence: str) -> None:
    if sentence:
        log.write(f"{sentence}\n".encode())


@dataclass(frozen=True)
class _Found:
    """An image on the engine: what it is called, what the engine knows of it, and whether this call made it."""

    name: str
    info: Mapping[str, Any]
    made: bool = False

    @property
    def id(self) -> str:
        return str(self.info["Id"])

    @property
    def config(self) -> Mapping[str, Any]:
        return self.info.get("Config") or {}

    @property
    def digest(self) -> str:
        digests = self.info.get("RepoDigests") or ()
        return str(digests[0]).partition("@")[2] if digests else self.id


class _Silent:
    """A Preparation for work that a person need not see; it is canceled with theirs."""

    def __init__(self, log: Preparation) -> None:
        self.canceled = log.canceled

    def write(self, data: bytes) -> None:
        pass

    def phase(self, text: str) -> None:
        pass


class _Maker:
    """Makes the images of one environment."""

    def __init__(self, api: EngineApi, spec: EnvironmentSpec, log: Preparation) -> None:
        self._api = api
        self._spec = spec
        self._log = log

    def present(self, base: BaseImage) -> _Found:
        """A base image, pulled when it is not there."""
        _say(self._log, base.note)
        info = base.local()
        if info is not None:
            return _Found(base.reference, info)
        return _Found(base.reference, base.pull(self._log), made=True)

    def from_dockerfile(self, bases: Mapping[str, str]) -> _Found:
        """The image of the environment's Dockerfile."""
        shown: str = self._spec["dockerfile"]
        text, note = without_syntax_line(shown)
        folder: str | None = self._spec.get("context")
        paths, digest = _read_context(folder, needed_paths(text, folder))
        parts = {
            "dockerfile": normalised_dockerfile(text),
            "context": digest,
            "platform": self._spec.get("platform"),
        }
        labels = self._labels(bases, parts)
        found = self._find(labels)
        if found:
            return found
        _say(self._log, note)
        builder, network = choose_builder(self._api), build_network(self._api)
        settings = read_host_settings()
        settings_image = ""
        if settings and builder == "buildkit" and "RUN" in text.upper():
            settings_image = self._settings_image(settings.files())
            text = with_settings(text, settings_image)
        build = Build(
            title=f"environment '{self._spec['name']}'",
            dockerfile=text,
            shown=shown,
            tag=self._tag(labels),
            folder=folder if paths else None,
            paths=paths,
            labels=labels,
            arguments=settings.proxies,
            platform=self._spec.get("platform"),
        )
        try:
            return self._build(build, builder, network)
        finally:
            if settings_image and settings.private:
                self._api.delete("/images/{0}", settings_image)

    def with_packages(self, base: _Found, packages: Packages, secrets: Mapping[str, str]) -> _Found:
        """The base with the environment's packages installed."""
        mode = self._spec.get("mode") or "isolated"
        parts = {"packages": normalised(packages), "mode": mode, "platform": self._spec.get("platform")}
        labels = self._labels({base.name: base.id}, parts)
        found = self._find(labels)
        if found:
            return found
        interpreter = find_in_image(self._api, base.id, base.config, "python")
        if not interpreter:
            raise ImageBuildException(
                f"The base image {base.name} has no Python to install packages for. Choose one that has, such as"
                f" {default_base()}, or install Python in a Dockerfile."
            )
        for option in unused_options(packages):
            _say(self._log, f"The option '{option}' means nothing here and is left out.")
        builder, network = choose_builder(self._api), build_network(self._api)
        uv = None if is_musl(self._api, base.id) else uv_binary(str(base.info.get("Architecture", "")))
        settings = read_host_settings()
        private = put_url_credentials(requirements_text(packages), secrets)
        files: dict[str, bytes | str] = dict(settings.files())
        tool = "uv" if uv else "pip"
        files["settings.sh"] = settings.files()["settings.sh"] + _INSTALLER_SETTINGS
        files["requirements.txt"] = private.encode()
        if uv:
            files["uv"] = uv
        if mode == "layered":
            files["in_image.py"] = os.path.join(os.path.dirname(__file__), "in_image.py")
        text = render_dockerfile(
            packages,
            base=base.name,
            interpreter=interpreter,
            user=str(base.config.get("User") or ""),
            mode=mode,
            builder=builder,
            tool=tool,
            stage=self._tag(labels),
        )
        count = f"{len(packages.pip)} package{'' if len(packages.pip) == 1 else 's'}"
        _say(self._log, f"Installing {count} with {tool} on {base.name} ({mode}).")
        return self._build(
            Build(
                title=f"environment '{self._spec['name']}'",
                dockerfile=text,
                tag=self._tag(labels),
                added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
                labels=labels,
                arguments=settings.proxies,
                platform=self._spec.get("platform"),
            ),
            builder,
            network,
        )

    def _labels(self, bases: Mapping[str, str], parts: Mapping[str, Any]) -> dict[str, str]:
        return {
            ENVIRONMENT_LABEL: str(self._spec["name"]),
            FINGERPRINT_LABEL: fingerprint(bases=bases, **parts),
            DEFINITION_LABEL: fingerprint(bases={}, **parts),
        }

    def _tag(self, labels: Mapping[str, str]) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", labels[ENVIRONMENT_LABEL].lower()).strip("-")[:64] or "environment"
        return f"amltrain/{slug}:{labels[FINGERPRINT_LABEL][:12]}"

    def _find(self, labels: Mapping[str, str]) -> _Found | None:
        """The image with this content: by its tag, else by its label under another environment's name."""
        tag = self._tag(labels)
        info = self._api.inspect_image(tag)
        if info and (info.get("Config", {}).get("Labels") or {}).get(FINGERPRINT_LABEL) == labels[FINGERPRINT_LABEL]:
            return _Found(tag, info)
        other = self._api.find_images(f"{FINGERPRINT_LABEL}={labels[FINGERPRINT_LABEL]}")
        if other:
            self._api.tag(other[0], tag)
            info = self._api.inspect_image(tag)
        elif self._api.find_images(f"{DEFINITION_LABEL}={labels[DEFINITION_LABEL]}"):
            _say(self._log, "The base image has changed since this environment was last built; building it again.")
        return _Found(tag, info) if other and info else None

    def _build(self, build: Build, builder: str, network: str) -> _Found:
        how = f"with {'BuildKit' if builder == 'buildkit' else 'the classic builder'}"
        _say(self._log, f"Building {build.tag} {how}{f', network {network}' if network else ''}.")
        try:
            image_id = build_image(self._api, build, self._log, builder=builder, network=network)
        finally:
            if builder == "classic":
                self._remove_stage(build.tag)
        info = self._api.inspect_image(build.tag) or self._api.inspect_image(image_id)
        if info is None:
            raise ImageBuildException(f"The engine built {build.tag} but does not have it; try again.")
        return _Found(build.tag, info, made=True)

    def _remove_stage(self, tag: str) -> None:
        """Remove what the extra stage of a classic build left: it has our files in it, and maybe credentials."""
        for image_id in self._api.find_images(f"{STAGE_LABEL}={tag}"):
            self._api.delete("/images/{0}", image_id, params={"force": "1"})

    def _settings_image(self, files: Mapping[str, bytes]) -> str:
        """The image that carries this host's network settings to RUN steps, made once per content."""
        digest = fingerprint(bases={}, packages=[f"{name} {content.hex()}" for name, content in sorted(files.items())])
        tag = f"amltrain/settings:{digest[:12]}"
        if self._api.inspect_image(tag) is None:
            build = Build(
                title="the network settings of this host",
                dockerfile=settings_dockerfile(),
                tag=tag,
                added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
                labels={SETTINGS_LABEL: digest},
            )
            build_image(self._api, build, _Silent(self._log), builder="buildkit", network="")
        return tag


def _read_context(folder: str | None, needed: Sequence[str]) -> tuple[list[str], str]:
    """The files of the build context that are needed, and their digest."""
    if not folder or not needed:
        return [], ""
    try:
        paths = selected(_context_files(folder), needed)
        return paths, context_digest(folder, paths) if paths else ""
    except OSError as error:
        raise UserErrorException(
            f"The build context {folder} cannot be read: {error}. Correct that, or name what is not needed in its"
            " .dockerignore.",
            inner_exception=error,
        ) from error


def _context_files(folder: str) -> list[str]:
    """All paths of a build context that its ``.dockerignore`` lets through, as docker-py reads that file."""
    from docker.utils.build import exclude_paths

    ignore = os.path.join(folder, ".dockerignore")
    patterns: list[str] = []
    if os.path.isfile(ignore):
        with open(ignore, encoding="utf-8") as file:
            patterns = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return [path for path in exclude_paths(folder, patterns) if path]
