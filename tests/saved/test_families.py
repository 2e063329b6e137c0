"""Saved outputs and live views draw the same metrics in one chart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from jupyter_amltrain.saved.families import comes_first, family_of

FAMILIES = Path(__file__).parents[2] / "labextension/src/view/charts/families.ts"

CASES = {
    "loss": ("loss", ""),
    "train_loss": ("loss", "train"),
    "valid_loss": ("loss", "valid"),
    "val/loss": ("loss", "val"),
    "loss/val": ("loss", "val"),
    "train_loss_step": ("loss", "train step"),
    "Validation Loss": ("Loss", "Validation"),
    "train.val-loss": ("loss", "train val"),
    "error_rate": ("error_rate", ""),
    "train": ("train", ""),
    "epoch": ("epoch", ""),
    "train_": ("train_", ""),
    "_step": ("_step", ""),
    "latest": ("latest", ""),
    "fold 1/train_loss": ("fold 1/train_loss", ""),
    "glossy": ("glossy", ""),
    "": ("", ""),
    "system/cpu": ("cpu", ""),
    "system/network_received": ("network", "received"),
    "system/disk_written": ("disk", "written"),
    "system/gpu/1": ("GPU 1", ""),
    "system/gpu/1/memory": ("GPU 1 memory", ""),
}


def test_families_and_labels() -> None:
    assert {name: family_of(name) for name in CASES} == CASES


def test_the_live_view_has_the_same_rules() -> None:
    program = (
        f"import {{ family, comesFirst }} from {json.dumps(str(FAMILIES))};"
        f"console.log(JSON.stringify({json.dumps([*CASES])}.map(name => [family(name), comesFirst(family(name))])))"
    )
    node = Path(sys.executable).with_name("node")
    done = subprocess.run([node, "--input-type=module", "-e", program], check=True, stdout=subprocess.PIPE)
    names = [family_of(name)[0] for name in CASES]
    assert json.loads(done.stdout) == [[name, comes_first(name)] for name in names]
