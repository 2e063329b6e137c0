"""A real conda channel in a folder: Debian's Python and wheels from the package index, repacked as conda packages.

No conda channel need be reachable. The packages are what conda makes of such things: ``python`` for this machine's
platform, ``noarch: python`` packages with entry points, and one whose text and binary files have the prefix in them.
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.images import base_archive
from engine.parts import program
from engine.shared import cache_folder

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]
PLACEHOLDER = f"/opt/anaconda1anaconda2anaconda3{'_placehold' * 25}"[:255]
PYTHON = "3.11"

_LEFT_OUT = ("test/", "idlelib/", "lib2to3/", "pydoc_data/", "ensurepip/", "EXTERNALLY-MANAGED", "sitecustomize.py")
_SITE = b"import os, site\nsite.addsitedir(os.path.join(os.path.dirname(__file__), 'site-packages'))\n"


@dataclass(frozen=True)
class CondaPackage:
    """One package to be: its index data and its files, each with its bytes, or the target of a link as text."""

    name: str
    version: str
    files: Mapping[str, bytes | str]
    depends: Sequence[str] = ()
    subdir: str = "noarch"
    noarch: str | None = None
    entry_points: Sequence[str] = ()
    programs: frozenset[str] = field(default_factory=frozenset)
    suffix: str = ".tar.bz2"

    @property
    def file_name(self) -> str:
        """Name of its archive."""
        return f"{self.name}-{self.version}-0{self.suffix}"

    def write(self, channel: Path) -> None:
        """Write its archive into a channel, in conda's old format or its new one."""
        path = channel / self.subdir / self.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.suffix == ".tar.bz2":
            path.write_bytes(bz2.compress(self._tar({**self._info(), **self.files}), 1))
            return
        parts = {"info": self._info(), "pkg": self.files}
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
            for part, files in parts.items():
                command = [program("zstd"), "-q", "-3", "-c"]
                packed = subprocess.run(command, input=self._tar(files), stdout=subprocess.PIPE, check=True).stdout
                archive.writestr(f"{part}-{path.name.removesuffix(self.suffix)}.tar.zst", packed)

    def _tar(self, files: Mapping[str, bytes | str]) -> bytes:
        body = io.BytesIO()
        with tarfile.open(fileobj=body, mode="w") as archive:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                info.mtime = 1_700_000_000
                info.mode = 0o755 if path in self.programs else 0o644
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                else:
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return body.getvalue()

    @property
    def index(self) -> dict[str, Any]:
        """What the index of a channel says of it."""
        described = {"name": self.name, "version": self.version, "build": "0", "build_number": 0, "subdir": self.subdir}
        noarch = {"noarch": self.noarch} if self.noarch else {}
        return {**described, "depends": list(self.depends), "license": "see the package", **noarch}

    def _info(self) -> dict[str, bytes]:
        texts: dict[str, Any] = {
            "info/index.json": self.index,
            "info/about.json": {},
            "info/paths.json": {"paths": [self._path(*item) for item in self.files.items()], "paths_version": 1},
        }
        if self.noarch == "python":
            noarch = {"type": "python", "entry_points": list(self.entry_points)}
            texts["info/link.json"] = {"noarch": noarch, "package_metadata_version": 1}
        return {path: json.dumps(text, indent=1).encode() for path, text in texts.items()}

    def _path(self, path: str, content: bytes | str) -> dict[str, Any]:
        if isinstance(content, str):
            empty = hashlib.sha256(b"").hexdigest()
            return {"_path": path, "path_type": "softlink", "sha256": empty, "size_in_bytes": 0}
        described = {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if PLACEHOLDER.encode() in content:
            mode = "binary" if b"\0" in content else "text"
            described |= {"prefix_placeholder": PLACEHOLDER, "file_mode": mode}
        return described


def write_channel(folder: Path, packages: Sequence[CondaPackage]) -> Path:
    """Add packages to the channel in ``folder`` and write its indexes anew."""
    for subdir in {SUBDIR, "noarch"}:
        place = folder / subdir
        place.mkdir(parents=True, exist_ok=True)
        repodata = place / "repodata.json"
        known = json.loads(repodata.read_text()) if repodata.exists() else {"info": {"subdir": subdir}}
        for package in packages:
            if package.subdir == subdir:
                package.write(folder)
                data = (place / package.file_name).read_bytes()
                hashes = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}
                section = "packages" if package.suffix == ".tar.bz2" else "packages.conda"
                known.setdefault(section, {})[package.file_name] = {**package.index, **hashes, "size": len(data)}
        repodata.write_text(json.dumps({"packages": {}, "packages.conda": {}, "repodata_version": 1, **known}))
    return folder


def python_package() -> CondaPackage:
    """The Python of the base image, without what Debian changed about where packages go."""
    files: dict[str, bytes | str] = {}
    version = ""
    with tarfile.open(base_archive(cache_folder())) as base:
        for member in base:
            path = member.name.removeprefix("./").removeprefix("/")
            inside = path.removeprefix(f"usr/lib/python{PYTHON}/")
            is_library = inside != path and "__pycache__" not in path and not inside.startswith(_LEFT_OUT)
            if not member.isfile() or not (is_library or path == f"usr/bin/python{PYTHON}"):
                continue
            content = base.extractfile(member)
            assert content is not None
            data = content.read()
            if inside == "sysconfig.py":
                data = data.replace(b"'posix_local')", b"'posix_prefix')")
                data = data.replace(b"prefix_scheme = 'posix_local'", b"prefix_scheme = 'posix_prefix'")
            elif inside == "LICENSE.txt":
                version = PYTHON
            files[path.removeprefix("usr/")] = data
    assert version, "the base image has no Python of that version"
    # The module `site` is frozen into the interpreter, with the folders of a Debian system.
    files[f"lib/python{PYTHON}/sitecustomize.py"] = _SITE
    files |= {"bin/python3": f"python{PYTHON}", "bin/python": f"python{PYTHON}"}
    config = f"#!/bin/sh\necho {PLACEHOLDER}\n".encode()
    files["bin/python-where"] = config
    programs = frozenset({f"bin/python{PYTHON}", "bin/python-where"})
    return CondaPackage("python", f"{PYTHON}.2", files, subdir=SUBDIR, programs=programs, suffix=".conda")


def wheel_package(requirement: str, depends: Sequence[str] = ("python",)) -> CondaPackage:
    """A wheel from the package index as a conda package: ``noarch: python`` when it is pure, else for this platform."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        versions = ["--python-version", PYTHON, "--implementation", "cp"]
        subprocess.run([*command, *versions, "--disable-pip-version-check", "-d", folder, requirement], check=True)
        (path,) = Path(folder).glob("*.whl")
        return _of_wheel(path, depends)


def _of_wheel(path: Path, depends: Sequence[str]) -> CondaPackage:
    with zipfile.ZipFile(path) as wheel:
        content = {item: wheel.read(item) for item in wheel.namelist() if not item.endswith("/")}
    name, version = path.name.split("-")[:2]
    is_pure = path.stem.endswith("-none-any")
    place = "site-packages" if is_pure else f"lib/python{PYTHON}/site-packages"
    files: dict[str, bytes | str] = {f"{place}/{item}": data for item, data in content.items()}
    scripts = b"".join(data for item, data in content.items() if item.endswith(".dist-info/entry_points.txt"))
    lines = scripts.decode().partition("[console_scripts]\n")[2].partition("[")[0].splitlines()
    return CondaPackage(
        name.lower().replace("_", "-"),
        version,
        files,
        depends,
        subdir="noarch" if is_pure else SUBDIR,
        noarch="python" if is_pure else None,
        entry_points=[line.strip() for line in lines if line.strip()] if is_pure else (),
        suffix=".conda",
    )


def greeting_package(version: str = "1.0", depends: Sequence[str] = ("python",)) -> CondaPackage:
    """A package with the prefix in a script and in a binary table, which the script prints."""
    script = (
        f"#!{PLACEHOLDER}/bin/python\n"
        f"table = open('{PLACEHOLDER}/share/greeting.bin', 'rb').read()\n"
        "print(table.split(b'\\0')[1].decode(), len(table))\n"
    )
    table = b"\x01\0" + f"{PLACEHOLDER}/share".encode() + b"\0\x02\0"
    variables = {"GREETING_HOME": "of the greeting"}
    return CondaPackage(
        "greeting",
        version,
        {
            "bin/greet": script.encode(),
            "share/greeting.bin": table,
            "etc/conda/env_vars.d/greeting.json": json.dumps(variables).encode(),
            "etc/conda/activate.d/greeting.sh": b"export GREETING_ACTIVE=1\n",
        },
        depends,
        subdir=SUBDIR,
        programs=frozenset({"bin/greet"}),
    )
