"""Looking into an image without running it: which Python is on its PATH, and which C library it has."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import posixpath
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import EngineException
from ...home import home_folder
from ..api import EngineApi

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CACHE_FILE = "interpreters.json"
_CACHE_LIMIT = 500


def find_in_image(api: EngineApi, image_id: str, config: Mapping[str, Any], wanted: str = "python") -> str:
    """``wanted`` when the image has it (on its PATH, or as an absolute path), else ``python3`` for ``python``, else "".

    An image id never changes its content, so the answer is kept.
    """
    cache = home_folder() / _CACHE_FILE
    known = _read_cache(cache)
    key = f"{image_id} {wanted}"
    if key in known:
        return known[key]
    names = ("python", "python3") if wanted == "python" else (wanted,)
    variables = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    folders = [folder for folder in (variables.get("PATH") or DEFAULT_PATH).split(":") if folder]
    with _looked_into(api, image_id) as container:
        found = next((name for name in names if _has_program(api, container, name, folders)), "")
    _write_cache(cache, {**known, key: found})
    return found


def is_musl(api: EngineApi, image_id: str) -> bool:
    """Whether an image is built on musl (Alpine), where programs made for glibc, such as our uv, cannot run."""
    with _looked_into(api, image_id) as container:
        return any(
            _stat(api, container, f"/lib/ld-musl-{machine}.so.1") is not None for machine in ("x86_64", "aarch64")
        )


def glibc_version(api: EngineApi, image_id: str, machine: str = "x86_64") -> str:
    """The version of an image's GNU C library, such as ``2.36``; "" when it is not where distributions put it."""
    cache = home_folder() / _CACHE_FILE
    known = _read_cache(cache)
    key = f"{image_id} glibc"
    if key not in known:
        places = (f"/lib/{machine}-linux-gnu", f"/usr/lib/{machine}-linux-gnu", "/lib64", "/usr/lib64", "/lib")
        with _looked_into(api, image_id) as container:
            found = (_glibc_in(api, container, f"{place}/libc.so.6") for place in places)
            known[key] = next(filter(None, found), "")
        _write_cache(cache, known)
    return known[key]


def _glibc_in(api: EngineApi, container: str, path: str) -> str:
    described = _stat(api, container, path)
    if described is None:
        return ""
    target = posixpath.join(posixpath.dirname(path), str(described.get("linkTarget") or path))
    status, body = api.get_bytes("/containers/{0}/archive", container, params={"path": target})
    if status != 200:
        return ""
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        file = archive.extractfile(next(iter(archive)))
        version = re.search(rb"GNU C Library [^\0]*? version (\d+\.\d+)", file.read() if file else b"")
    return version[1].decode() if version else ""


def _has_program(api: EngineApi, container: str, name: str, folders: list[str]) -> bool:
    paths = [name] if "/" in name else [posixpath.join(folder, name) for folder in folders]
    return any(_is_program(_stat(api, container, path)) for path in paths)


def _is_program(found: Mapping[str, Any] | None) -> bool:
    # Links are taken at their word: where they lead may lie outside what a stopped container shows.
    return found is not None and (bool(found.get("linkTarget")) or bool(int(found.get("mode", 0)) & stat.S_IXUSR))


def _stat(api: EngineApi, container: str, path: str) -> Mapping[str, Any] | None:
    status, headers = api.head("/containers/{0}/archive", container, params={"path": path})
    encoded = headers.get("X-Docker-Container-Path-Stat")
    if status != 200 or not encoded:
        return None
    found: dict[str, Any] = json.loads(base64.b64decode(encoded))
    return found


@contextlib.contextmanager
def _looked_into(api: EngineApi, image_id: str) -> Iterator[str]:
    """A container of the image, created and never started."""
    status, answer = api.post(
        "/containers/create",
        json={"Image": image_id, "Cmd": ["-"], "Labels": {"amltrain.probe": "1"}, "NetworkDisabled": True},
    )
    if status != 201:
        raise EngineException(f"The image {image_id} cannot be looked into: {(answer or {}).get('message', answer)}.")
    try:
        yield answer["Id"]
    finally:
        api.delete("/containers/{0}", answer["Id"], params={"force": "1", "v": "1"})


def known_answer(key: str) -> str | None:
    """What was found out about an image before; None when nobody has asked yet."""
    return _read_cache(home_folder() / _CACHE_FILE).get(key)


def remember_answer(key: str, answer: str) -> None:
    """Keep an answer about an image, which never changes its content."""
    cache = home_folder() / _CACHE_FILE
    _write_cache(cache, {**_read_cache(cache), key: answer})


def _read_cache(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or broken: look again
        return {}
    return known if isinstance(known, dict) else {}


def _write_cache(path: Path, known: Mapping[str, str]) -> None:
    kept = dict(list(known.items())[-_CACHE_LIMIT:])
    partial = path.with_name(f"{path.name}.{id(known)}")
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not correctness
        partial.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        partial.replace(path)
