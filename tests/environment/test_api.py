"""Streams of the engine's API end cleanly."""

from __future__ import annotations

import gc
import io
import tarfile
import threading
import warnings

import docker
import pytest

from jupyter_amltrain.environment.api import EngineApi
from jupyter_amltrain.errors import CanceledException


def _build() -> io.BytesIO:
    text = b"FROM python-base:1\nRUN sleep 30\n"
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    body.seek(0)
    return body


def test_a_stream_given_up_before_its_answer_leaves_no_open_connection(docker_host: str) -> None:
    client = docker.DockerClient(base_url=docker_host)
    try:
        gc.collect()  # what others left
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ResourceWarning)
            stream = EngineApi(client).stream("/build", params={"version": "2"}, body=_build(), canceled=lambda: True)
            with pytest.raises(CanceledException):
                next(stream)
            for thread in threading.enumerate():
                if thread.name == "amltrain-engine-stream":
                    thread.join(60)
            gc.collect()
        assert [str(warning.message) for warning in told if docker_host[7:] in str(warning.message)] == []
    finally:
        client.close()
