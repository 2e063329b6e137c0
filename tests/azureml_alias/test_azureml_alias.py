"""``azureml.…`` resolves here, with every public path of the real SDK, and never in place of the real one."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import jupyter_amltrain
from jupyter_amltrain.azureml import Finder, install
from jupyter_amltrain.azureml.names import PLACES, TARGETS

ROOT = Path(__file__).parents[2]

# Module → name → releases of azureml-core that have it, read off the real packages: 1.61 by importing every public
# module, 1.16 from its source.
PUBLIC = json.loads((Path(__file__).parent / "public_paths.json").read_text())

# Served beyond that list: parents, azureml-widgets, azureml-telemetry, and what is not a class.
BEYOND = {
    "azureml": set(),
    "azureml._common": set(),
    "azureml.core": {"VERSION", "get_run"},
    "azureml.core.environment": {"DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE", "DockerBuildContext"},
    "azureml.core.image": set(),
    "azureml.core.run": {"get_run"},
    "azureml.core.runconfig": {"DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE"},
    "azureml.core.webservice": set(),
    "azureml.data": set(),
    "azureml.exceptions": {"ExperimentNotFoundException", "VERSION"},
    "azureml.telemetry": {"set_diagnostics_collection"},
    "azureml.widgets": {"RunDetails"},
    "azureml.widgets.run_details": {"RunDetails"},
}


def ours(name: str) -> object:
    module, _, attribute = TARGETS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_path_of_the_sdk_gives_the_same_class(module: str) -> None:
    served = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert getattr(served, name) is ours(name)


def test_nothing_else_is_served() -> None:
    served = {module: set(names.split()) for module, names in PLACES.items()}
    assert served == {module: {*PUBLIC.get(module, ()), *BEYOND.get(module, ())} for module in {*PUBLIC, *BEYOND}}
    assert set().union(*served.values()) == set(TARGETS)


def test_the_imports_of_the_article() -> None:
    from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.core.compute_target import ComputeTargetException

    from jupyter_amltrain import errors

    assert ComputeTargetException is errors.ComputeTargetException
    assert [Environment, Experiment, ScriptRunConfig, Workspace, AmlCompute, ComputeTarget] == [
        getattr(jupyter_amltrain, name)
        for name in ("Environment", "Experiment", "ScriptRunConfig", "Workspace", "AmlCompute", "ComputeTarget")
    ]


def test_submodules_are_there_after_importing_the_package_as_in_the_sdk() -> None:
    import azureml.core

    assert azureml.core.compute.amlcompute.AmlCompute is jupyter_amltrain.AmlCompute
    assert azureml.core.__version__ == azureml.core.VERSION
    assert jupyter_amltrain.__version__ in azureml.core.VERSION


def test_telemetry_can_be_switched_on_and_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from azureml.telemetry import set_diagnostics_collection

    assert set_diagnostics_collection(send_diagnostics=True) is None
    assert capsys.readouterr() == ("", "")


def test_star_import_reload_inspect_and_pickle() -> None:
    import azureml.core

    namespace: dict[str, object] = {}
    exec("from azureml.core import *", namespace)
    assert namespace["Workspace"] is jupyter_amltrain.Workspace
    assert set(azureml.core.__all__) <= namespace.keys()
    again = importlib.reload(azureml.core)
    assert again is azureml.core
    assert again.Workspace is jupyter_amltrain.Workspace
    assert dict(inspect.getmembers(azureml.core))["Experiment"] is jupyter_amltrain.Experiment
    assert pickle.loads(pickle.dumps(azureml.core.Environment)) is jupyter_amltrain.Environment


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "from azureml.core import Image",
            "azureml.core.Image is not in it. Where Microsoft's own SDK is installed",
        ),
        ("from azureml.core import Enviroment", "Did you mean 'Environment'?"),
        ("from azureml.core import AmlCompute", "It can be imported from azureml.core.compute."),
        ("from azureml import Workspace", "It can be imported from azureml.core."),
        ("from azureml.core.compute import AksCompute", "azureml.core.compute.AksCompute is not in it"),
        ("from azureml.data import DatacacheStore", "azureml.data.DatacacheStore is not in it"),
        ("import azureml.train.dnn", "azureml.train is not in it"),
        ("from azureml.pipeline.core import Pipeline", "azureml.pipeline is not in it"),
    ],
)
def test_a_name_that_is_not_here_fails_with_a_sentence(statement: str, words: str) -> None:
    with pytest.raises(ImportError, match="jupyter_amltrain re-creates a part of the Azure ML SDK") as caught:
        exec(statement)
    assert words in str(caught.value)


def test_attributes_that_are_not_here() -> None:
    import azureml.core

    assert not hasattr(azureml.core, "Image")
    assert not hasattr(azureml.core, "__wrapped__")
    with pytest.raises(AttributeError, match=r"azureml\.core\.Keyvault is not in it"):
        _ = azureml.core.Keyvault


def test_probing_for_the_sdk_as_libraries_do() -> None:
    spec = importlib.util.find_spec("azureml.core.run")
    assert spec is not None
    assert spec.origin == "jupyter_amltrain"
    assert importlib.util.find_spec("azureml_of_somebody_else") is None


def test_install_twice_adds_one_finder_and_it_stands_last() -> None:
    install()
    served_by = [getattr(finder, "serves", None) for finder in sys.meta_path]
    assert served_by.count(Finder.serves) == 1


def test_authentication_is_accepted_and_keeps_no_secret() -> None:
    from azureml.core.authentication import InteractiveLoginAuthentication, ServicePrincipalAuthentication
    from azureml.exceptions import AuthenticationException

    principal = ServicePrincipalAuthentication("tenant", "id", service_principal_password="hunter2")
    assert "hunter2" not in repr(principal) + str(vars(principal))
    with pytest.raises(AuthenticationException, match="without an account"):
        InteractiveLoginAuthentication(tenant_id="t", force=True).get_authentication_header()


def in_fresh_python(code: str, *folders: Path) -> str:
    """What a new interpreter prints that has ``folders`` on its path."""
    search = f"import sys; sys.path[:0] = {[str(ROOT), *map(str, folders)]!r}\n"
    done = subprocess.run([sys.executable, "-c", search + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_package(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


EXTENDS_PATH = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import jupyter_amltrain; print([n for n in sys.modules if n.startswith('azureml') or 'azureml.' in n])"
    assert in_fresh_python(code) == "[]"


def test_a_real_sdk_wins_and_is_not_mixed_with_ours(tmp_path: Path) -> None:
    real = make_package(
        tmp_path,
        {
            "azureml/__init__.py": EXTENDS_PATH,
            "azureml/core/__init__.py": "class Workspace: 'the real one'\n",
        },
    )
    code = """
import jupyter_amltrain
from azureml.core import Workspace
print(Workspace.__doc__)
for statement in ("from azureml.core import Environment", "from azureml.widgets import RunDetails"):
    try:
        exec(statement)
    except ImportError as error:
        print(type(error).__name__, "jupyter_amltrain" in str(error))
"""
    assert in_fresh_python(code, real).splitlines() == [
        "the real one",
        "ImportError False",
        "ModuleNotFoundError False",
    ]


@pytest.mark.parametrize("init", [EXTENDS_PATH, None], ids=["package", "namespace"])
def test_a_real_part_without_core_keeps_what_it_has(tmp_path: Path, init: str | None) -> None:
    files = {"azureml/mlflow/__init__.py": "x = 'real'\n"} | ({"azureml/__init__.py": init} if init else {})
    code = """
import azureml.mlflow
import jupyter_amltrain
import azureml.core
from azureml.core import Workspace
from azureml.widgets import RunDetails
print(azureml.mlflow.x, azureml.__spec__.origin == "jupyter_amltrain", Workspace is jupyter_amltrain.Workspace)
try:
    import azureml.train
except ImportError as error:
    print(error)
"""
    first, second = in_fresh_python(code, make_package(tmp_path, files)).splitlines()
    assert first == "real False True"
    assert "azureml.train is not in it" in second


def test_a_real_sdk_that_was_imported_before(tmp_path: Path) -> None:
    real = make_package(tmp_path, {"azureml/__init__.py": "", "azureml/core/__init__.py": "VERSION = 'real'\n"})
    code = "import azureml.core, jupyter_amltrain; import azureml.core as core; print(core.VERSION)"
    assert in_fresh_python(code, real) == "real"
