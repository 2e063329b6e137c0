"""Rendering Dockerfiles, and putting host settings into the RUN steps of any."""

from __future__ import annotations

import pytest

from jupyter_amltrain.environment.builder.step_settings import with_settings, without_settings
from jupyter_amltrain.environment.dockerfile import (
    render_dockerfile,
    render_stacked,
    requirements_text,
    unused_options,
)
from jupyter_amltrain.environment.packages.own import MLFLOW
from jupyter_amltrain.environment.packages.requirements import Packages, normalised, wanted_packages

PACKAGES = Packages(
    pip=("six", "idna>=3"), options=("--extra-index-url https://x/simple", "--pre", "--trusted-host x", "--no-deps")
)
SETTINGS = "--mount=type=bind,source=.amltrain,target=/run/amltrain"
UV = (
    ". /run/amltrain/settings.sh && /run/amltrain/uv venv --no-project --python python3 /opt/amltrain/env &&"
    " /run/amltrain/uv pip install --python /opt/amltrain/env/bin/python --index-strategy unsafe-best-match"
    " --prerelease allow --allow-insecure-host x -r /run/amltrain/requirements.txt"
)
LAYER = (
    "if python -B /run/amltrain/in_image.py sees-more; then PIP_BREAK_SYSTEM_PACKAGES=1 python -m pip install"
    " --disable-pip-version-check -r /run/amltrain/requirements.txt; else"
    ' /run/amltrain/uv pip install --python "$(command -v python)" --break-system-packages'
    " --index-strategy unsafe-best-match -r /run/amltrain/requirements.txt; fi"
)
USE = "ENV VIRTUAL_ENV=/opt/amltrain/env PATH=/opt/amltrain/env/bin:$PATH\n"


def test_isolated_with_buildkit() -> None:
    assert render_dockerfile(PACKAGES, base="b:1", interpreter="python3", user="app") == (
        f"FROM b:1\nUSER root\nRUN {SETTINGS} --mount=type=cache,id=amltrain-uv,target=/root/.cache/uv {UV}\n"
        f"{USE}USER app\n"
    )


def test_isolated_with_the_classic_builder_leaves_nothing_of_ours() -> None:
    assert render_dockerfile(PACKAGES, base="b:1", interpreter="python3", builder="classic", stage="s") == (
        f"FROM b:1 AS packages\nLABEL amltrain.stage=s\nCOPY .amltrain /run/amltrain\nRUN {UV}\n"
        f"FROM b:1\nCOPY --from=packages /opt/amltrain/env /opt/amltrain/env\n{USE}"
    )


def test_stacked_installs_what_a_full_build_would_have() -> None:
    assert render_stacked(PACKAGES, below="amltrain/e:0", user="app") == (
        f"FROM amltrain/e:0\nUSER root\nRUN {SETTINGS} --mount=type=cache,id=amltrain-uv,target=/root/.cache/uv"
        " . /run/amltrain/settings.sh && /run/amltrain/uv pip install --python /opt/amltrain/env/bin/python --exact"
        " --upgrade --index-strategy unsafe-best-match --prerelease allow --allow-insecure-host x"
        " -r /run/amltrain/requirements.txt\nUSER app\n"
    )


def test_layered_adds_to_the_interpreter_of_the_image() -> None:
    assert render_dockerfile(Packages(pip=("six",)), base="b:1", interpreter="python", mode="layered") == (
        f"FROM b:1\nRUN {SETTINGS} --mount=type=cache,id=amltrain-uv,target=/root/.cache/uv"
        f" . /run/amltrain/settings.sh && {LAYER}\n"
    )


def test_layered_with_the_classic_builder_copies_what_changed() -> None:
    text = render_dockerfile(
        Packages(pip=("six",)), base="b:1", interpreter="python", user="app", mode="layered", builder="classic"
    )
    assert text == (
        "FROM b:1 AS packages\nLABEL amltrain.stage=\nUSER root\nCOPY .amltrain /run/amltrain\n"
        "RUN . /run/amltrain/settings.sh && python -B /run/amltrain/in_image.py before &&"
        f" {LAYER} && python -B /run/amltrain/in_image.py after\n"
        "FROM b:1\nUSER root\nCOPY --from=packages /run/amltrain/removed.sh /run/amltrain/removed.sh\n"
        "RUN sh /run/amltrain/removed.sh\nCOPY --from=packages /run/amltrain/tree/ /\nUSER app\n"
    )


def test_layered_packages_for_a_version_of_python_check_the_one_of_the_image() -> None:
    packages = Packages(pip=("six",), python="3.8.13")
    text = render_dockerfile(packages, base="b:1", interpreter="python", mode="layered", tool="pip")
    assert "&& python -c 'import sys; sys.version_info[:2] == (3, 8,) or sys.exit(" in text
    assert text.endswith(
        " && PIP_BREAK_SYSTEM_PACKAGES=1 python -m pip install"
        " --disable-pip-version-check -r /run/amltrain/requirements.txt\n"
    )


def test_a_version_of_python_is_asked_of_uv() -> None:
    text = render_dockerfile(Packages(pip=("six",), python="3.8.13"), base="b:1", interpreter="python")
    assert "uv venv --no-project --python '3.8' " in text


def test_pip_where_uv_cannot_run() -> None:
    text = render_dockerfile(Packages(pip=("six",)), base="b:1", interpreter="python", tool="pip")
    assert "python -m venv /opt/amltrain/env && /opt/amltrain/env/bin/python -m pip install" in text
    assert "uv" not in text


def test_options_go_where_uv_takes_them() -> None:
    assert requirements_text(PACKAGES) == "--extra-index-url https://x/simple\nsix\nidna>=3\n"
    assert unused_options(PACKAGES) == ("--no-deps",)


def test_settings_reach_steps_of_every_form() -> None:
    text = (
        'FROM a AS one\nRUN pip install six \\\n  && true\nRUN ["pip", "install", "six"]\nRUN [ -e /x ]\n'
        "RUN --mount=type=cache,target=/c make\nRUN <<EOF\ntrue\nEOF\nRUN <<EOF\n#!/usr/bin/python\nprint()\nEOF\n"
        "RUN cat <<EOF > /x\na\nEOF\nFROM b\nrun  true\n"
    )
    mount = "--mount=type=bind,from=s:1,target=/run/amltrain "
    source = ". /run/amltrain/settings.sh"
    changed = with_settings(text, "s:1")
    assert changed == (
        f"FROM a AS one\nRUN {mount}{source} && pip install six \\\n  && true\n"
        f'RUN {mount}["/bin/sh", "-c", "{source} && exec \\"$@\\"", "sh", "pip", "install", "six"]\n'
        f"RUN {mount}{source} && [ -e /x ]\n"
        f"RUN --mount=type=cache,target=/c {mount}{source} && make\n"
        f"RUN {mount}<<EOF\n{source}; true\nEOF\nRUN <<EOF\n#!/usr/bin/python\nprint()\nEOF\n"
        f"RUN {mount}{source} && cat <<EOF > /x\na\nEOF\nFROM b\nrun  {mount}{source} && true\n"
    )
    assert without_settings(changed) == text
    assert 'RUN ["pip", "install", "six"]\n' in with_settings(text, "s:1", has_shell=False)
    bare = 'FROM scratch\nCOPY x /\nRUN ["/x"]\n'
    assert with_settings(bare, "s:1") == bare


@pytest.mark.parametrize(
    ("shell", "taken"),
    [
        ('["/bin/bash", "-o", "pipefail", "-c"]', True),
        ('["bash", "-lc"]', True),
        ('["conda", "run", "-n", "env", "/bin/bash", "-c"]', True),
        ('["pwsh", "-Command"]', False),
        ('["/bin/csh", "-c"]', False),
        ('["fish", "-c"]', False),
        ('["python", "-c"]', False),
        ("bash -c", False),
    ],
)
def test_a_shell_instruction_decides_until_the_next_image(shell: str, taken: bool) -> None:
    text = f"FROM a AS one\nSHELL {shell}\nRUN one\nFROM one\nRUN two\nFROM b\nRUN three\n"
    changed = with_settings(text, "s:1")
    assert ["settings.sh && one" in changed, "settings.sh && two" in changed] == [taken, taken]
    assert "settings.sh && three" in changed


def test_ten_thousand_steps_are_rewritten_in_one_pass() -> None:
    changed = with_settings("FROM a\n" + "RUN true\n" * 10_000, "s:1")
    assert changed.count("settings.sh && true") == 10_000


def test_wanted_packages_and_their_normal_form() -> None:
    spec = {
        "conda": {
            "dependencies": [
                "python=3.6.2",
                "pip",
                {"pip": ["# why", "", "Scikit_Learn >= 1 # x", "azureml-core~=1.0", "six", "--pre"]},
            ],
            "channels": ["x"],
        }
    }
    packages = wanted_packages(spec)
    assert packages == Packages(
        pip=("Scikit_Learn >= 1", "six"),
        options=("--pre",),
        conda_tools=("pip",),
        channels=("x",),
        notes=("Not installed: azureml-core~=1.0; jobs get the SDK's part from jupyter_amltrain.",),
        way="No conda packages are asked for, only python and pip: pip's packages are installed."
        " Not used: the channel x.",
    )
    assert normalised(packages) == ("pip scikit-learn>=1", "pip six", "option --pre", "python *")
    assert normalised(Packages(pip=("six", "scikit-learn>=1"), options=("--pre",))) == normalised(packages)
    assert not wanted_packages({**spec, "user_managed": True})
    asked = wanted_packages({"conda": {"dependencies": ["python=3.9", "scipy=1.0"]}})
    assert (asked.python, asked.conda) == ("3.9", ("scipy=1.0",))


@pytest.mark.parametrize(
    ("pip", "kept"),
    [
        (["azureml-mlflow==1.42.0", "scikit-learn"], ("scikit-learn", MLFLOW)),
        (["azureml-mlflow", "MLflow==2.9"], ("MLflow==2.9",)),
        (["azureml-dataset-runtime[pandas,fuse]~=1.40"], ("pandas",)),
        (["azureml_dataprep[pandas]", "pandas<2"], ("pandas<2",)),
        (["azureml-dataprep", "azureml-interpret"], ("azureml-interpret",)),
    ],
)
def test_what_scripts_take_from_packages_of_the_sdk_is_installed(pip: list[str], kept: tuple[str, ...]) -> None:
    packages = wanted_packages({"conda": {"dependencies": [{"pip": pip}]}})
    assert packages.pip == kept
    assert pip[0] in packages.notes[0]
