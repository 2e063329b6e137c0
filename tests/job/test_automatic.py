"""Training frameworks as they are: what they report is logged, and nothing else changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.frameworks import OLDER, frameworks_python
from jupyter_amltrain.runs.record import NewPoint
from jupyter_amltrain.runs.stream import Assembler, Splitter, points

JOB = Path(__file__).parents[2] / "jupyter_amltrain" / "job"

LIGHTNING = """
import torch, {package} as L
class Model(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, number):
        loss = (self.layer(batch[0]) ** 2).mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss
    def validation_step(self, batch, number):
        self.log("val_loss", (self.layer(batch[0]) ** 2).mean())
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(64, 4)), batch_size=4)
trainer = L.Trainer(
    max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu"
)
trainer.fit(Model(), data, data)
"""

KERAS = """
{how}
import numpy
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
x = numpy.random.rand(64, 4)
history = model.fit(x, x[:, :1], validation_split=0.25, epochs=3, batch_size=4, verbose=0)
model.evaluate(x, x[:, :1], verbose=0)
model.predict(x, verbose=0)
assert sorted(history.history) == ["loss", "mae", "val_loss", "val_mae"]
"""
KERAS_3 = KERAS.format(how="import keras")

TRANSFORMERS = """
import torch
from transformers import Trainer, TrainingArguments
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def forward(self, x, labels=None):
        y = self.layer(x)
        return {"loss": ((y - labels) ** 2).mean(), "logits": y}
data = [{"x": torch.rand(4), "labels": torch.rand(1)} for _ in range(64)]
arguments = TrainingArguments(
    "out", num_train_epochs=2, logging_steps=5, eval_strategy="epoch", report_to=[], use_cpu=True, save_strategy="no"
)
Trainer(Model(), arguments, train_dataset=data, eval_dataset=data).train()
"""


def launched(folder: Path, python: Path | str, script: str, **variables: str) -> tuple[str, list[NewPoint]]:
    """Text and points of a script that the launcher runs."""
    (folder / "train.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMLTRAIN_", "PYTHON"))}
    more = {"AMLTRAIN_RUN_ID": "exp_1", "AMLTRAIN_ONE_STREAM": "1", "HF_HUB_OFFLINE": "1", "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [str(python), str(JOB / "launch.py"), "train.py"],
        cwd=folder,
        env={**kept, **more, "KERAS_HOME": str(folder), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=120,
    )
    splitter, assembler = Splitter(), Assembler()
    pieces = splitter.feed(done.stdout) + splitter.finish()
    text = b"".join(piece for piece in pieces if isinstance(piece, bytes)).decode()
    assert done.returncode == 0, text
    records = [assembler.add(piece) for piece in pieces if isinstance(piece, dict)]
    return text, [point for record in records if record is not None for point in points(record)]


@pytest.fixture(scope="session")
def python() -> Path:
    return frameworks_python()


KERAS_STEPS = {"loss": [0, 1, 2], "val_mae": [0, 1, 2], "learning_rate": [0, 1, 2], "batch_loss": [0]}


@pytest.mark.parametrize(
    ("script", "source", "steps"),
    [
        (
            LIGHTNING.format(package="lightning.pytorch"),
            "lightning",
            {"train_loss": [16, 32, 48], "val_loss": [16, 32, 48]},
        ),
        (
            LIGHTNING.format(package="pytorch_lightning"),
            "lightning",
            {"train_loss": [16, 32, 48], "lr": [0], "loss": [0]},
        ),
        (KERAS_3, "keras", KERAS_STEPS),
        (TRANSFORMERS, "transformers", {"loss": [5, 10, 15], "eval_loss": [8, 16], "learning_rate": [5, 10, 15]}),
    ],
    ids=["lightning", "pytorch_lightning", "keras", "transformers"],
)
def test_what_a_framework_reports_is_logged(
    script: str, source: str, steps: dict[str, list[int]], python: Path, tmp_path: Path
) -> None:
    reported(launched(tmp_path, python, script), source, steps)


@pytest.mark.parametrize(
    ("script", "source", "steps", "variables"),
    [
        (
            LIGHTNING.format(package="pytorch_lightning"),
            "lightning",
            {"train_loss": [16, 32, 48], "val_loss": [16, 32, 48], "lr": [0], "loss": [0]},
            {},
        ),
        (KERAS.format(how="from tensorflow import keras"), "keras", KERAS_STEPS, {"KERAS_BACKEND": "tensorflow"}),
        (KERAS.format(how="from tensorflow import keras"), "keras", KERAS_STEPS, {"TF_USE_LEGACY_KERAS": "1"}),
    ],
    ids=["pytorch_lightning-1", "tf.keras-3", "tf.keras-2"],
)
def test_what_an_older_framework_or_one_with_tensorflow_reports_is_logged(
    script: str, source: str, steps: dict[str, list[int]], variables: dict[str, str], tmp_path: Path
) -> None:
    reported(launched(tmp_path, frameworks_python(OLDER), script, **variables), source, steps)


def reported(outcome: tuple[str, list[NewPoint]], source: str, steps: dict[str, list[int]]) -> None:
    """Check that these were logged by the source, with their steps, and that nothing of ours was printed."""
    text, found = outcome
    assert {point.source for point in found} == {source}
    for name, expected in steps.items():
        # Of batches there may be more on a slow machine.
        logged = [point.step for point in found if point.name == name]
        assert logged[: len(expected)] == expected, name
    assert "amltrain_job" not in text
    assert "jupyter_amltrain" not in text


def test_it_can_be_switched_off(python: Path, tmp_path: Path) -> None:
    assert launched(tmp_path, python, KERAS_3, AMLTRAIN_AUTOLOG="0")[1] == []


def test_a_framework_that_is_not_as_expected_is_told_once_and_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "fastai").mkdir()
    (tmp_path / "fastai" / "__init__.py").write_text("")
    (tmp_path / "fastai" / "learner.py").write_text("class Learner: pass\n")
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "callbacks.py").write_text(
        "class Callback: pass\n"
        "class CallbackList(Callback):\n"
        "    def __init__(self): self.callbacks = ()\n"
        "    model = params = None\n"
    )
    script = (
        "import fastai.learner, importlib, keras.callbacks\nimportlib.reload(fastai.learner).Learner()\n"
        "lists = [keras.callbacks.CallbackList() for _ in range(3)]\nprint('trained', lists[0].callbacks)"
    )
    text, found = launched(tmp_path, sys.executable, script)
    *told, trained = text.splitlines()
    assert [line.partition(" (")[0] for line in told] == [
        "jupyter_amltrain: what fastai reports is not logged automatically",
        "jupyter_amltrain: what keras reports is not logged automatically",
    ]
    assert (trained, found) == ("trained ()", [])


def test_a_framework_that_cannot_be_imported_fails_as_ever(tmp_path: Path) -> None:
    (tmp_path / "fastai").mkdir()
    (tmp_path / "fastai" / "__init__.py").write_text("")
    (tmp_path / "fastai" / "learner.py").write_text("import torch_that_is_missing\n")
    script = "import traceback\ntry:\n    import fastai.learner\nexcept ImportError:\n    traceback.print_exc()\n"
    with_hooks, _ = launched(tmp_path, sys.executable, script)
    without, _ = launched(tmp_path, sys.executable, script, AMLTRAIN_AUTOLOG="0")
    assert with_hooks == without
    assert "torch_that_is_missing" in without


THEIRS = "import os\nwith open(%r, 'a') as seen:\n    seen.write('%%d\\n' %% os.getpid())\n"
CHILD = """
import os, subprocess, sys
os.environ["PYTHONPATH"] = {path}
child = subprocess.Popen([sys.executable, "-c", "import fastai.learner, {name}; assert '/theirs/' in {name}.__file__"])
assert child.wait() == 0
print(os.getpid(), child.pid)
"""


@pytest.mark.parametrize("name", ["sitecustomize", "usercustomize"])
@pytest.mark.parametrize(
    ("path", "in_environment"),
    [
        ("os.environ['PYTHONPATH']", True),
        ("'theirs:' + os.environ['PYTHONPATH']", False),
        ("os.environ['PYTHONPATH'] + ':theirs'", False),
    ],
    ids=["of the environment", "in front of ours", "behind ours"],
)
def test_python_processes_of_a_job_are_served_too_and_have_their_own_start_once(
    name: str, path: str, in_environment: bool, tmp_path: Path
) -> None:
    (tmp_path / "fastai").mkdir()
    (tmp_path / "fastai" / "__init__.py").write_text("")
    (tmp_path / "fastai" / "learner.py").write_text("")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / f"{name}.py").write_text(THEIRS % str(tmp_path / "seen"))
    # A virtual environment has no usercustomize.
    python: str = sys._base_executable  # type: ignore[attr-defined]
    variables = {"PYTHONPATH": str(tmp_path / "theirs")} if in_environment else {}
    text, _ = launched(tmp_path, python, CHILD.format(path=path, name=name), **variables)
    job, child = text.splitlines()[-1].split()
    assert (tmp_path / "seen").read_text().split() == ([job, child] if in_environment else [child])
    assert text.count("what fastai reports is not logged") == 1
