"""Packages on a base image, with uv or pip."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ImageBuildException
from .build import Build, build_network, choose_builder
from .dockerfile import CONTEXT_FOLDER, HOME_LABEL, cache_folder, render_dockerfile, requirements_text, unused_options
from .found import Found, image_tag
from .host_settings import read_host_settings
from .interpreter import find_in_image, is_musl
from .maker import ImageMaker, default_base, say
from .requirements import Packages, normalised
from .secrets import private_text
from .uv_binary import uv_binary

# The caches are named because HOME may be that of the image's own user.
_INSTALLER_SETTINGS = (
    "export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never"
    f" UV_CACHE_DIR={cache_folder('uv')} PIP_CACHE_DIR={cache_folder('pip')}\n"
).encode()


def with_packages(maker: ImageMaker, base: Found, packages: Packages, secrets: Mapping[str, str]) -> Found:
    """The base with the environment's packages installed."""
    mode = maker.spec.get("mode") or "isolated"
    parts = {"packages": normalised(packages), "mode": mode, "platform": maker.spec.get("platform")}
    labels = maker.labels([base], parts)
    return maker.once(labels, [base], lambda: _installed(maker, base, packages, secrets, labels))


def _installed(
    maker: ImageMaker, base: Found, packages: Packages, secrets: Mapping[str, str], labels: Mapping[str, str]
) -> Found:
    mode = maker.spec.get("mode") or "isolated"
    interpreter = find_in_image(maker.api, base.id, base.config, "python")
    if not interpreter:
        raise ImageBuildException(
            f"The base image {base.name} has no Python to install packages for. Choose one that has, such as"
            f" {default_base()}, or install Python in a Dockerfile."
        )
    for option in unused_options(packages):
        say(maker.log, f"The option '{option}' means nothing here and is left out.")
    builder, network = choose_builder(maker.api), build_network(maker.api)
    uv = None if is_musl(maker.api, base.id) else uv_binary(str(base.info.get("Architecture", "")))
    settings = read_host_settings()
    private = private_text(requirements_text(packages), secrets)
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
        stage=image_tag(labels),
        home=labels[HOME_LABEL],
    )
    count = f"{len(packages.pip)} package{'' if len(packages.pip) == 1 else 's'}"
    say(maker.log, f"Installing {count} with {tool} on {base.name} ({mode}).")
    build = Build(
        title=maker.title,
        dockerfile=text,
        tag=image_tag(labels),
        added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
        labels=labels,
        arguments=settings.proxies,
        platform=maker.spec.get("platform"),
    )
    return maker.build(build, builder, network)
