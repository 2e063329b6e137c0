"""Who may import whom, and that importing the package costs next to nothing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jupyter_amltrain

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jupyter_amltrain"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# docs/architecture.md has the same table in words. The first pattern that matches a module decides; a module imports
# from its own layer and from those below it.
LAYERS = (
    (r"absent|errors|home|file_lock|config_file|network_setting|workspace_settings|__init__", 0),
    (r"environment\.image|submission\.(again|submit)", 2),
    (r"(environment|compute|submission)(\..+)?|engines|engines\.protocol|runs|runs\.(record|status)", 1),
    (r"(engines|runs|data|models|disk|saved)(\..+)?", 2),
    (r"workspace|workspace_contents|workspace_disk|workspace_network", 3),
    (r"(magics|widget|server|azureml|tracking)(\..+)?", 4),
    (r"notebook", 5),
)
FACES = ("magics", "widget", "server", "tracking")

# Third-party packages that may only be imported in some modules. The supervisor imports docker-py without using it, so
# that a warm one is ready to start a container at once.
CONFINED = {
    "anywidget": r"widget(\..+)?",
    "docker": r"engines\.(connection|docker|probes)|environment\.image|runs\.supervisor",
    "IPython": r"(magics|widget)(\..+)?",
    "ipywidgets": r"widget(\..+)?",
    "mlflow": r"job\..+\.mlflow_.+|runs\.mlflow_export|tracking(\..+)?",
    "tornado": r"server(\..+)?",
    "jupyter_server": r"server(\..+)?",
}


def layer(module: str) -> int:
    numbers = [number for pattern, number in LAYERS if re.fullmatch(pattern, module)]
    assert numbers, f"{module} is in no layer: give it one in LAYERS and in docs/architecture.md"
    return numbers[0]


def imported(module: str) -> Iterator[str]:
    """Absolute dotted names that a module imports when it runs, at the top or inside functions."""
    path = MODULES[module]
    package = ["jupyter_amltrain", *(part for part in module.split(".") if module != "__init__")]
    if path.name != "__init__.py":
        package.pop()
    for node in _run_time_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _run_time_nodes(child)


def own_module(name: str) -> str | None:
    """The module of this package that an imported name lies in, else None."""
    root, _, rest = name.partition(".")
    if root != "jupyter_amltrain":
        return None
    while rest and rest not in MODULES:
        rest = rest.rpartition(".")[0]
    return rest or "__init__"


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("job")])
def test_modules_import_from_their_own_layer_or_below(module: str) -> None:
    targets = {target for name in imported(module) if (target := own_module(name)) and not target.startswith("job")}
    if module == "__init__":
        targets -= {"notebook", "azureml"}
    above = {target for target in targets if layer(target) > layer(module)}
    assert not above
    face = module.partition(".")[0]
    if face in FACES:
        assert not {target for target in targets if target.partition(".")[0] in set(FACES) - {face}}


@pytest.mark.parametrize("module", MODULES)
def test_third_party_packages_stay_in_their_modules(module: str) -> None:
    roots = {name.partition(".")[0] for name in imported(module)}
    assert not {root for root in roots & CONFINED.keys() if not re.fullmatch(CONFINED[root], module)}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("job")])
def test_code_inside_the_job_needs_the_standard_library_only(module: str) -> None:
    siblings = {path.stem for path in (PACKAGE / "job").rglob("*")} | {"jupyter_amltrain"}
    roots = {name.partition(".")[0] for name in imported(module)}
    # The store that MLflow itself imports.
    plug_in = {"mlflow"} if ".mlflow_" in module else set()
    assert roots <= siblings | sys.stdlib_module_names | plug_in
    assert all((own_module(name) or "job").startswith("job") for name in imported(module))


def modules_loaded_by(statement: str, after: str = "import sys") -> set[str]:
    """Names of the modules that a fresh interpreter loads for ``statement``."""
    code = f"{after}; import sys; before = {{*sys.modules}}; {statement}; print(*({{*sys.modules}} - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    roots = {name.partition(".")[0] for name in modules_loaded_by("import jupyter_amltrain")}
    assert "jupyter_amltrain" in roots
    assert roots - sys.stdlib_module_names <= {"jupyter_amltrain"}
    assert not roots & {"asyncio", "concurrent", "email", "http", "multiprocessing", "sqlite3", "ssl", "unittest"}


def test_loading_the_extension_loads_no_engine_and_no_widgets() -> None:
    shell = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
    loaded = modules_loaded_by("shell.run_line_magic('load_ext', 'jupyter_amltrain')", after=shell)
    assert "jupyter_amltrain.magics" in loaded
    heavy = {"anywidget", "docker", "ipywidgets", "requests", "ssl", "uv", "yaml"}
    assert not {name.partition(".")[0] for name in loaded} & heavy


def test_showing_a_run_loads_nothing_that_only_failures_and_the_panel_need() -> None:
    loaded = modules_loaded_by("import jupyter_amltrain.widget.showing")
    assert "jupyter_amltrain.runs.state_of" in loaded
    only = ("runs.failure", "runs.causes", "runs.tracebacks", "saved.glances", "widget.panel")
    assert not {f"jupyter_amltrain.{name}" for name in only} & loaded


@pytest.mark.parametrize("name", jupyter_amltrain.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(jupyter_amltrain, name).__name__ == name
    assert name in dir(jupyter_amltrain)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'jupyter_amltrain' has no attribute 'Workspaces'"):
        _ = jupyter_amltrain.Workspaces


def test_version_is_the_same_everywhere() -> None:
    front_end = json.loads((ROOT / "labextension" / "package.json").read_text())["version"]
    newest = re.search(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert jupyter_amltrain.__version__ == front_end == newest[1]
