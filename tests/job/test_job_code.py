"""What runs inside the job runs on Python 3.6 and needs nothing but its standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

JOB = Path(__file__).parents[2] / "jupyter_amltrain" / "job"
OURS = {"amltrain_job", "amltrain_start", "azureml", ""}


@pytest.mark.parametrize("path", sorted(JOB.rglob("*.py")), ids=lambda path: str(path.relative_to(JOB)))
def test_syntax_and_imports(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "" if node.level == 0 else ""]
        plug_in = {"mlflow"} if path.stem.startswith("mlflow_") else set()  # MLflow itself imports it
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | OURS | plug_in
        assert "__future__" not in names  # annotations of the future begin with 3.7
