"""``azureml.core.Run`` as a script of a job, or one started by hand, finds it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.runs.stream import Assembler, Record, Splitter, points

JOB = Path(__file__).parents[2] / "jupyter_amltrain" / "job"
GET_RUN = "from azureml.core import Run\nrun = Run.get_context()\n"


def start(folder: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the job's import path only: what the launcher adds is not needed here."""
    (folder / "train.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMLTRAIN_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "train.py"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(JOB / "python-path"), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def submitted(folder: Path, script: str, **variables: str) -> tuple[str, list[Record]]:
    more = {"AMLTRAIN_RUN_ID": "exp_1_abc", "AZUREML_ARM_PROJECT_NAME": "exp", **variables}
    result = start(folder, GET_RUN + script, **more)
    assert (result.returncode, result.stderr) == (0, "")
    splitter, assembler = Splitter(), Assembler()
    pieces = splitter.feed(result.stdout.encode()) + splitter.finish()
    text = b"".join(piece for piece in pieces if isinstance(piece, bytes)).decode()
    whole = [assembler.add(piece) for piece in pieces if isinstance(piece, dict)]
    return text, [record for record in whole if record is not None]


def logged(folder: Path, script: str) -> list[tuple[str, str, object]]:
    _, records = submitted(folder, script)
    return [(point.kind, point.name, point.value) for record in records for point in points(record)]


def test_identity(tmp_path: Path) -> None:
    script = (
        "print(run.id, run.experiment.name, run.get_status(), Run.get_context(allow_offline=False) is run)\nprint(run)"
    )
    assert submitted(tmp_path, script) == (
        "exp_1_abc exp Running True\nRun(Experiment: exp,\nId: exp_1_abc,\nStatus: Running)\n",
        [],
    )


def test_every_way_to_log(tmp_path: Path) -> None:
    script = (
        "run.log('a', 1); run.log('a', 'text', 'a description'); run.log(name='a', value=float('nan'), step=2)\n"
        "run.log_list('l', (i for i in range(3))); run.log_list('l', [])\n"
        "run.log_row('r', x=1, y='two'); run.log_row('r', 'about', f=float('inf'))\n"
        "run.log_table('t', {'x': [1, 2], 'y': (3, 4)}); run.log_table('t', {'x': 1, 'y': 'one row'})"
    )
    nan, *rest = sorted(logged(tmp_path, script), key=lambda point: point[2] == point[2])
    assert repr(nan) == "('scalar', 'a', nan)"
    assert rest == [
        ("scalar", "a", 1),
        ("scalar", "a", "text"),
        ("list", "l", [0, 1, 2]),
        ("list", "l", []),
        ("row", "r", {"x": 1, "y": "two"}),
        ("row", "r", {"f": float("inf")}),
        ("table", "t", {"x": [1, 2], "y": [3, 4]}),
        ("table", "t", {"x": [1], "y": ["one row"]}),
    ]


def test_step_and_time_are_kept(tmp_path: Path) -> None:
    _, [record] = submitted(tmp_path, "run.log('loss', 0.5, step=7)")
    [point] = points(record)
    assert point == NewPoint("loss", "scalar", 0.5, 7, point.at, 0)
    assert record["t"] - 1 < point.at <= record["t"] + 1


ARRAYS = """
class Array:
    def __init__(self, *values): self.values = values
    def __iter__(self):
        if not self.values[1:]: raise TypeError('iteration over a 0-d array')
        return iter(self.values)
    def item(self):
        if self.values[1:]: raise ValueError('can only convert an array of size 1 to a Python scalar')
        return self.values[0]
"""


def test_arrays_and_tensors(tmp_path: Path) -> None:
    script = ARRAYS + (
        "run.log('a', Array(1.5), step=Array(3))\n"
        "run.log_list('l', Array(1, 2)); run.log_list('l', [Array(1), Array(2)])\n"
        "run.log_table('t', {'x': Array(1, 2)})\n"
        "try:\n    run.log('a', Array(1, 2))\nexcept Exception as e:\n    run.log('refused', type(e).__name__)"
    )
    assert logged(tmp_path, script) == [
        ("scalar", "a", 1.5),
        ("list", "l", [1, 2]),
        ("list", "l", [1, 2]),
        ("table", "t", {"x": [1, 2]}),
        ("scalar", "refused", "UserErrorException"),
    ]


def test_other_numbers_and_rows_of_a_matrix(tmp_path: Path) -> None:
    script = (
        "from decimal import Decimal; from fractions import Fraction\n"
        "run.log('d', Decimal('0.25')); run.log('f', Fraction(1, 2)); run.log('n', Decimal('NaN'))\n"
        "run.log('o', None)\n"
        "run.log_list('m', [[1, 2], (3, Fraction(1, 2)), range(2)])\n"
    )
    values = {name: value for _, name, value in logged(tmp_path, script)}
    assert math.isnan(values.pop("n"))
    assert values == {"d": 0.25, "f": 0.5, "o": None, "m": [[1, 2], [3, 0.5], [0, 1]]}


def test_what_is_refused_and_why(tmp_path: Path) -> None:
    calls = [
        "run.log('loss', [1, 2])",
        "run.log('loss', range(3))",
        "run.log('loss', (x for x in [1]))",
        "run.log_row('r', x=[1])",
        "run.log('loss', 1, step='first')",
        "run.log_list('loss', 5)",
        "run.log_table('t', {'x': [1, 2], 'y': [1]})",
        "run.log_image('i')",
        "run.log_image('i', path='none.png')",
        "run.log_image('i', path='train.py')",
        "run.log_image('i', plot=5)",
        "run.log_table('t', [1])",
        "run.log_residuals('t', '{')",
        "run.submit_child(None)",
        "run.create_children()",
        "run.upload_file('../x', 'train.py')",
        "run.experiment.submit",
        "run.get_secret",
    ]
    script = "import traceback\n" + "".join(
        f"try:\n    {call}\nexcept Exception as e:\n    print(type(e).__name__, getattr(e, 'message', e))\n"
        for call in calls
    )
    text, records = submitted(tmp_path, script)
    assert records == []
    lines = text.splitlines()
    assert lines[0] == (
        "UserErrorException 'loss' is a list, and a single value is needed here. "
        "Log a list with run.log_list('loss', values)."
    )
    assert [line.split()[0] for line in lines] == [
        *["UserErrorException"] * 6,
        *["AzureMLException"] * 6,
        *["UserErrorException"] * 4,
        *["AttributeError"] * 2,
    ]
    assert lines[5] == (
        "UserErrorException 'loss' is of type int, and a list is needed here."
        " Log a single value with run.log('loss', value)."
    )
    assert "either path= or plot=, and exactly one" in lines[7]
    assert lines[-1].startswith(
        "AttributeError Run.get_secret cannot be used inside a job of jupyter_amltrain; there are"
    )
    assert "log_table" in lines[-1]


def test_an_unknown_type_is_stored_as_text_with_a_warning(tmp_path: Path) -> None:
    result = start(tmp_path, GET_RUN + "run.log('a', {1: 2})", AMLTRAIN_RUN_ID="x")
    assert "UserWarning: 'a': a dict is stored as its text." in result.stderr
    assert result.stderr.startswith(f"{tmp_path}/train.py:3: ")
    assert '"v":[["a","{1: 2}",null,' in result.stdout


def test_tags(tmp_path: Path) -> None:
    _, records = submitted(
        tmp_path, "run.tag('Competition Rank', 1); run.tag('best'); run.set_tags({'a': 'b', 'c': 2})"
    )
    assert [(record["k"], record["v"]) for record in records] == [
        ("tags", {"Competition Rank": "1"}),
        ("tags", {"best": None}),
        ("tags", {"a": "b", "c": "2"}),
    ]


def test_the_status_is_not_the_scripts(tmp_path: Path) -> None:
    script = "with run as same: print(same is run)\nrun.start(); run.flush(5); run.complete(); run.fail('no')"
    assert submitted(tmp_path, script) == ("True\n", [])
    result = start(tmp_path, GET_RUN + "run.cancel()", AMLTRAIN_RUN_ID="x")
    assert "train.py:3: UserWarning: A run cannot cancel itself" in result.stderr


def test_file_names(tmp_path: Path) -> None:
    script = (
        "import os\nos.makedirs('outputs/model')\nos.mkdir('logs')\n"
        "for name in ('outputs/model/a.pt', 'logs/x', 'other'): open(name, 'w')\n"
        "os.chdir('/')\nprint(run.get_file_names())"
    )
    text, _ = submitted(tmp_path, script, AMLTRAIN_ROOT=str(tmp_path))
    assert text == "['logs/x', 'outputs/model/a.pt']\n"


def test_offline(tmp_path: Path) -> None:
    script = GET_RUN + (
        "from azureml.core.run import _OfflineRun\n"
        "print(isinstance(run, _OfflineRun), run.id.startswith('OfflineRun_'), len(run.id))\n"
        "run.log('loss', 0.5)\nrun.log('loss', float('nan'), step=1)\nrun.log_list('l', [1])\nrun.log_row('r', x=1)\n"
        "run.tag('a', 'b')\nrun.complete()\nrun.register_model('pets', 'outputs/a.pkl')\n"
        "try:\n    run.get_metrics()\nexcept AttributeError as error:\n    print(error)"
    )
    result = start(tmp_path, script)
    assert result.stderr == ""
    assert result.stdout == (
        "True True 47\n"
        "Attempted to log scalar metric loss:\n0.5\nAttempted to log scalar metric loss:\nnan\n"
        "Attempted to log list metric l:\n[1]\nAttempted to log row metric r:\n{'x': 1}\n"
        "Attempted to add tag a with value b\nAttempted to register model pets from outputs/a.pkl\n"
        "Run.get_metrics needs a run, and this script was not started by one: submit it, or ask"
        " run.id.startswith('OfflineRun') first.\n"
    )


def test_offline_is_refused_when_the_script_says_so(tmp_path: Path) -> None:
    script = (
        "from azureml.core import Run\nfrom azureml.exceptions import RunEnvironmentException\n"
        "try:\n    Run.get_context(allow_offline=False)\nexcept RunEnvironmentException as e:\n    print(e.message)"
    )
    assert start(tmp_path, script).stdout.startswith("This script was not started by a run")


def test_a_name_that_is_not_there(tmp_path: Path) -> None:
    result = start(tmp_path, "from azureml.core import Run\nimport azureml.core\nazureml.core.Keyvault")
    assert result.stderr.endswith(
        "azureml.core.Keyvault is not there yet inside a job of jupyter_amltrain;"
        " there are: Dataset, Experiment, Model, Run, ScriptRunConfig, VERSION, Workspace.\n"
    )


def test_what_belongs_into_a_notebook_can_be_imported_and_says_so_when_it_is_used(tmp_path: Path) -> None:
    script = (
        "import azureml.core, azureml.core.compute\n"
        "from azureml.core import Datastore, Environment, Experiment, Workspace\n"
        "from azureml.core.authentication import ServicePrincipalAuthentication\n"
        "from azureml.core.datastore import Datastore as Again\nfrom azureml.core.experiment import Experiment as E\n"
        "from azureml.core.runconfig import RunConfiguration\nfrom azureml.core.workspace import Workspace as W\n"
        "from azureml.exceptions import ServiceException, AzureMLException\n"
        "assert (Again, E, W) == (Datastore, Experiment, Workspace)\n"
        "assert issubclass(ServiceException, AzureMLException)\n"
        "ws = run.experiment.workspace if not run.id.startswith('OfflineRun') else Workspace.from_config()\n"
        "assert isinstance(ws, Workspace) and not isinstance(ws, (Datastore, azureml.core.compute.ComputeTarget))\n"
        "def train(ws: Workspace, store: Datastore = None): pass\n"
        "print(azureml.core.VERSION, Workspace.from_config().name, Workspace.get('w').name)\n"
        "print(Run.get(ws, run.id) is run)\n"
        "for use in (lambda: Environment('e'), lambda: Datastore.get(ws, 'd'), lambda: Workspace.get('other'),\n"
        "            lambda: Run.get(ws, 'other_1')):\n"
        "    try:\n        use()\n    except (AzureMLException, AttributeError) as error:\n"
        "        print(getattr(error, 'message', error))\n"
    )
    text, _ = submitted(tmp_path, script, AZUREML_ARM_WORKSPACE_NAME="w")
    assert text.splitlines() == [
        "1.61.0+jupyter.amltrain w w",
        "True",
        *(
            f"{used} cannot be used inside a job of jupyter_amltrain, only in the notebook that submits it. A job sees"
            " its own run (Run.get_context()), the data it was given (run.input_datasets) and models (Model)."
            for used in ("Environment", "Datastore.get")
        ),
        "A job sees the workspace that it runs in, 'w', and not 'other'.",
        "A job sees its own run, exp_1_abc, and those below it (run.get_children()), but not other_1.",
    ]


def test_an_installed_azureml_keeps_its_modules_and_gets_our_context(tmp_path: Path) -> None:
    real = tmp_path / "installed"
    for name, text in {
        "azureml/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
        "azureml/core/__init__.py": "from .run import Run\nfrom .workspace import Workspace",
        "azureml/core/workspace.py": "class Workspace: pass",
        "azureml/core/run.py": (
            "class Run:\n    @classmethod\n    def get_context(cls): return 'the service'\n"
            "    @staticmethod\n    def list(): return 'real'"
        ),
        "azureml/train.py": "x = 5",
    }.items():
        (real / name).parent.mkdir(parents=True, exist_ok=True)
        (real / name).write_text(text)
    script = (
        "from azureml.core import Workspace\nimport azureml.train, sys\n"
        "print(run.id, Run.list(), Workspace.__name__, azureml.train.x)\nrun.log('loss', 1)\n"
        "print([f for f in sys.meta_path if 'amltrain' in type(f).__module__])"
    )
    text, records = submitted(tmp_path, script, PYTHONPATH=f"{JOB / 'python-path'}:{real}", AMLTRAIN_AUTOLOG="0")
    assert text == "exp_1_abc real Workspace 5\n[]\n"
    assert len(records) == 1


def test_another_package_of_the_azureml_family_is_found(tmp_path: Path) -> None:
    (tmp_path / "installed" / "azureml" / "mlflow").mkdir(parents=True)
    (tmp_path / "installed" / "azureml" / "mlflow" / "__init__.py").write_text("x = 5")
    script = "import azureml.mlflow\nprint(azureml.mlflow.x, run.id)"
    text, _ = submitted(tmp_path, script, PYTHONPATH=f"{JOB / 'python-path'}:{tmp_path / 'installed'}")
    assert text == "5 exp_1_abc\n"
