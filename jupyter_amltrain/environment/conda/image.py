"""Conda packages → image: what to solve them for, the Dockerfile that puts them at their place, and the build.

The packages are linked on this host by ``install``, for the place where they will lie, and travel as the build
context: so a base image needs neither Python, conda nor a network for them, and a build for another processor works.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...engines.protocol import REBUILD
from ...errors import ImageBuildException
from ..api import EngineApi
from ..builder.engine_build import Build, build_network, choose_builder
from ..dockerfile import (
    CONTEXT_FOLDER,
    ENVIRONMENT_FOLDER,
    HOME_LABEL,
    MOUNT,
    install_command,
    requirements_text,
    run_with_files,
    stage_label,
    unused_options,
)
from ..inspection.found import Found, image_tag
from ..inspection.interpreter import glibc_version, is_musl
from ..maker import ImageMaker, say
from ..network.host_settings import read_host_settings
from ..packages.image import INSTALLER_SETTINGS
from ..packages.requirements import Packages, normalised
from ..packages.uv_binary import uv_binary
from ..packages.wheels import wheel_files
from ..secrets import private_text, without_url_credentials
from .channels import CondaSettings, channel_addresses, read_conda_settings
from .install import activation_scripts, fixed_variables, install, link_program, link_scripts, readable_paths
from .lock import CondaLock, conda_folder
from .solve import ARCHSPEC, check_specs, cuda_here, locked, plan_request, with_overrides

LOCK_LABEL = "amltrain.conda-lock"
"""Label of an image that says the digest of its conda lock, which lies in the image as ``conda-lock.txt``."""

_SUBDIRS = {"amd64": "64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# The oldest that packages of today are built for, when an image does not show which one it has.
_OLDEST_GLIBC = "2.17"
_STAGING = "image-"
_STAGING_LEFT_S = 86_400


def with_conda_packages(maker: ImageMaker, base: Found, packages: Packages, secrets: Mapping[str, str]) -> Found:
    """The base with the conda packages of an environment, and then its pip packages, at one place.

    Raises:
        UserErrorException: the packages cannot be had together; the message says why.
        ImageBuildException: the base cannot run conda packages, or a channel cannot be reached, or the build failed.
    """
    settings = read_conda_settings()
    addresses = [without_url_credentials(item) for item in channel_addresses(packages.channels, settings)]
    parts = {
        "packages": (*normalised(packages), *(f"address {address}" for address in addresses)),
        "mode": "conda",
        "platform": maker.spec.get("platform"),
    }
    labels = maker.labels([base], parts)
    return maker.once(labels, [base], lambda: _installed(maker, base, packages, settings, secrets, labels))


def _installed(
    maker: ImageMaker,
    base: Found,
    packages: Packages,
    settings: CondaSettings,
    secrets: Mapping[str, str],
    labels: Mapping[str, str],
) -> Found:
    check_specs(packages)
    settings = replace(settings, host=read_host_settings(over=maker.spec.get("network")))
    architecture = str(base.info.get("Architecture") or "amd64")
    uv = uv_binary(architecture) if packages.pip else None
    tool = ("uv" if uv else "pip") if packages.pip else ""
    request = plan_request(
        packages,
        settings,
        _subdir(base, architecture),
        _virtual_packages(maker.api, base, architecture),
        secrets,
        extra=("pip",) if tool == "pip" else (),
    )
    for option in unused_options(packages):
        say(maker.log, f"The option '{option}' means nothing here and is left out.")
    lock = locked(request, settings, maker.log, renew=maker.renew == REBUILD)
    _remove_old_staging(conda_folder())
    with tempfile.TemporaryDirectory(dir=conda_folder(), prefix=_STAGING, ignore_cleanup_errors=True) as name:
        staging = Path(name, "conda")
        install(lock, request, settings, staging, maker.log, prefix=ENVIRONMENT_FOLDER)
        scripts = activation_scripts(staging)
        if scripts:
            maker.note(
                f"Not run: the activation scripts {', '.join(scripts)}; nobody activates an environment in an image."
                " Set what they would set in environment_variables, if it is needed."
            )
        files: dict[str, bytes | str] = {
            "requirements.txt": private_text(requirements_text(packages), secrets).encode(),
            **wheel_files(packages.pip),
        }
        if uv:
            files["uv"] = uv
        files |= settings.host.files()
        files["settings.sh"] = settings.host.files()["settings.sh"] + INSTALLER_SETTINGS
        return _built(maker, base, packages, lock, staging, labels, tool, files, settings.host.proxies)


def _built(
    maker: ImageMaker,
    base: Found,
    packages: Packages,
    lock: CondaLock,
    staging: Path,
    labels: Mapping[str, str],
    tool: str,
    files: dict[str, bytes | str],
    arguments: Mapping[str, str],
) -> Found:
    builder, network = choose_builder(maker.api), build_network(maker.api)
    script = link_program(link_scripts(lock, staging), ENVIRONMENT_FOLDER)
    files["post-link.sh"] = script.encode()
    text = render_conda_dockerfile(
        packages,
        base=base.name,
        user=str(base.config.get("User") or ""),
        folder=staging.name,
        variables=fixed_variables(staging),
        linked=bool(script),
        builder=builder,
        tool=tool,
        stage=image_tag(labels),
        home=labels[HOME_LABEL],
    )
    build = Build(
        title=maker.title,
        dockerfile=text,
        tag=image_tag(labels),
        folder=str(staging.parent),
        paths=[staging.name, *(f"{staging.name}/{path}" for path in readable_paths(staging))],
        added={f"{CONTEXT_FOLDER}/{name}": content for name, content in files.items()},
        labels={**labels, LOCK_LABEL: lock.digest},
        arguments=arguments,
        platform=maker.spec.get("platform"),
    )
    return maker.build(build, builder, network)


def render_conda_dockerfile(
    packages: Packages,
    *,
    base: str,
    user: str,
    folder: str,
    variables: Mapping[str, str],
    linked: bool,
    builder: str,
    tool: str = "",
    stage: str = "",
    home: str = "",
) -> str:
    """The Dockerfile that puts a folder of linked conda packages on a base image. Pure.

    Only when something has to run for it, there is a stage for that: in the image itself then is one layer, and
    neither our tools nor files that pip replaced.

    Args:
        folder: the packages, in the build context.
        variables: variables that packages want to be set.
        linked: whether post-link scripts have to run.
        tool: what installs the pip packages, "" when there are none.
        stage, home: as for ``render_dockerfile``.
    """
    place = f"{folder} {ENVIRONMENT_FOLDER}"
    own = {"CONDA_PREFIX": ENVIRONMENT_FOLDER, "CONDA_DEFAULT_ENV": ENVIRONMENT_FOLDER, **variables}
    use = [
        f"ENV PATH={ENVIRONMENT_FOLDER}/bin:$PATH",
        *(f"ENV {name}={_quoted(value)}" for name, value in own.items()),
    ]
    commands = [f"sh {MOUNT}/post-link.sh"] if linked else []
    if tool:
        commands.append(install_command(packages, f"{ENVIRONMENT_FOLDER}/bin/python", tool))
    if not commands:
        return "\n".join([f"FROM {base}", f"COPY {place}", *use]) + "\n"
    lines = [
        f"FROM {base} AS packages",
        *([stage_label(stage, home)] if builder != "buildkit" else []),
        *(["USER root"] if user not in ("", "root", "0") else []),
        f"COPY {place}",
        *run_with_files(" && ".join(commands), builder, tool),
        f"FROM {base}",
        f"COPY --from=packages {ENVIRONMENT_FOLDER} {ENVIRONMENT_FOLDER}",
        *use,
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", " ")
    return f'"{escaped}"'


def _subdir(base: Found, architecture: str) -> str:
    if architecture not in _SUBDIRS:
        raise ImageBuildException(f"There are no conda packages for {architecture}, which {base.name} is made for.")
    return f"linux-{_SUBDIRS[architecture]}"


def _virtual_packages(api: EngineApi, base: Found, architecture: str) -> dict[str, str]:
    """What conda packages may ask of the system they will run on: the image's, not this host's.

    The processor is the plainest of its kind, so that the image runs on the next machine, too. conda's variables
    (``CONDA_OVERRIDE_GLIBC`` and the like) have the last word, as they have with conda.
    """
    machine = _MACHINES.get(architecture, architecture)
    glibc = glibc_version(api, base.id, machine)
    if not glibc and is_musl(api, base.id):
        raise ImageBuildException(
            f"conda packages need the GNU C library, and {base.name} is built on musl, as Alpine is. Choose another"
            " base image, such as python:3.11-slim or debian:12-slim, or list pip packages."
        )
    _, version = api.get("/version")
    kernel = re.match(r"\d+(\.\d+)*", str((version or {}).get("KernelVersion", "")))
    found = {"__unix": "0", "__linux": kernel[0] if kernel else "5.10", "__glibc": glibc or _OLDEST_GLIBC}
    return with_overrides({**found, ARCHSPEC: machine, **cuda_here()})


def _remove_old_staging(folder: Path) -> None:
    """Remove what a killed build left behind; no build takes a day."""
    for path in folder.glob(f"{_STAGING}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STAGING_LEFT_S:
                shutil.rmtree(path, ignore_errors=True)
