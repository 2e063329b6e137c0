"""A conda specification with a channel in a folder: the time until its image is there, against the isolated pip form.

Both install the same packages in the same versions, the conda form also a Python. Neither has anything in its cache;
``extra`` says how long both take when an earlier build has left its downloads. The channel is made from the wheels of
the package index and lies on this disk, while pip's packages come from there: compare the warm figures.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conda_channel import CondaPackage, python_package, wheel_package, write_channel
from jupyter_amltrain import Environment
from jupyter_amltrain.environment import dockerfile
from jupyter_amltrain.environment.cell import parse_cell

from ._bench import workspace
from ._environments import PACKAGES, fresh_base, from_packages, prepared
from ._result import middle, print_result

ROUNDS = 2


def closure(*names: str) -> list[CondaPackage]:
    """The packages of these names and of what they need, with their dependencies."""
    found: dict[str, CondaPackage] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in found:
            package = wheel_package(name)
            needed = list(_needed(package))
            found[name] = CondaPackage(**{**package.__dict__, "depends": ["python", *needed]})
            wanted += needed
            print(f"packed {package.file_name}", flush=True)
    return list(found.values())


def _needed(package: CondaPackage) -> Iterator[str]:
    (metadata,) = [data for path, data in package.files.items() if path.endswith(".dist-info/METADATA")]
    assert isinstance(metadata, bytes)
    for line in BytesHeaderParser().parsebytes(metadata).get_all("Requires-Dist") or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def from_conda(base: str, channel: Path) -> Environment:
    """The conda form."""
    lines = "".join(f"  - {package}\n" for package in ("python=3.11", *PACKAGES))
    environment = parse_cell(f"channels: [{channel.as_uri()}]\ndependencies:\n{lines}", "conda").environment("bench")
    environment.docker.base_image = base
    return environment


def main() -> None:
    """Measure and print."""
    figures: dict[str, list[float]] = {"conda": [], "pip": [], "conda_warm": [], "pip_warm": [], "hit": []}
    with tempfile.TemporaryDirectory() as folder:
        packages = closure(*PACKAGES)
        versions = [f"{package.name}=={package.version}" for package in packages]
        channel = write_channel(Path(folder), [python_package(), *packages])
        for _ in range(ROUNDS):
            dockerfile.CACHE_PREFIX = f"bench-{uuid.uuid4().hex[:8]}"
            with workspace():
                for state in ("", "_warm"):
                    with fresh_base() as base:
                        figures[f"conda{state}"].append(prepared(from_conda(base, channel))[1])
                        figures["hit"].append(prepared(from_conda(base, channel))[1])
                        figures[f"pip{state}"].append(prepared(from_packages("bench", base, *versions))[1])
            print({name: [round(value, 2) for value in values] for name, values in figures.items()}, flush=True)
    middles = {name: middle(values) for name, values in figures.items()}
    extra = {**middles, "packages": len(packages) + 1, "warm_ratio": middles["conda_warm"] / middles["pip_warm"]}
    print_result("env_conda", middles["conda"], "s", baseline=middles["pip"], extra=extra)


if __name__ == "__main__":
    main()
