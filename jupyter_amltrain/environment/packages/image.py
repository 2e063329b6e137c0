"""Packages on a base image, with uv or pip: all at once, or those that an earlier image lacks on top of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import ImageBuildException
from ..builder.engine_build import Build, choose_builder
from ..dockerfile import (
    CONTEXT_FOLDER,
    HOME_LABEL,
    cache_folder,
    render_dockerfile,
    render_stacked,
    requirements_text,
    unused_options,
)
from ..inspection.found import Found, image_tag
from ..inspection.interpreter import find_in_image, is_musl
from ..maker import ImageMaker, say
from ..network.host_settings import HostSettings
from ..secrets import private_text
from .requirements import Packages, default_base, normalised
from .stacked import added_lines, find_below, stack_labels, stacked_labels
from .uv_binary import uv_binary
from .wheels import wheel_files

# The caches are named because HOME may be that of the image's own user.
INSTALLER_SETTINGS = (
    "export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never"
    f" UV_CACHE_DIR={cache_folder('uv')} PIP_CACHE_DIR={cache_folder('pip')}\n"
).encode()


def with_packages(maker: ImageMaker, base: Found, packages: Packages, secrets: Mapping[str, str]) -> Found:
    """The base with the environment's packages installed."""
    wish = _Wish(maker, base, packages, secrets)
    parts = {"packages": normalised(packages), "mode": wish.mode, "platform": maker.spec.get("platform")}
    labels = maker.labels([base], parts)
    return maker.once(labels, [base], lambda: _made(wish, labels))


@dataclass(frozen=True)
class _Wish:
    """What is to be installed where."""

    maker: ImageMaker
    base: Found
    packages: Packages
    secrets: Mapping[str, str]

    @property
    def mode(self) -> str:
        return self.maker.spec.get("mode") or "isolated"

    def build(self, text: str, labels: Mapping[str, str], settings: HostSettings, uv: str | None) -> Build:
        """The build of a Dockerfile, with the files that its step reads."""
        files: dict[str, bytes | str] = {**settings.files(), **wheel_files(self.packages.pip)}
        files["settings.sh"] = settings.files()["settings.sh"] + INSTALLER_SETTINGS
        private = private_text(requirements_text(self.packages), self.secrets)
        files["requirements.txt"] = private.encode()
        if uv:
            files["uv"] = uv
        if self.mode == "layered":
            files["in_image.py"] = os.path.join(os.path.dirname(__file__), "in_image.py")
        return Build(
            title=self.maker.title,
            dockerfile=text,
            tag=image_tag(labels),
            added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
            labels=labels,
            arguments=settings.proxies,
            platform=self.maker.spec.get("platform"),
        )


def _made(wish: _Wish, labels: Mapping[str, str]) -> Found:
    maker, base, packages = wish.maker, wish.base, wish.packages
    for option in unused_options(packages):
        say(maker.log, f"The option '{option}' means nothing here and is left out.")
    builder = choose_builder(maker.api)
    uv = uv_binary(str(base.info.get("Architecture", "")))
    stackable = wish.mode == "isolated" and builder == "buildkit" and uv is not None
    if stackable:
        stack = {**labels, **stack_labels(base, packages, maker.spec.get("platform"))}
        below = None if maker.renew else find_below(maker.api, stack)
        if below:
            return _stacked(wish, below, {**stack, **stacked_labels(below)}, uv)
    interpreter = find_in_image(maker.api, base.id, base.config, "python")
    if not interpreter:
        raise ImageBuildException(
            f"The base image {base.name} has no Python to install packages for. Choose one that has, such as"
            f" {default_base()}, or install Python in a Dockerfile."
        )
    if uv and is_musl(maker.api, base.id):
        uv = None
    tool = "uv" if uv else "pip"
    text = render_dockerfile(
        packages,
        base=base.name,
        interpreter=interpreter,
        user=str(base.config.get("User") or ""),
        mode=wish.mode,
        builder=builder,
        tool=tool,
        stage=image_tag(labels),
        home=labels[HOME_LABEL],
    )
    say(maker.log, packages.way)
    count = f"{len(packages.pip)} package{'' if len(packages.pip) == 1 else 's'}"
    say(maker.log, f"Installing {count} with {tool} on {base.name} ({wish.mode}).")
    settings, network = maker.step_network()
    build = wish.build(text, stack if stackable and uv else labels, settings, uv)
    return maker.build(build, builder, network)


def _stacked(wish: _Wish, below: Found, labels: Mapping[str, str], uv: str | None) -> Found:
    added = ", ".join(added_lines(labels, below))
    say(wish.maker.log, f"Stacked on {below.name}, which has all but {added}; --flatten builds in full.")
    text = render_stacked(wish.packages, below=below.name, user=str(below.config.get("User") or ""))
    settings, network = wish.maker.step_network()
    return wish.maker.build(wish.build(text, labels, settings, uv), "buildkit", network)
