"""Makes the images of one environment: found by their content, else pulled or built. No docker-py here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engines.protocol import EnvironmentSpec, Preparation, Step
from ..errors import ImageBuildException, UserErrorException
from ..home import home_id
from .api import EngineApi
from .build import Build, build_image, build_network, choose_builder
from .context import context_digest, needed_paths, selected
from .dockerfile import (
    CONTEXT_FOLDER,
    HOME_LABEL,
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
from .instructions import normalised_dockerfile, without_syntax_line
from .interpreter import find_in_image, is_musl
from .pull import BaseImage
from .requirements import Packages, normalised
from .secrets import put_url_credentials
from .uv_binary import uv_binary

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


def say(log: Preparation, sentence: str) -> None:
    """A line in the build log, unless there is nothing to say."""
    if sentence:
        log.write(f"{sentence}\n".encode())


@dataclass(frozen=True)
class Found:
    """An image on the engine: what it is called, what the engine knows of it, and whether this call made it."""

    name: str
    info: Mapping[str, Any]
    made: bool = False

    @property
    def id(self) -> str:
        """Its content id."""
        return str(self.info["Id"])

    @property
    def config(self) -> Mapping[str, Any]:
        """Its user, variables and labels."""
        return self.info.get("Config") or {}

    @property
    def digest(self) -> str:
        """Its digest at the registry where it has one, else its content id."""
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

    def step(self, step: Step) -> None:
        pass


class ImageMaker:
    """Makes the images of one environment.

    Args:
        context_files: gives the paths of a build context that its ``.dockerignore`` lets through.
    """

    def __init__(
        self, api: EngineApi, spec: EnvironmentSpec, log: Preparation, context_files: Callable[[str], list[str]]
    ) -> None:
        self._api = api
        self._spec = spec
        self._log = log
        self._context_files = context_files

    def present(self, base: BaseImage) -> Found:
        """A base image, pulled when it is not there."""
        say(self._log, base.note)
        info = base.local()
        if info is not None:
            return Found(base.reference, info)
        return Found(base.reference, base.pull(self._log), made=True)

    def from_dockerfile(self, bases: Mapping[str, str]) -> Found:
        """The image of the environment's Dockerfile."""
        shown: str = self._spec["dockerfile"]
        text, note = without_syntax_line(shown)
        folder: str | None = self._spec.get("context")
        paths, digest = self._read_context(folder, needed_paths(text, folder))
        parts = {
            "dockerfile": normalised_dockerfile(text),
            "context": digest,
            "platform": self._spec.get("platform"),
        }
        labels = self.labels(bases, parts)
        found = self.find(labels)
        if found:
            return found
        say(self._log, note)
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
            tag=self.tag(labels),
            folder=folder if paths else None,
            paths=paths,
            labels=labels,
            arguments=settings.proxies,
            platform=self._spec.get("platform"),
        )
        try:
            return self.build(build, builder, network)
        finally:
            if settings_image and settings.private:
                self._api.delete("/images/{0}", settings_image)

    def with_packages(self, base: Found, packages: Packages, secrets: Mapping[str, str]) -> Found:
        """The base with the environment's packages installed."""
        mode = self._spec.get("mode") or "isolated"
        parts = {"packages": normalised(packages), "mode": mode, "platform": self._spec.get("platform")}
        labels = self.labels({base.name: base.id}, parts)
        found = self.find(labels)
        if found:
            return found
        interpreter = find_in_image(self._api, base.id, base.config, "python")
        if not interpreter:
            raise ImageBuildException(
                f"The base image {base.name} has no Python to install packages for. Choose one that has, such as"
                f" {default_base()}, or install Python in a Dockerfile."
            )
        for option in unused_options(packages):
            say(self._log, f"The option '{option}' means nothing here and is left out.")
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
            stage=self.tag(labels),
            home=labels[HOME_LABEL],
        )
        count = f"{len(packages.pip)} package{'' if len(packages.pip) == 1 else 's'}"
        say(self._log, f"Installing {count} with {tool} on {base.name} ({mode}).")
        return self.build(
            Build(
                title=f"environment '{self._spec['name']}'",
                dockerfile=text,
                tag=self.tag(labels),
                added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
                labels=labels,
                arguments=settings.proxies,
                platform=self._spec.get("platform"),
            ),
            builder,
            network,
        )

    def labels(self, bases: Mapping[str, str], parts: Mapping[str, Any]) -> dict[str, str]:
        """The labels by which an image of this content is found; ``parts`` are arguments of :func:`fingerprint`."""
        return {
            ENVIRONMENT_LABEL: str(self._spec["name"]),
            FINGERPRINT_LABEL: fingerprint(bases=bases, **parts),
            DEFINITION_LABEL: fingerprint(bases={}, **parts),
            HOME_LABEL: home_id(),
        }

    def tag(self, labels: Mapping[str, str]) -> str:
        """The name of an image with these labels."""
        slug = re.sub(r"[^a-z0-9]+", "-", labels[ENVIRONMENT_LABEL].lower()).strip("-")[:64] or "environment"
        return f"amltrain/{slug}:{labels[FINGERPRINT_LABEL][:12]}"

    def find(self, labels: Mapping[str, str]) -> Found | None:
        """The image with this content: by its tag, else by its label under another environment's name."""
        tag = self.tag(labels)
        info = self._api.inspect_image(tag)
        if info and (info.get("Config", {}).get("Labels") or {}).get(FINGERPRINT_LABEL) == labels[FINGERPRINT_LABEL]:
            return Found(tag, info)
        other = self._api.find_images(f"{FINGERPRINT_LABEL}={labels[FINGERPRINT_LABEL]}")
        if other:
            self._api.tag(other[0], tag)
            info = self._api.inspect_image(tag)
        elif self._api.find_images(f"{DEFINITION_LABEL}={labels[DEFINITION_LABEL]}"):
            say(self._log, "The base image has changed since this environment was last built; building it again.")
        return Found(tag, info) if other and info else None

    def build(self, build: Build, builder: str, network: str) -> Found:
        """Build it, and see to it that the engine has it."""
        how = f"with {'BuildKit' if builder == 'buildkit' else 'the classic builder'}"
        say(self._log, f"Building {build.tag} {how}{f', network {network}' if network else ''}.")
        try:
            image_id = build_image(self._api, build, self._log, builder=builder, network=network)
        finally:
            if builder == "classic":
                self._remove_stage(build.tag)
        info = self._api.inspect_image(build.tag) or self._api.inspect_image(image_id)
        if info is None:
            raise ImageBuildException(f"The engine built {build.tag} but does not have it; try again.")
        return Found(build.tag, info, made=True)

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
                labels={SETTINGS_LABEL: digest, HOME_LABEL: home_id()},
            )
            build_image(self._api, build, _Silent(self._log), builder="buildkit", network="")
        return tag

    def _read_context(self, folder: str | None, needed: Sequence[str]) -> tuple[list[str], str]:
        """The files of the build context that are needed, and their digest."""
        if not folder or not needed:
            return [], ""
        try:
            paths = selected(self._context_files(folder), needed)
            return paths, context_digest(folder, paths) if paths else ""
        except OSError as error:
            raise UserErrorException(
                f"The build context {folder} cannot be read: {error}. Correct that, or name what is not needed in its"
                " .dockerignore.",
                inner_exception=error,
            ) from error
