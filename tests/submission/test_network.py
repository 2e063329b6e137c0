"""Jobs behind a company's proxy: this host's network settings reach them, and are written down nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.company import FILES, HELLO, INDEX, SIX, CompanyNetwork
from jupyter_amltrain.environment.spec import Environment
from jupyter_amltrain.errors import UserErrorException
from jupyter_amltrain.runs.experiment import Experiment
from jupyter_amltrain.runs.run import ScriptRun
from jupyter_amltrain.submission.config import ScriptRunConfig
from jupyter_amltrain.workspace import Workspace

DOWNLOAD = f"""
import urllib.request
print(urllib.request.urlopen("https://{FILES}/hello.txt").read().decode())
"""
INSTALL = """
import subprocess, sys
pip = [sys.executable, "-m", "pip", "--quiet", "--no-cache-dir", "install", "--root-user-action=ignore"]
subprocess.run([*pip, "--target", "deps", "six"], check=True)
sys.path.insert(0, "deps")
import six
print("six", six.__version__)
"""
SHOW = """
import os
for name in ("HTTPS_PROXY", "no_proxy", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "SSL_CERT_FILE", "PIP_CERT"):
    print(name, os.environ.get(name))
"""
_NETWORK = re.compile(r"(?i)(PIP|UV)_.*|.*(_CERT|_CERTS|_BUNDLE|_CAINFO)|SSL_CERT_.*|(https?|no|all|ftp)_proxy")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompanyNetwork]:
    with CompanyNetwork(tmp_path_factory.mktemp("company")) as running:
        yield running


@pytest.fixture(autouse=True)
def _bare_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without network settings, as far as variables go."""
    for name in [name for name in os.environ if _NETWORK.fullmatch(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))


@pytest.fixture
def workspace(docker_host: str, amltrain_home: Path) -> Workspace:
    return Workspace.create("company", show_output=False)


def submitted(workspace: Workspace, folder: Path, script: str, **variables: str) -> ScriptRun:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "train.py").write_text(script)
    environment = Environment.from_docker_image("plain", "python-base:1")
    environment.environment_variables = variables
    config = ScriptRunConfig(source_directory=str(source), script="train.py", environment=environment)
    return Experiment(workspace, "company").submit(config)


def files_with(folder: Path, text: str) -> list[str]:
    """The files below a folder that have a text in them."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def log_of(run: ScriptRun, name: str = "70_driver_log.txt") -> str:
    return (run.experiment.workspace.run_folder(run.id) / "azureml-logs" / name).read_text()


def test_a_job_downloads_and_installs_through_the_companys_proxy(
    company: CompanyNetwork, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {company.index}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("https_proxy", company.proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company.certificates))
    run = submitted(workspace, tmp_path, DOWNLOAD + INSTALL)
    run.wait_for_completion()
    assert log_of(run).splitlines() == [HELLO, f"six {SIX}"]
    assert {FILES, INDEX} <= set(company.asked)
    control = log_of(run, "60_control_log.txt")
    assert f"The job is told of this host's proxy http://***@{company.proxy_place}; index {company.index};" in control
    assert files_with(workspace.folder.parents[1], company.password) == []
    assert company.password not in repr(run.get_details())


def test_the_workspaces_setting_wins_and_holds_no_password(
    company: CompanyNetwork, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_INDEX_URL", "https://nowhere.test/simple")
    monkeypatch.setenv("COMPANY_PROXY", company.proxy)
    workspace.set_network(proxy="env:COMPANY_PROXY", index_url=company.index, ca_bundle=company.certificates)
    assert workspace.network == {
        "proxy": "env:COMPANY_PROXY",
        "index_url": company.index,
        "ca_bundle": str(company.certificates),
    }
    mine = {"PIP_CERT": "/mine.pem", "UV_INDEX_URL": "https://mine.test/simple"}
    run = submitted(workspace, tmp_path, DOWNLOAD + SHOW, **mine)
    monkeypatch.setenv("AMLTRAIN_ENGINE", "local")
    environment = Environment("own")
    environment.python.user_managed_dependencies = True
    config = ScriptRunConfig(source_directory=str(tmp_path / "source"), script="train.py", environment=environment)
    local = Experiment(workspace, "company").submit(config)
    for each in (run, local):
        each.wait_for_completion()
    no_proxy = "no_proxy localhost,127.0.0.1,::1"
    assert log_of(run).splitlines() == [
        *(HELLO, f"HTTPS_PROXY {company.proxy}", no_proxy, "PIP_INDEX_URL None", "UV_DEFAULT_INDEX None"),
        *("SSL_CERT_FILE /amltrain/ca.crt", "PIP_CERT /mine.pem"),
    ]
    shown = log_of(local).splitlines()
    assert shown[:3] == [HELLO, f"HTTPS_PROXY {company.proxy}", no_proxy]
    assert shown[3:5] == [f"PIP_INDEX_URL {company.index}", f"UV_DEFAULT_INDEX {company.index}"]
    assert Path(shown[5].partition(" ")[2]).read_bytes() == company.certificates.read_bytes()


def test_one_option_keeps_the_settings_out_of_jobs(
    company: CompanyNetwork, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", company.proxy)
    monkeypatch.setenv("SSL_CERT_FILE", str(company.certificates))
    workspace.set_network(index_url=company.index, jobs=False)
    first = submitted(workspace, tmp_path, SHOW)
    workspace.set_network(index_url=company.index)
    monkeypatch.setenv("AMLTRAIN_JOB_NETWORK_SETTINGS", "0")
    second = submitted(workspace, tmp_path, SHOW)
    for run in (first, second):
        run.wait_for_completion()
        assert [line.split()[1] for line in log_of(run).splitlines()] == ["None"] * 6
        assert "told of" not in log_of(run, "60_control_log.txt")


def test_a_reference_to_nothing_ends_the_run_with_a_sentence(workspace: Workspace, tmp_path: Path) -> None:
    workspace.set_network(proxy="env:AMLTRAIN_NO_SUCH_PROXY")
    run = submitted(workspace, tmp_path, SHOW)
    run.wait_for_completion(raise_on_error=False)
    assert run.get_status() == "Failed"
    assert "refers to the variable AMLTRAIN_NO_SUCH_PROXY, which is not set" in str(run.get_details()["error"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"proxy": "http://ada:hunter2@proxy:3128"}, "holds credentials, and a workspace stores none"),
        ({"index_url": "https://token@index/simple"}, 'index_url="env:COMPANY_INDEX_URL"'),
        ({"proxy": "proxy:3128"}, "is an address like http://server.example.com:3128"),
        ({"proxy": "http://proxy:port"}, "is an address like http://"),
        ({"index_url": 5}, "is an address like http://"),
        ({"extra_index_urls": ["https://a/simple", "file:///here"]}, "extra_index_urls is an address"),
        ({"trusted_hosts": 5}, "trusted_hosts is a list of texts, not 5"),
        ({"ca_bundle": "/no/such.pem"}, "/no/such.pem cannot be read: No such file"),
        ({"ca_bundle": __file__}, "holds no certificate in PEM form"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(amltrain_home: Path, given: dict[str, Any], words: str) -> None:
    workspace = Workspace.create("company", show_output=False)
    workspace.set_network(trusted_hosts="a.test, b.test")
    with pytest.raises(UserErrorException) as caught:
        workspace.set_network(**given)
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message
    assert workspace.network == {"trusted_hosts": ["a.test", "b.test"]}
    workspace.set_network()
    assert workspace.network == {}
