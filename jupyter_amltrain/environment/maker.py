"""Makes the images of one environment: found by their content, else pulled or built. No docker-py here.

What is the same for every image is here, and Dockerfiles; how packages get on an image is in ``packages_image``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engines.protocol import FLATTEN, REBUILD, EnvironmentSpec, Preparation, Step
from ..errors import EngineException, EngineUnavailableException, ImageBuildException, UserErrorException
from ..home import home_id
from .api import EngineApi
from .builder.context import context_digest, needed_paths, selected
from .builder.docker_cli import session_command
from .builder.engine_build import Build, build_image, build_network, choose_builder
from .builder.instructions import (
    base_images,
    declared_arguments,
    normalised_dockerfile,
    started_from,
    with_images_named,
    without_arguments,
    without_syntax_line,
)
from .builder.lock import free, held, lock_path
from .builder.options import read_secret, secret_value, session_reason
from .builder.session_build import build_with_session
from .builder.step_settings import settings_dockerfile, with_settings
from .dockerfile import CONTEXT_FOLDER, HOME_LABEL, STAGE_LABEL
from .fingerprint import fingerprint
from .inspection.engine_view import EngineView
from .inspection.found import (
    DEFINITION_LABEL,
    FINGERPRINT_LABEL,
    Found,
    find_image,
    find_older_image,
    id_name,
    image_labels,
    image_tag,
    moved_bases,
    named_images,
    own_name,
)
from .inspection.interpreter import find_in_image
from .inspection.preflight import refuse, room_finding
from .network.host_settings import HostSettings, read_host_settings
from .registry.container_registry import image_reference, is_image_id
from .registry.pull import BaseImage
from .secrets import mask_url_credentials

SETTINGS_LABEL = "amltrain.settings"

_NOT_WITHOUT_BUILDKIT = (
    "Without BuildKit only proxies reach the steps of this build: index and certificate settings of this machine would"
    " stay in the image."
)


def say(log: Preparation, sentence: str) -> None:
    """A line in the build log, unless there is nothing to say."""
    if sentence:
        log.write(f"{sentence}\n".encode())


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
        renew: as for :meth:`Engine.prepare`.
    """

    def __init__(
        self,
        api: EngineApi,
        spec: EnvironmentSpec,
        log: Preparation,
        context_files: Callable[[str], list[str]],
        renew: str = "",
    ) -> None:
        self.api = api
        self.spec = spec
        self.log = log
        self.renew = renew
        self.notes: list[str] = []
        self._context_files = context_files

    @property
    def title(self) -> str:
        """What is made, for messages."""
        return f"environment '{self.spec['name']}'"

    def note(self, sentence: str) -> None:
        """A sentence for the build log that the person should see also when nothing of the log is shown."""
        say(self.log, sentence)
        self.notes.append(sentence)

    def present(self, base: BaseImage) -> Found:
        """A base image, pulled when it is not there, or when everything is to be made anew."""
        say(self.log, base.note)
        info = base.local()
        if info is None:
            self._look_for_room()
            return Found(base.reference, base.pull(self.log), made=True)
        if self.renew == REBUILD and not is_image_id(base.reference):
            info = self._pulled_again(base, info)
        return Found(base.reference, info)

    def _pulled_again(self, base: BaseImage, info: dict[str, Any]) -> dict[str, Any]:
        try:
            return base.pull(self.log)
        except EngineUnavailableException:
            raise
        except EngineException as error:
            why = error.message.partition(". ")[0]
            self.note(f"{base.reference} was not pulled again, the one on this engine is used: {why}.")
            return info

    def from_dockerfile(self, bases: Sequence[Found], secrets: Mapping[str, str]) -> Found:
        """The image of the environment's Dockerfile."""
        shown: str = self.spec["dockerfile"]
        text, note = without_syntax_line(shown)
        folder: str | None = self.spec.get("context")
        paths, digest = self._read_context(folder, needed_paths(text, folder))
        parts = {
            "dockerfile": normalised_dockerfile(text),
            "context": digest,
            "platform": self.spec.get("platform"),
            "arguments": self.spec.get("build_arguments"),
            "secrets": [read_secret(secret).id for secret in self.spec.get("build_secrets") or ()],
        }
        labels = self.labels(bases, parts)

        def make() -> Found:
            say(self.log, note)
            given = [read_secret(secret) for secret in self.spec.get("build_secrets") or ()]
            build = Build(
                title=self.title,
                dockerfile=text,
                shown=shown,
                tag=image_tag(labels),
                folder=folder if paths else None,
                paths=paths,
                labels=labels,
                arguments=self.spec.get("build_arguments") or {},
                platform=self.spec.get("platform"),
                secrets=[(secret, secret_value(secret, secrets)) for secret in given],
                ssh=self.spec.get("build_ssh") or (),
            )
            return self._build_with_settings(build, bases)

        return self.once(labels, bases, make)

    def step_network(self) -> tuple[HostSettings, str]:
        """This host's network settings for build steps, and the network of the steps."""
        settings, network = read_host_settings(over=self.spec.get("network")), build_network(self.api)
        for note in settings.notes:
            say(self.log, note)
        if not network and settings.on_loopback and self.api.is_here:
            # Steps with a network of their own would look for the proxy in their own container.
            network = "host"
        return settings, network

    def _build_with_settings(self, build: Build, bases: Sequence[Found]) -> Found:
        """Build a person's own Dockerfile, whose steps see the network settings of this host."""
        builder = choose_builder(self.api)
        settings, network = self.step_network()
        build = self._without_private_arguments(build, settings.proxies)
        build = replace(build, arguments={**settings.proxies, **build.arguments})
        if not settings or "RUN" not in build.dockerfile.upper():
            return self.build(build, builder, network)
        if builder != "buildkit":
            say(self.log, _NOT_WITHOUT_BUILDKIT)
            return self.build(build, builder, network)
        starting = {image_reference(image) for image in started_from(build.dockerfile)}
        bare = [base for base in bases if not find_in_image(self.api, base.id, base.config, "/bin/sh")]
        has_shell = not any(base.name in starting for base in bare)
        image = self._settings_image(settings.files(), build.tag if settings.private else "")
        text = with_settings(build.dockerfile, image, has_shell=has_shell)
        try:
            return self.build(replace(build, dockerfile=text), builder, network)
        finally:
            if settings.private:
                self._remove_stages(build.tag)

    def _without_private_arguments(self, build: Build, proxies: Mapping[str, str]) -> Build:
        """The build without ``ARG`` for proxies with a password: what is declared stays in the image's history."""
        private = {name for name, value in proxies.items() if mask_url_credentials(value) != value}
        taken = (private - set(build.arguments)) & declared_arguments(build.dockerfile)
        if not taken:
            return build
        say(
            self.log,
            f"ARG {' and '.join(sorted(taken))} is left out, for the proxy's password would stay in the image's history"
            " with it. The RUN steps have the variable all the same.",
        )
        return replace(build, dockerfile=without_arguments(build.dockerfile, frozenset(taken)))

    def labels(self, bases: Sequence[Found], parts: Mapping[str, Any]) -> dict[str, str]:
        """The labels by which an image of this content is found; ``parts`` are arguments of :func:`fingerprint`."""
        return {**image_labels(str(self.spec["name"]), bases, parts), HOME_LABEL: home_id()}

    def once(self, labels: Mapping[str, str], bases: Sequence[Found], make: Callable[[], Found]) -> Found:
        """The image with these labels: what is there, else what ``make`` makes while no other process does the same."""
        before = find_image(self.api, labels)
        if not self.renew:
            found = before or self._older(labels, bases)
            if found:
                return found
        elif self.renew == FLATTEN:
            found = before or find_older_image(self.api, labels)
            if found and not found.below:
                say(self.log, f"{found.name} is not stacked on another image; there is nothing to flatten.")
                return before or self._older(labels, bases) or found
        with held(self._lock_of(image_tag(labels)), self.title, self.log):
            found = find_image(self.api, labels)
            if found and (before is None or found.id != before.id):
                return found  # another process has made it meanwhile
            made = make()
            if before:
                self._replace(labels, made)
            return made

    def _older(self, labels: Mapping[str, str], bases: Sequence[Found]) -> Found | None:
        """The image of this definition on bases that have moved since, and it is said."""
        found = find_older_image(self.api, labels)
        if found:
            self.note(moved_bases(found, bases))
        return found

    def _replace(self, labels: Mapping[str, str], made: Found) -> None:
        """Give a renewed image the names that the same content has under other environments' names."""
        for image in named_images(self.api, FINGERPRINT_LABEL, labels[FINGERPRINT_LABEL]):
            if image["Id"] != made.id:
                self.api.tag(made.id, own_name(image))

    def _lock_of(self, tag: str) -> Path:
        """The lock on what an image of ours is made of, whichever environment's name it has."""
        engine = hashlib.sha256(self.api.address.encode()).hexdigest()[:8]
        return lock_path(f"{tag.rpartition(':')[2]}-{engine}")

    def build(self, build: Build, builder: str, network: str) -> Found:
        """Build it, and see to it that the engine has it."""
        self._look_for_room()
        how = f"with {'BuildKit' if builder == 'buildkit' else 'the classic builder'}"
        reason = session_reason(build.dockerfile) if build.shown else ""
        command = session_command(reason, builder) if reason else None
        how = f"{how} through {command.said}, since {reason}" if command else how
        say(self.log, f"Building {build.tag} {how}{f', network {network}' if network else ''}.")
        build = replace(build, no_cache=self.renew == REBUILD)
        if builder == "buildkit" or command:
            build = self._with_ids_named(build)
        try:
            if command:
                image_id = build_with_session(self.api, build, self.log, command=command, network=network)
            else:
                image_id = build_image(self.api, build, self.log, builder=builder, network=network)
        finally:
            if builder == "classic":
                self._remove_stages(build.tag)
        info = self.api.inspect_image(build.tag) or self.api.inspect_image(image_id)
        if info is None:
            raise ImageBuildException(f"The engine built {build.tag} but does not have it; try again.")
        return Found(build.tag, info, made=True, origin=build.labels.get(DEFINITION_LABEL, ""))

    def _with_ids_named(self, build: Build) -> Build:
        """The build from names of the images that it has by their ids, which BuildKit would look up at Docker Hub.

        An image without a name gets one of ours, and keeps it: removing its only name would remove the image.
        """
        names: dict[str, str] = {}
        for reference in filter(is_image_id, base_images(build.dockerfile, build.arguments)):
            info = self.api.inspect_image(reference)
            if info is not None:
                known = info.get("RepoTags") or ()
                names[reference] = str(known[0]) if known else id_name(str(info["Id"]))
                if not known:
                    self.api.tag(str(info["Id"]), names[reference])
        arguments = {name: names.get(value, value) for name, value in build.arguments.items()}
        return replace(build, dockerfile=with_images_named(build.dockerfile, names), arguments=arguments)

    def _look_for_room(self) -> None:
        """Refuse to begin on a disk that is full; say so when it nearly is."""
        view = EngineView.ask(self.api)
        for sentence in refuse([room_finding(view.free_bytes(), view.root)]):
            self.note(sentence)

    def _remove_stages(self, tag: str) -> None:
        """Remove what builds left that has our files in it, and maybe credentials: the build of ``tag``, which is over.

        Also those whose process was killed: the builds of this home folder that nobody holds the lock of.
        """
        for image in self.api.list_images(STAGE_LABEL):
            labels = image.get("Labels") or {}
            if labels[STAGE_LABEL] == tag:
                self.api.delete("/images/{0}", image["Id"], params={"force": "1"})
            elif labels.get(HOME_LABEL) == home_id():
                with free(self._lock_of(labels[STAGE_LABEL])) as is_over:
                    if is_over:
                        self.api.delete("/images/{0}", image["Id"], params={"force": "1"})

    def _settings_image(self, files: Mapping[str, bytes], owner: str = "") -> str:
        """The image that carries this host's network settings to RUN steps, made once per content.

        With credentials among them it is made for one build, that of the image ``owner``, and removed with it.
        """
        digest = fingerprint(bases=(), packages=[f"{name} {content.hex()}" for name, content in sorted(files.items())])
        tag = f"amltrain/settings:{digest[:12]}{owner and '-' + owner.rpartition(':')[2]}"
        if self.api.inspect_image(tag) is None:
            build = Build(
                title="the network settings of this host",
                dockerfile=settings_dockerfile(),
                tag=tag,
                added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
                labels={SETTINGS_LABEL: digest, HOME_LABEL: home_id(), **({STAGE_LABEL: owner} if owner else {})},
            )
            build_image(self.api, build, _Silent(self.log), builder="buildkit", network="")
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
