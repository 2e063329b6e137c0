"""A real conda channel in a folder: Debian's Python and wheels from the package index, repacked as conda packages.

No conda channel need be reachable. The packages are what conda makes of such things: ``python`` for this machine's
platform, ``noarch: python`` packages with entry points, and one whose text and binary files have the prefix in them.
"""

from __future__ import annotations

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
from engine.shared import cache_folder

SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}[platform.machine()]
PLACEHOLDER = "/opt/anaconda1anaconda2anaconda3_placehold_placehold_placehold_placehold_placehold_placehold"
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

    @property
    def file_name(self) -> str:
        """Name of its archive."""
        return f"{self.name}-{self.version}-0.tar.bz2"

    def write(self, channel: Path) -> Path:
        """Write its archive into a channel."""
        folder = channel / self.subdir
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / self.file_name, "w:bz2", compresslevel=1) as archive:
            for path, content in {**self._info(), **self.files}.items():
                info = tarfile.TarInfo(path)
                info.mtime = 1_700_000_000
                info.mode = 0o755 if path in self.programs else 0o644
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                else:
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        return folder / self.file_name

    def _info(self) -> dict[str, bytes]:
        index: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": "0",
            "build_number": 0,
            "depends": list(self.depends),
            "subdir": self.subdir,
            "license": "see the package",
        }
        if self.noarch:
            index["noarch"] = self.noarch
        texts: dict[str, Any] = {
            "info/index.json": index,
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
    for package in packages:
        package.write(folder)
    for subdir in {SUBDIR, "noarch"}:
        entries = {}
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / subdir).glob("*.tar.bz2")):
            data = path.read_bytes()
            with tarfile.open(path) as archive:
                member = archive.extractfile("info/index.json")
                assert member is not None
                index = json.load(member)
            hashes = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest()}
            entries[path.name] = {**index, **hashes, "size": len(data)}
        repodata = {"info": {"subdir": subdir}, "packages": entries, "packages.conda": {}, "repodata_version": 1}
        (folder / subdir / "repodata.json").write_text(json.dumps(repodata))
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
    return CondaPackage("python", f"{PYTHON}.2", files, subdir=SUBDIR, programs=programs)


def wheel_package(requirement: str, wheels: Path, depends: Sequence[str] = ("python",)) -> CondaPackage:
    """A pure wheel from the package index as a ``noarch: python`` package."""
    with tempfile.TemporaryDirectory(dir=wheels) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--disable-pip-version-check", "-d", folder, requirement], check=True)
        (path,) = Path(folder).glob("*.whl")
        name, version = path.name.split("-")[:2]
        with zipfile.ZipFile(path) as wheel:
            content = {item: wheel.read(item) for item in wheel.namelist() if not item.endswith("/")}
    scripts = b"".join(data for item, data in content.items() if item.endswith(".dist-info/entry_points.txt"))
    lines = scripts.decode().partition("[console_scripts]\n")[2].partition("[")[0].splitlines()
    files: dict[str, bytes | str] = {f"site-packages/{item}": data for item, data in content.items()}
    entry_points = [line.strip() for line in lines if line.strip()]
    return CondaPackage(name.lower(), version, files, depends, noarch="python", entry_points=entry_points)


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
