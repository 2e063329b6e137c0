"""Job → the request that makes its container, as whole values; and exit codes in words."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from jupyter_amltrain.engines.containers import EngineFacts, container_request, network_settings
from jupyter_amltrain.engines.exits import explain_exit, explain_memory
from jupyter_amltrain.engines.frames import demultiplex, demultiplex_log
from jupyter_amltrain.submission.job import Job, Mount, Resources

JOB = Job(
    run_id="pets_1_a",
    image="sha256:1234",
    command=("python", "/amltrain/job/launch.py", "train.py"),
    working_dir="/amltrain/run/code",
    environment={"SEED": "1"},
    mounts=(Mount("/h/work", "/amltrain/run"), Mount("/h/job", "/amltrain/job", read_only=True)),
    resources=Resources(cpus=1.5, memory_bytes=1 << 30, shm_bytes=1 << 20, pids=99, gpus=2),
    network_mode="none",
    user="1000:1000",
    labels={"amltrain.run": "pets_1_a"},
)
DOCKER = EngineFacts("id")


@pytest.fixture(autouse=True)
def _caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)


def test_everything_a_job_asks_for() -> None:
    assert container_request(JOB, DOCKER, "ada") == {
        "Image": "sha256:1234",
        "Entrypoint": ["python"],
        "Cmd": ["/amltrain/job/launch.py", "train.py"],
        "WorkingDir": "/amltrain/run/code",
        "Env": ["USER=ada", "LOGNAME=ada", "HOME=/amltrain/run/home", "SEED=1"],
        "User": "1000:1000",
        "Labels": {"amltrain.run": "pets_1_a"},
        "AttachStdout": True,
        "AttachStderr": True,
        "AttachStdin": False,
        "OpenStdin": False,
        "Tty": False,
        "HostConfig": {
            "Init": True,
            "Mounts": [
                {"Type": "bind", "Source": "/h/work", "Target": "/amltrain/run", "ReadOnly": False},
                {"Type": "bind", "Source": "/h/job", "Target": "/amltrain/job", "ReadOnly": True},
            ],
            "ShmSize": 1 << 20,
            "LogConfig": {"Type": "local", "Config": {"max-size": "1024g", "max-file": "2", "compress": "false"}},
            "NanoCpus": 1_500_000_000,
            "Memory": 1 << 30,
            "MemorySwap": 1 << 30,
            "PidsLimit": 99,
            "DeviceRequests": [{"Driver": "", "Count": 2, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}],
            "NetworkMode": "none",
            "SecurityOpt": ["no-new-privileges"],
        },
    }


def test_a_plain_job_asks_for_no_limits() -> None:
    plain = replace(JOB, resources=Resources(), network_mode=None, mounts=())
    host = container_request(plain, DOCKER, "ada")["HostConfig"]
    assert host == {
        "Init": True,
        "Mounts": [],
        "ShmSize": 2 << 30,
        "LogConfig": host["LogConfig"],
        "SecurityOpt": ["no-new-privileges"],
    }


def test_a_rootless_engine_maps_the_caller_to_root() -> None:
    request = container_request(JOB, replace(DOCKER, rootless=True), "ada")
    assert request["User"] == "0:0"
    assert not any(variable.startswith("HOME=") for variable in request["Env"])


def test_a_rootless_podman_keeps_the_callers_number() -> None:
    request = container_request(JOB, replace(DOCKER, rootless=True, kind="podman"), "ada")
    assert request["User"] == "1000:1000"
    assert request["HostConfig"]["UsernsMode"] == "keep-id"
    assert request["HostConfig"]["LogConfig"]["Type"] == "k8s-file"


def test_selinux_labels_are_set_aside() -> None:
    host = container_request(JOB, replace(DOCKER, selinux=True), "ada")["HostConfig"]
    assert host["SecurityOpt"] == ["no-new-privileges", "label=disable"]


def test_root_keeps_the_home_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert container_request(JOB, DOCKER, "root")["Env"] == ["USER=root", "LOGNAME=root", "SEED=1"]


@pytest.mark.parametrize(
    ("mode", "variable", "fact", "expected"),
    [
        ("none", "host", "host", "none"),
        (None, "host", None, "host"),
        (None, None, "host", "host"),
        (None, None, None, None),
    ],
)
def test_the_nearest_network_setting_wins(
    monkeypatch: pytest.MonkeyPatch, mode: str | None, variable: str | None, fact: str | None, expected: str | None
) -> None:
    if variable:
        monkeypatch.setenv("AMLTRAIN_NETWORK", variable)
    request = container_request(replace(JOB, network_mode=mode), replace(DOCKER, network=fact), "ada")
    assert request["HostConfig"].get("NetworkMode") == expected


def test_the_images_own_settings_come_before_the_hosts() -> None:
    host = {"HTTPS_PROXY": "http://p:1", "https_proxy": "http://p:1", "PIP_INDEX_URL": "i", "UV_DEFAULT_INDEX": "i"}
    job = replace(JOB, network_mode="host", defaults={**host, "SSL_CERT_FILE": "/amltrain/ca.crt"})
    assert network_settings(job, DOCKER, ["PATH", "https_proxy", "UV_INDEX_URL"]) == (
        {"SSL_CERT_FILE": "/amltrain/ca.crt"},
        "",
    )
    request = container_request(job, DOCKER, "ada", settings={"PIP_INDEX_URL": "i"})
    assert request["Env"] == ["USER=ada", "LOGNAME=ada", "PIP_INDEX_URL=i", "HOME=/amltrain/run/home", "SEED=1"]


def test_this_machines_own_address_is_another_one_in_a_container() -> None:
    proxy = "http://me:secret@127.0.0.1:3128"
    job = replace(JOB, network_mode=None, defaults={"HTTPS_PROXY": proxy, "https_proxy": proxy, "PIP_INDEX_URL": "i"})
    settings, note = network_settings(job, DOCKER, ())
    assert settings == {"PIP_INDEX_URL": "i"}
    assert note.startswith("http://***@127.0.0.1:3128 is this machine's own address, which is another one inside")
    assert network_settings(job, replace(DOCKER, network="host"), ()) == (job.defaults, "")
    assert network_settings(replace(job, network_mode="none"), DOCKER, ()) == ({}, "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit code 1"),
        (125, "could not start the container"),
        (126, "may not be executed"),
        (127, "was not found in the image"),
        (135, "shm"),
        (137, "killed from outside"),
        (139, "segmentation fault"),
        (143, "the engine is stopped"),
    ],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    said = explain_exit(code, place="image")
    assert words in said
    assert str(code) in said


def test_a_job_killed_for_memory_names_its_limit() -> None:
    words = explain_memory(8_000_000_000)
    assert words.startswith("The job was killed for memory: it reached its limit of 8.0 GB (peak 8.0 GB)")


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_of_any_chunking(size: int) -> None:
    raw = frame(1, b"one\n") + frame(2, b"two") + frame(1, b"") + frame(1, b"three\n") + frame(1, b"four\n")
    joined = {"stdout": b"", "stderr": b""}
    for name, data in demultiplex(raw[at : at + size] for at in range(0, len(raw), size)):
        joined[name] += data
    assert joined == {"stdout": b"one\nthree\nfour\n", "stderr": b"two"}


def test_a_log_read_again_has_the_newlines_of_long_lines() -> None:
    long = b"x" * 16384
    raw = frame(1, b" " + long) + frame(1, b" rest") + frame(1, b" next\n")
    assert b"".join(data for _, data in demultiplex_log([raw])) == long + b"rest\nnext\n"
