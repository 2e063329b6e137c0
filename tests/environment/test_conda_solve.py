"""Which packages a conda specification becomes, where they come from, and what is said when it cannot be."""

from __future__ import annotations

import functools
import http.server
import json
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conda_channel import SUBDIR, CondaPackage, write_channel
from engine.company import FILES, CompanyNetwork
from engine.preparation import BuildLog
from jupyter_amltrain.environment.conda.channels import CondaSettings, channel_addresses, read_conda_settings
from jupyter_amltrain.environment.conda.dependencies import CondaDependencies
from jupyter_amltrain.environment.conda.install import install
from jupyter_amltrain.environment.conda.lock import CondaLock, CondaRequest, stored_lock
from jupyter_amltrain.environment.conda.rattler_use import require_rattler
from jupyter_amltrain.environment.conda.solve import check_specs, locked, plan_request, with_overrides
from jupyter_amltrain.environment.network.host_settings import HostSettings, read_host_settings
from jupyter_amltrain.environment.packages.requirements import Packages, normalised, wanted_packages
from jupyter_amltrain.environment.secrets import mask_url_credentials, take_url_credentials
from jupyter_amltrain.errors import (
    AuthenticationException,
    CanceledException,
    ImageBuildException,
    UserErrorException,
)

PASSWORD = "s3cret-pa55word"
VIRTUAL = {"__unix": "0", "__linux": "5.10", "__glibc": "2.36", "__archspec": "x86_64"}


def package(name: str, version: str, *depends: str) -> CondaPackage:
    return CondaPackage(name, version, {f"share/{name}": version.encode()}, depends, subdir=SUBDIR)


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    old_glibc = package("modern", "1", "__glibc >=99")
    return write_channel(
        tmp_path / "channel",
        [
            package("python", "3.10.1"),
            package("python", "3.11.2"),
            package("left", "1", "python >=3.11"),
            package("right", "1", "python <3.11"),
            package("scipy", "1.11"),
            package("scipy", "1.9"),
            old_glibc,
        ],
    )


def request(*specs: str, channels: tuple[str, ...], platform: str = SUBDIR) -> CondaRequest:
    return plan_request(Packages(conda=specs, channels=channels), CondaSettings(), platform, VIRTUAL, {})


def solved(*specs: str, channels: tuple[str, ...]) -> CondaLock:
    return locked(request(*specs, channels=channels), CondaSettings(), BuildLog())


def refusal(*specs: str, channel: Path) -> str:
    with pytest.raises(UserErrorException) as refused:
        solved(*specs, channels=(channel.as_uri(),))
    return refused.value.message


def test_python_is_there_in_any_case_and_the_newest_that_fits_is_taken(channel: Path) -> None:
    names = {record.file_name for record in solved("scipy", channels=(str(channel),)).records}
    assert names == {"scipy-1.11-0.tar.bz2", "python-3.11.2-0.tar.bz2"}
    names = {record.file_name for record in solved("right", channels=(str(channel),)).records}
    assert names == {"right-1-0.tar.bz2", "python-3.10.1-0.tar.bz2"}


def test_the_first_channel_that_has_a_package_is_the_only_one_for_it(channel: Path, tmp_path: Path) -> None:
    first = write_channel(tmp_path / "first", [package("scipy", "1.0")])
    lock = solved("scipy", channels=(first.as_uri(), channel.as_uri()))
    assert f"{first.as_uri()}/{SUBDIR}/scipy-1.0-0.tar.bz2#sha256:" in lock.text
    lock = solved(f"{channel.as_uri()}::scipy", channels=(first.as_uri(), channel.as_uri()))
    assert f"{channel.as_uri()}/{SUBDIR}/scipy-1.11-0.tar.bz2#sha256:" in lock.text


def test_a_lock_is_kept_whatever_the_order_of_the_packages(channel: Path, amltrain_home: Path) -> None:
    asked = request("scipy", "left", channels=(str(channel),))
    lock = locked(asked, CondaSettings(), BuildLog())
    write_channel(channel, [package("scipy", "1.12")])
    log = BuildLog()
    again = locked(request("left", "scipy", channels=(str(channel),)), CondaSettings(), log)
    assert (again.text, again.digest) == (lock.text, lock.digest)
    assert f"locked before ({lock.digest[:19]}); nothing is solved" in log.text
    assert (amltrain_home / "conda-locks" / f"{asked.key}.txt").read_text() == lock.text
    assert "scipy-1.12" in locked(asked, CondaSettings(), BuildLog(), renew=True).text
    assert "scipy-1.12" in locked(asked, CondaSettings(), BuildLog()).text
    (amltrain_home / "conda-locks" / f"{asked.key}.yml").write_text("version: 7\npackages: [")  # cut short
    assert stored_lock(asked) is None
    assert asked.key != replace(asked, virtual={**VIRTUAL, "__glibc": "2.17"}).key
    assert asked.key == replace(asked, virtual={**VIRTUAL, "__linux": "6.1"}).key


def test_what_cannot_be_solved_is_explained(channel: Path) -> None:
    missing = refusal("scipi", channel=channel)
    assert missing.startswith(f"There is no conda package scipi in the channel {channel.as_uri()} for {SUBDIR}.")
    assert "Did you mean scipy?" in missing
    assert "but not in a version that fits 'scipy 9.*'." in refusal("scipy=9", channel=channel)
    conflict = refusal("left", "right", channel=channel)
    assert conflict.startswith("These conda packages cannot be installed together from the channel file://")
    assert "left" in conflict
    assert "python <3.11" in conflict
    assert "__glibc >=99" in refusal("modern", channel=channel)
    assert "Error" not in conflict


def test_a_package_that_is_not_the_locked_one_is_refused(channel: Path, tmp_path: Path) -> None:
    asked = request("scipy", channels=(channel.as_uri(),))
    lock = locked(asked, CondaSettings(), BuildLog())
    package("scipy", "1.11", "python").write(channel)
    with pytest.raises(ImageBuildException, match=r"cannot be installed: .*SHA-256.* was locked.* --rebuild"):
        install(lock, asked, CondaSettings(), tmp_path / "prefix", BuildLog())


def test_a_download_that_is_not_the_locked_package_is_refused(
    private_channel: str, channel: Path, tmp_path: Path
) -> None:
    asked = request("scipy", channels=(f"http://me:{PASSWORD}@{private_channel}",))
    lock = locked(asked, CondaSettings(), BuildLog())
    package("scipy", "1.11", "python").write(channel)
    with pytest.raises(ImageBuildException, match=r"cannot be installed: .*(?i:hash).* --rebuild solves anew"):
        install(lock, asked, CondaSettings(), tmp_path / "prefix", BuildLog())


def test_solving_is_given_up_when_the_user_does(channel: Path) -> None:
    with pytest.raises(CanceledException):
        locked(request("scipy", channels=(str(channel),)), CondaSettings(), BuildLog(gave_up=True))


@pytest.fixture
def private_channel(channel: Path) -> Iterator[str]:
    """The channel behind a user and a password; its host and port."""
    wanted = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self) -> object:
            if self.headers.get("Authorization") != wanted:
                self.send_error(401)
                return None
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(channel)))
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - of clients that have heard enough
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_credentials_of_a_channel_are_used_and_never_kept(
    private_channel: str, tmp_path: Path, amltrain_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dependencies = CondaDependencies(
        _underlying_structure={
            "channels": [f"http://me:{PASSWORD}@{private_channel}"],
            "dependencies": ["scipy"],
        }
    )
    document, secrets = take_url_credentials(dependencies.as_dict())
    packages = wanted_packages({"conda": document})
    settings = CondaSettings()
    asked = plan_request(packages, settings, SUBDIR, VIRTUAL, secrets)
    log = BuildLog()
    lock = locked(asked, settings, log)
    lock = locked(asked, settings, log)
    install(lock, asked, settings, tmp_path / "prefix", log, prefix="/opt/x")
    assert (tmp_path / "prefix/share/scipy").read_text() == "1.11"
    assert f"http://{private_channel}/{SUBDIR}/scipy-1.11-0.tar.bz2" in lock.text
    kept = [path for folder in (amltrain_home, tmp_path / "prefix") for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in log.text + json.dumps(normalised(packages))

    with pytest.raises(AuthenticationException, match="are needed"):
        plan_request(packages, settings, SUBDIR, VIRTUAL, {})
    with pytest.raises(ImageBuildException, match="A conda channel cannot be read: .*401") as refused:
        locked(
            replace(asked, channels=(f"http://me:wrong-{PASSWORD}@{private_channel}",)),
            settings,
            BuildLog(),
            renew=True,
        )
    assert PASSWORD not in refused.value.message

    monkeypatch.setenv("CHANNEL_USER", "me")
    monkeypatch.setenv("CHANNEL_PASSWORD", PASSWORD)
    named = replace(packages, channels=(f"http://${{CHANNEL_USER}}:${{CHANNEL_PASSWORD}}@{private_channel}",))
    assert plan_request(named, settings, SUBDIR, VIRTUAL, {}).channels == asked.channels


def test_a_channel_that_cannot_be_reached(channel: Path) -> None:
    with pytest.raises(ImageBuildException, match=r"A conda channel cannot be read: .*127.0.0.1:9.*refused.*Correct"):
        solved("scipy", channels=("http://127.0.0.1:9/nobody",))
    with pytest.raises(ImageBuildException, match=r"A conda channel cannot be read: could not find.*nowhere"):
        solved("scipy", channels=("file:///nowhere",))


def test_proxies_of_the_host_and_of_conda_are_used(private_channel: str) -> None:
    asked = request("scipy", channels=(f"http://me:{PASSWORD}@{private_channel}",))
    nobody = "http://127.0.0.1:9"
    host = HostSettings(proxies={"http_proxy": nobody, "no_proxy": "localhost"})
    for settings in (CondaSettings(host=host), CondaSettings(proxies={"http": nobody})):
        with pytest.raises(ImageBuildException, match="A conda channel cannot be read: .*refused"):
            locked(asked, settings, BuildLog())
    direct = HostSettings(proxies={**host.proxies, "no_proxy": "localhost, 127.0.0.1"})
    assert locked(asked, CondaSettings(host=direct), BuildLog()).records


def test_a_channel_of_a_company_is_reached_through_its_proxy_with_its_certificates(
    channel: Path, tmp_path: Path
) -> None:
    with CompanyNetwork(tmp_path / "company") as company:
        paths = [path for path in channel.rglob("*") if path.is_file()]
        company.pages = {f"/team/{path.relative_to(channel)}": path.read_bytes() for path in paths}
        variables = {"HTTPS_PROXY": company.proxy, "SSL_CERT_FILE": str(company.certificates)}
        settings = CondaSettings(host=read_host_settings(variables, root=tmp_path))
        asked = request("scipy", channels=(f"https://{FILES}/team",))
        log = BuildLog()
        install(locked(asked, settings, log), asked, settings, tmp_path / "prefix", log)
        assert (tmp_path / "prefix/share/scipy").read_text() == "1.11"
        assert set(company.asked) == {FILES}
        stranger = CondaSettings(host=read_host_settings({"HTTPS_PROXY": company.proxy}, root=tmp_path))
        with pytest.raises(ImageBuildException, match="cannot be read: .*certificate") as refused:
            locked(asked, stranger, log, renew=True)
        assert company.password not in refused.value.message + log.text


def test_the_token_of_a_channel_is_a_secret() -> None:
    address = "https://conda.example.com/t/tk-123-456-789/team"
    assert mask_url_credentials(address) == "https://conda.example.com/t/***/team"
    clean, secrets = take_url_credentials([address])
    assert clean == ["https://conda.example.com/t/{amltrain-secret-0}/team"]
    packages = Packages(conda=("x",), channels=tuple(clean))
    asked = plan_request(packages, CondaSettings(), SUBDIR, {}, secrets)
    assert asked.channels == (address,)
    assert asked.key == plan_request(replace(packages, channels=("https://conda.example.com/team",)), *_rest()).key


def _rest() -> tuple[CondaSettings, str, dict[str, str], dict[str, str]]:
    return CondaSettings(), SUBDIR, {}, {}


def test_channels_are_found_as_conda_finds_them(tmp_path: Path) -> None:
    plain = CondaSettings()
    alias = "https://conda.anaconda.org"
    own = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
    assert channel_addresses(["conda-forge", "x/label/dev", "conda-forge"], plain) == (
        f"{alias}/conda-forge",
        f"{alias}/x/label/dev",
    )
    assert channel_addresses(["anaconda", "defaults", "nodefaults"], plain) == (f"{alias}/anaconda", *own)
    assert channel_addresses([], plain) == own
    assert channel_addresses(["https://h/c", str(tmp_path), "pkgs/msys2"], plain) == (
        "https://h/c",
        tmp_path.as_uri(),
        "https://repo.anaconda.com/pkgs/msys2",
    )
    weak, strong = tmp_path / "weak", tmp_path / "strong"
    weak.write_text("channel_alias: https://weak.example.com\nchannels: [team]\n")
    strong.write_text(
        "channel_alias: https://conda.example.com/\ndefault_channels: [https://m.example.com/main]\n"
        "custom_channels: {team: https://t.example.com}\ncustom_multichannels: {all: [team, conda-forge]}\n"
        "proxy_servers: {https: 'http://proxy:3128'}\nssl_verify: false\n"
    )
    settings = read_conda_settings([tmp_path / "absent", weak, strong])
    assert channel_addresses([], settings) == ("https://t.example.com/team",)
    assert channel_addresses(["all", "defaults", "team/label/x"], settings) == (
        "https://t.example.com/team",
        "https://conda.example.com/conda-forge",
        "https://m.example.com/main",
        "https://t.example.com/team/label/x",
    )
    assert (settings.proxies, settings.ssl_verify) == ({"https": "http://proxy:3128"}, False)
    weak.write_text("channels: {a: b}\n")
    with pytest.raises(UserErrorException, match="'channels' in conda's configuration must be a list"):
        read_conda_settings([weak])
    weak.write_text("channels: [a\n")
    with pytest.raises(UserErrorException, match=f"configuration file {weak} is not YAML: "):
        read_conda_settings([weak])


def test_what_is_no_conda_package_is_refused() -> None:
    with pytest.raises(UserErrorException, match=r"'numpy >>> 1' is no conda package: .* numpy=1.26"):
        check_specs(Packages(conda=("numpy >>> 1",)))
    check_specs(Packages(conda=("numpy >=1.26,<2", "conda-forge::scipy=1.*", "blas=*=mkl", "a[version='>=1']")))


def test_without_py_rattler_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_rattler(("scipy",))
    monkeypatch.setitem(sys.modules, "rattler", None)  # type: ignore[arg-type]
    with pytest.raises(UserErrorException, match=r"\(scipy\).*pip install 'jupyter_amltrain\[conda\]'"):
        require_rattler(("scipy",))


def test_specifications_that_mean_the_same_are_normalised_alike() -> None:
    def lines(*items: str, channels: tuple[str, ...] = ("a", "b")) -> tuple[str, ...]:
        document = {"name": "x", "channels": list(channels), "dependencies": list(items)}
        return normalised(wanted_packages({"conda": document}))

    assert lines("Scipy >= 1.2, < 2", "blas") == lines("blas", "scipy>=1.2,<2")
    assert lines("foo 1", "x") != lines("foo1", "x")
    assert lines("x=1=Mkl") != lines("x=1=mkl")
    assert lines("x", "python=3.11") != lines("x", "python>=3.11")
    assert lines("x", channels=("a", "b")) != lines("x", channels=("b", "a"))
    assert lines("python=3.11", channels=("a",)) == lines("python=3.11", channels=("b",))


def test_conda_overrides_have_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.4")
    monkeypatch.setenv("CONDA_OVERRIDE_GLIBC", "")
    assert with_overrides({"__glibc": "2.36", "__linux": "6"}) == {"__cuda": "12.4", "__linux": "6"}
