"""Network settings of a host: variables, and the files of pip, uv and Docker's client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_amltrain.environment.network.host_config import pip_options, system_certificates, uv_variables
from jupyter_amltrain.environment.network.host_settings import (
    HostSettings,
    is_loopback,
    not_overridden,
    read_host_settings,
    without_credentials,
    workspace_settings,
)

LOCAL = "localhost,127.0.0.1,::1"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A bare host: its root, with a home folder in it."""
    made = tmp_path / "home"
    made.mkdir()
    return made


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(home: Path, over: dict[str, Any] | None = None, **environ: str) -> HostSettings:
    return read_host_settings({"HOME": str(home), **environ}, over, home.parent)


def both(**proxies: str) -> dict[str, str]:
    return {case: value for name, value in proxies.items() for case in (name, name.lower())}


def test_variables_come_before_pips_files(home: Path) -> None:
    bundle = write(home / "ca.pem", CERTIFICATE)
    write(
        home / ".config/pip/pip.conf",
        "[global]\nindex-url = https://u:p@index/simple\nextra-index-url = file:///local\n  https://more/simple\n"
        f"cert = {bundle}\n[install]\ntimeout = 9\n",
    )
    settings = read(home, https_proxy="http://proxy:3128", PIP_DEFAULT_TIMEOUT="60")
    assert settings == HostSettings(
        proxies=both(HTTPS_PROXY="http://proxy:3128", NO_PROXY=LOCAL),
        variables={
            "PIP_DEFAULT_TIMEOUT": "60",
            "PIP_EXTRA_INDEX_URL": "https://more/simple",
            "PIP_INDEX_URL": "https://u:p@index/simple",
            "UV_DEFAULT_INDEX": "https://u:p@index/simple",
            "UV_HTTP_TIMEOUT": "60",
            "UV_INDEX": "https://more/simple",
        },
        ca_bundle=CERTIFICATE,
        ca_origin=str(bundle),
    )
    files = settings.files()
    assert files["ca.crt"] == CERTIFICATE
    assert b"export SSL_CERT_FILE=/run/amltrain/ca.crt\n" in files["settings.sh"]
    assert b"export PIP_INDEX_URL=https://u:p@index/simple\n" in files["settings.sh"]
    assert settings.private
    assert settings.described() == (
        "proxy http://proxy:3128",
        "index https://***@index/simple, https://more/simple",
        f"certificates of {bundle}",
    )
    assert "u:p" not in repr(settings)
    assert not read(home, PIP_CONFIG_FILE="/dev/null")


def test_all_places_of_pips_files_in_pips_order(home: Path) -> None:
    root = home.parent
    places = [
        *(root / "etc/xdg/pip/pip.conf", root / "etc/pip.conf"),
        *(home / ".pip/pip.conf", home / ".config/pip/pip.conf", root / "named.conf"),
    ]
    for number, path in enumerate(places):
        write(path, f"[global]\nindex_url = https://{number}\nkey{number} = x\n")
    environ = {"HOME": str(home), "PIP_CONFIG_FILE": str(root / "named.conf")}
    found = pip_options(environ, root)
    assert found == {"index-url": "https://4", **{f"key{number}": "x" for number in range(5)}}
    write(places[3], b"\xff no configuration")
    assert pip_options(environ, root)["index-url"] == "https://4"
    assert pip_options({**environ, "XDG_CONFIG_HOME": str(root / "elsewhere")}, root).keys() == found.keys() - {"key3"}


def test_a_proxy_that_only_pip_knows_is_everybodys(home: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\nproxy = proxy:3128\n")
    assert read(home).proxies == both(HTTP_PROXY="proxy:3128", HTTPS_PROXY="proxy:3128", NO_PROXY=LOCAL)
    settings = read(home, HTTPS_PROXY="http://other:1", NO_PROXY=".corp,localhost")
    assert settings.proxies == both(HTTPS_PROXY="http://other:1", NO_PROXY=".corp,localhost,127.0.0.1,::1")
    assert read(home, HTTPS_PROXY="http://other:1", NO_PROXY="*").proxies["no_proxy"] == "*"


def test_uvs_files_and_tables(home: Path) -> None:
    root = home.parent
    write(root / "etc/uv/uv.toml", 'index-url = "https://system/simple"\nno-proxy = ["a", "b"]\n')
    write(
        home / ".config/uv/uv.toml",
        'https-proxy = "http://proxy:1"\nallow-insecure-host = ["h:1"]\n'
        '[[index]]\nname = "corp"\nurl = "https://corp/simple"\n'
        '[[index]]\nurl = "https://torch/simple"\nexplicit = true\n'
        '[[index]]\nurl = "https://main/simple"\ndefault = true\n'
        '[pip]\nextra-index-url = ["https://pip/simple"]\n',
    )
    assert uv_variables({"HOME": str(home)}, root) == (
        {
            "UV_DEFAULT_INDEX": "https://main/simple",
            "UV_INDEX": "https://pip/simple https://corp/simple",
            "UV_INSECURE_HOST": "h:1",
            "HTTPS_PROXY": "http://proxy:1",
            "NO_PROXY": "a,b",
        },
        "",
    )
    settings = read(home, UV_INDEX="corp=https://named/simple")
    assert settings.proxies == both(HTTPS_PROXY="http://proxy:1", NO_PROXY=f"a,b,{LOCAL}")
    assert settings.variables == {
        "UV_DEFAULT_INDEX": "https://main/simple",
        "PIP_INDEX_URL": "https://main/simple",
        "UV_INDEX": "corp=https://named/simple",
        "PIP_EXTRA_INDEX_URL": "https://named/simple",
        "UV_INSECURE_HOST": "h:1",
        "PIP_TRUSTED_HOST": "h:1",
    }
    assert read(home, UV_INDEX_URL="https://env/simple").variables["PIP_INDEX_URL"] == "https://env/simple"
    named = write(root / "named.toml", 'find-links = ["/here", "https://links"]\n')
    assert uv_variables({"UV_CONFIG_FILE": str(named)}, root) == ({"UV_FIND_LINKS": "/here,https://links"}, "")
    assert read(home, UV_CONFIG_FILE=str(named)).variables == {
        "UV_FIND_LINKS": "https://links",
        "PIP_FIND_LINKS": "https://links",
    }
    assert uv_variables({"UV_NO_CONFIG": "1", "HOME": str(home)}, root) == ({}, "")
    write(named, "index-url = \n")
    assert read(home, UV_CONFIG_FILE=str(named)).notes[0].startswith(f"{named} is not read: ")


def test_dockers_proxies_for_containers_come_first(home: Path) -> None:
    write(
        home / ".docker/config.json",
        json.dumps({"proxies": {"default": {"httpsProxy": "http://172.17.0.1:3128", "noProxy": ".corp"}}}),
    )
    settings = read(home, HTTPS_PROXY="http://127.0.0.1:3128")
    assert settings.proxies == both(HTTPS_PROXY="http://172.17.0.1:3128", NO_PROXY=f".corp,{LOCAL}")
    write(home / ".docker/config.json", "[]")
    assert read(home, HTTPS_PROXY="http://p:1").proxies == both(HTTPS_PROXY="http://p:1", NO_PROXY=LOCAL)


def test_certificates_that_were_added_to_this_system(home: Path) -> None:
    root = home.parent
    bundle = write(root / "etc/ssl/certs/ca-certificates.crt", CERTIFICATE * 2)
    assert (system_certificates(root), read(home).ca_bundle) == (None, b"")
    write(root / "usr/local/share/ca-certificates/company.crt", CERTIFICATE)
    assert read(home).ca_origin == str(bundle)
    assert read(home, {"ca_bundle": ""}).ca_bundle == b""
    key = b"-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
    mixed = write(home / "mixed.pem", key + CERTIFICATE + key + CERTIFICATE)
    assert read(home, SSL_CERT_FILE=str(mixed)).ca_bundle == CERTIFICATE * 2
    assert read(home, SSL_CERT_FILE=str(home / "missing.pem")).ca_origin == str(bundle)


def test_a_workspaces_setting_comes_before_all(home: Path) -> None:
    write(home / ".config/pip/pip.conf", "[global]\nindex-url = https://host/simple\nextra-index-url = https://x\n")
    host = {"HTTPS_PROXY": "http://host:1", "ALL_PROXY": "socks5://host:2", "UV_INSECURE_HOST": "u"}
    over = {"proxy": "env:P", "no_proxy": ".ws", "index_url": "https://ws/simple", "trusted_hosts": []}
    settings = read(home, over, **host, P="http://me:pw@ws:3")
    assert settings.proxies == both(
        HTTP_PROXY="http://me:pw@ws:3", HTTPS_PROXY="http://me:pw@ws:3", NO_PROXY=f".ws,{LOCAL}"
    )
    assert settings.variables == {"PIP_INDEX_URL": "https://ws/simple", "UV_DEFAULT_INDEX": "https://ws/simple"}
    assert read(home, {"proxy": ""}, **host).proxies == {}
    assert read(home, {"extra_index_urls": ["https://a", "https://b"]}).variables["PIP_EXTRA_INDEX_URL"] == (
        "https://a https://b"
    )
    assert workspace_settings({"index_url": "https://ws/simple"}, {}).variables["PIP_INDEX_URL"] == "https://ws/simple"
    assert workspace_settings({}, host) == HostSettings()


def test_credentials_of_named_indexes_are_private(home: Path) -> None:
    settings = read(home, UV_INDEX="corp=https://corp/simple", UV_INDEX_CORP_PASSWORD="pw", UV_INDEX_CORP_USERNAME="me")
    assert settings.variables["UV_INDEX_CORP_PASSWORD"] == "pw"
    assert settings.private
    assert "pw" not in str(settings.described())


@pytest.mark.parametrize(
    ("address", "own", "shown"),
    [
        ("http://localhost:3128", True, "http://localhost:3128"),
        ("127.0.1.1:80", True, "127.0.1.1:80"),
        ("me:p/w@127.0.0.1:3128", True, "***@127.0.0.1:3128"),
        ("http://me:pw@127.0.0.1:3128/", True, "http://***@127.0.0.1:3128/"),
        ("http://[::1]:8080", True, "http://[::1]:8080"),
        ("corp=http://devpi.localhost/simple", True, "http://devpi.localhost/simple"),
        ("http://localhost.example.com", False, "http://localhost.example.com"),
        ("http://proxy:3128", False, "http://proxy:3128"),
        ("", False, ""),
    ],
)
def test_addresses(address: str, own: bool, shown: str) -> None:
    assert is_loopback(address) == own
    assert without_credentials(address) == shown


def test_who_sets_one_name_means_all_names_of_the_thing() -> None:
    host = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "SSL_CERT_FILE"), "x")
    assert not_overridden(host, ["https_proxy"]).keys() == host.keys() - {"HTTPS_PROXY", "https_proxy"}
    assert not_overridden(host, ["UV_INDEX_URL", "PIP_CERT"]).keys() == {"HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE"}
