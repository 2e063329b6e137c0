"""Image references, credentials, fingerprints, host settings, build contexts and BuildKit messages, as values."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from jupyter_amltrain.environment.builder.context import context_digest, needed_paths, selected, write_context
from jupyter_amltrain.environment.fingerprint import fingerprint
from jupyter_amltrain.environment.output.buildkit import Vertex, VertexLog, VertexProgress, decode_trace
from jupyter_amltrain.environment.registry.container_registry import (
    credentials_for,
    image_reference,
    registry_of,
    split_reference,
    why_unreachable,
)
from jupyter_amltrain.environment.secrets import mask_url_credentials, put_url_credentials, take_url_credentials
from jupyter_amltrain.errors import UserErrorException


@pytest.mark.parametrize(
    ("image", "address", "reference"),
    [
        ("a", None, "a:latest"),
        ("team/a:2", "r.example.com", "r.example.com/team/a:2"),
        ("team/a", "https://r.example.com/", "r.example.com/team/a:latest"),
        ("r.example.com/team/a", "r.example.com", "r.example.com/team/a:latest"),
        ("other.example.com/a", "r.example.com", "other.example.com/a:latest"),
        ("localhost:5000/a", None, "localhost:5000/a:latest"),
        ("a@sha256:00", None, "a@sha256:00"),
        ("a:1", "docker.io", "a:1"),
        ("sha256:00", "", "sha256:00"),
    ],
)
def test_image_references(image: str, address: str | None, reference: str) -> None:
    assert image_reference(image, address) == reference


def test_parts_of_references() -> None:
    assert [registry_of(image) for image in ("a", "team/a", "localhost:5/a", "R.example.com/a:1")] == [
        "docker.io",
        "docker.io",
        "localhost:5",
        "r.example.com",
    ]
    assert split_reference("localhost:5/a:1") == ("localhost:5/a", "1")
    assert split_reference("a@sha256:00") == ("a", "sha256:00")


def test_credentials_are_shown_to_their_own_registry_only() -> None:
    secrets = {"username": "me", "password": "p"}
    theirs = {"address": "https://r.example.com", "username": "me"}
    assert credentials_for("r.example.com/a:1", theirs, secrets) == (secrets, "")
    assert credentials_for("r.example.com/a:1", {**theirs, "password": "p"}, {}) == (secrets, "")
    assert credentials_for("a:1", None, secrets) == (secrets, "")
    given, note = credentials_for("a:1", theirs, secrets)
    assert given is None
    assert note == "The registry credentials for r.example.com are not used: a:1 comes from docker.io."
    given, note = credentials_for("r.example.com/a:1", {"username": "me"}, secrets)
    assert given is None
    assert note.endswith("address is empty, which is docker.io, and r.example.com/a:1 comes from r.example.com.")
    assert credentials_for("r.example.com/a:1", {"address": "r.example.com"}, None) == (None, "")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            'Get "https://r.ex.com:5/v2/": dial tcp: lookup r.ex.com: no such host',
            "knows no host r.ex.com.",
        ),
        ('Get "https://r.ex.com:5/v2/": dial tcp 1.2.3.4:5: connect: connection refused', "nothing listens at r"),
        (
            'Get "https://r.ex.com:5/v2/": http: server gave HTTP response to HTTPS client',
            "in insecure-registries",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "certs.d/r.ex.com:5/ca",
        ),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)", "did not answer in time"),
        ("unauthorized: authentication required", ""),
        ("manifest for r.ex.com:5/a:1 not found: manifest unknown", ""),
    ],
)
def test_what_a_registry_that_is_not_reached_is_told_by(message: str, words: str) -> None:
    said = why_unreachable("r.ex.com:5", message)
    assert words in said
    assert bool(words) == bool(said)


def test_the_fingerprint_changes_with_every_part() -> None:
    parts = {
        "bases": ["sha256:00", "sha256:01"],
        "dockerfile": "FROM a:1",
        "context": "c",
        "packages": ["pip six"],
        "mode": "isolated",
        "platform": "linux/arm64",
        "builder_version": "1",
    }
    changed = {
        "bases": ["sha256:01", "sha256:00"],
        "dockerfile": "FROM a:2",
        "context": "d",
        "packages": [],
        "mode": "layered",
        "platform": None,
        "builder_version": "2",
    }
    all_prints = {fingerprint(**{**parts, name: value}) for name, value in changed.items()} | {fingerprint(**parts)}  # type: ignore[arg-type]
    assert len(all_prints) == len(changed) + 1


def test_credentials_in_addresses_are_taken_out_and_put_back() -> None:
    value = {"pip": ["--index-url https://u:p@a/simple", "x @ https://t@b/x.whl", "--find-links https://u:p@c"]}
    taken, secrets = take_url_credentials(value)
    assert taken == {
        "pip": [
            "--index-url https://{amltrain-secret-0}@a/simple",
            "x @ https://{amltrain-secret-1}@b/x.whl",
            "--find-links https://{amltrain-secret-0}@c",
        ]
    }
    assert secrets == {"url-0": "u:p", "url-1": "t"}
    assert put_url_credentials(taken, secrets) == value
    assert take_url_credentials(taken) == (taken, {})
    assert mask_url_credentials("see https://u:p@a/x") == "see https://***@a/x"
    assert (
        mask_url_credentials("https://u:p@ss@a/x?to=me@b https://c/d?e=f@g")
        == "https://***@a/x?to=me@b https://c/d?e=f@g"
    )


def test_only_what_is_copied_is_needed() -> None:
    text = "FROM a\nCOPY ./data/a.txt src/*.py /x/\nADD $WHAT /y\n"
    assert needed_paths(text, "/folder") == ("data/a.txt", "src", "")
    assert needed_paths("FROM a\n", None) == ()
    paths = ["data", "data/a.txt", "data/b.txt", "src", "src/m.py", "src2/n.py"]
    assert selected(paths, ["data/a.txt", "src"]) == ["data", "data/a.txt", "src", "src/m.py"]
    assert selected(paths, [""]) == sorted(paths)
    with pytest.raises(UserErrorException, match="line 2 copies 'a', but a Dockerfile given as text has no folder"):
        needed_paths("FROM a\nCOPY a b\n", None)
    with pytest.raises(UserErrorException, match=r"line 2 copies '\.\./a', which lies above"):
        needed_paths("FROM a\nCOPY ../a b\n", "/folder")


def test_the_context_digest_tells_content_and_mode_but_not_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    first = context_digest(str(tmp_path), ["a"])
    os.utime(file, (0, 0))
    assert context_digest(str(tmp_path), ["a"]) == first
    file.chmod(0o755)
    second = context_digest(str(tmp_path), ["a"])
    file.write_text("2")
    assert len({first, second, context_digest(str(tmp_path), ["a"])}) == 3


def test_the_context_carries_files_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("1")
    (tmp_path / "link").symlink_to("sub/a")
    body = io.BytesIO()
    write_context(body, str(tmp_path), ["link", "sub", "sub/a"], {"Dockerfile": b"FROM a\n", ".amltrain/uv": __file__})
    body.seek(0)
    with tarfile.open(fileobj=body) as archive:
        found = {info.name: (info.type, info.uid, info.uname) for info in archive}
        modes = {name: archive.getmember(name).mode for name in ("Dockerfile", ".amltrain/uv")}
    assert found == {
        "link": (tarfile.SYMTYPE, 0, ""),
        "sub": (tarfile.DIRTYPE, 0, ""),
        "sub/a": (tarfile.REGTYPE, 0, ""),
        "Dockerfile": (tarfile.REGTYPE, 0, ""),
        ".amltrain/uv": (tarfile.REGTYPE, 0, ""),
    }
    assert modes == {"Dockerfile": 0o644, ".amltrain/uv": 0o755}


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def test_buildkit_messages_are_decoded() -> None:
    started = field(1, 1_795_309_544) + field(2, 500_000_000)
    vertex = field(1, b"sha256:1") + field(2, b"sha256:0") + field(3, b"[1/2] FROM a") + field(4, 1) + field(5, started)
    progress = field(1, b"layer") + field(2, b"sha256:1") + field(4, 300) + field(5, 1000)
    log = field(1, b"sha256:1") + field(2, started) + field(3, 2) + field(4, b"hi\n")
    message = field(1, vertex) + field(2, progress) + field(3, log) + field(9, b"from the future")
    assert list(decode_trace(message)) == [
        Vertex("sha256:1", "[1/2] FROM a", True, 1_795_309_544.5),
        VertexProgress("sha256:1", "layer", 300, 1000),
        VertexLog("sha256:1", 2, b"hi\n"),
    ]
    with pytest.raises(ValueError, match="in the middle"):
        list(decode_trace(message[:-1]))
