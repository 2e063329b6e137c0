"""What conda says of an environment of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from ...errors import UserErrorException
from .specification import parse_conda


def export_conda_environment(name: str) -> dict[str, Any]:
    """The specification of an existing conda environment, as ``conda env export --no-builds`` gives it.

    Raises:
        UserErrorException: there is no conda, or it refuses.
    """
    # In a shell set up by conda the command may be a function, and the program not on the PATH.
    conda = shutil.which("conda") or shutil.which(os.environ.get("CONDA_EXE", ""))
    if not conda:
        raise UserErrorException(
            f"The conda environment '{name}' cannot be read: there is no conda on the PATH of this notebook's kernel."
            " Start it where conda is, or give from_conda_specification the file that `conda env export` writes."
        )
    done = subprocess.run(
        [conda, "env", "export", "--no-builds", "--name", name], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise UserErrorException(
            f"conda cannot export the environment '{name}': {said.rstrip('.')}. `conda env list` shows those there are."
        )
    return parse_conda(done.stdout, f"the export of the conda environment '{name}'")
