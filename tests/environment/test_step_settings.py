"""Builds behind a company's proxy: steps of every form reach it, and nothing of it stays in the image."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.company import FILES, HELLO, SIX, CompanyNetwork
from engine.preparation import BuildLog, output, prepared
from environment.private import remove_made
from jupyter_amltrain.environment.cell import parse_cell
from jupyter_amltrain.errors import ImageBuildException

BASE = "python-base:1"
FETCH = f"import urllib.request as r; print(r.urlopen('https://{FILES}/hello.txt').read().decode())"
DOCKERFILE = f"""
FROM {BASE} AS first
RUN python -c "{FETCH}" > /shell.txt
RUN ["pip", "--no-cache-dir", "install", "--quiet", "--break-system-packages", "six"]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN python -c "{FETCH}" | tee /bash.txt
FROM first
RUN python -c "{FETCH}" > /second.txt
"""
_NETWORK = re.compile(r"(?i)(PIP|UV)_.*|.*(_CERT|_CERTS|_BUNDLE|_CAINFO)|SSL_CERT_.*|(https?|no|all|ftp)_proxy")


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CompanyNetwork]:
    """A company's network, and a host in it: proxy and index with a password, a CA of its own."""
    for name in [name for name in os.environ if _NETWORK.fullmatch(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with CompanyNetwork(tmp_path / "company") as network:
        index = network.index.replace("://", f"://ada:{network.password}@")
        config = tmp_path / "pip.conf"
        config.write_text(f"[global]\nindex-url = {index}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
        monkeypatch.setenv("HTTPS_PROXY", network.proxy)
        monkeypatch.setenv("SSL_CERT_FILE", str(network.certificates))
        yield network


@pytest.fixture
def client(client: docker.DockerClient) -> Iterator[docker.DockerClient]:
    yield client
    remove_made(client, "behind-a-proxy")


def settings_images(client: docker.DockerClient) -> set[str]:
    return {tag for image in client.images.list("amltrain/settings") for tag in image.tags}


def exported(client: docker.DockerClient, image: str) -> bytes:
    """All that an image is: its files, its configuration and its history."""
    return b"".join(client.api.get_image(image))


def test_steps_of_every_form_reach_it_and_nothing_stays(company: CompanyNetwork, client: docker.DockerClient) -> None:
    log, before = BuildLog(), settings_images(client)
    environment = parse_cell(DOCKERFILE, "dockerfile").environment("behind-a-proxy")
    environment.python.user_managed_dependencies = False
    assert environment.python.conda_dependencies is not None
    environment.python.conda_dependencies.set_pip_requirements(["six"])
    image = prepared(client, environment, log)
    assert output(client, image, "sh", "-c", "cat /shell.txt /bash.txt /second.txt").splitlines() == [HELLO] * 3
    for python in (image.interpreter, "/usr/bin/python3"):
        assert output(client, image, python, "-c", "import six; print(six.__version__)") == f"{SIX}\n"
    content = exported(client, image.reference)
    authority = company.certificates.read_text().splitlines()[1]
    for secret in (company.password, company.proxy_place, "company.test/simple", authority):
        assert secret.encode() not in content
    assert company.password not in log.text
    assert 'RUN ["pip", "--no-cache-dir", "install",' in log.text
    assert "settings.sh" not in log.text
    assert settings_images(client) == before


def test_a_failing_step_in_exec_form_is_named_as_it_stands(
    company: CompanyNetwork, client: docker.DockerClient
) -> None:
    text = f'FROM {BASE}\nRUN ["python", "-c", "import sys; sys.exit(\'{uuid.uuid4().hex}\')"]\n'
    with pytest.raises(ImageBuildException) as failed:
        prepared(client, parse_cell(text, "dockerfile").environment("failing"), BuildLog())
    assert 'at Dockerfile line 2, `RUN ["python", "-c"' in failed.value.message
    assert "settings.sh" not in failed.value.message
