"""Where things lie in a run's folder. One place, so that engine, supervisor and faces agree.

::

    runs/<id>/
      azureml-logs/  20_image_build_log.txt  25_environment.txt  25_conda_lock.txt
                     60_control_log.txt  70_driver_log.txt
      work/          what the job sees as its own: code/ is its working folder, uploads/ what it uploaded,
                     children/<id>/ the files of child runs that it made, answers/ what it was told
      inputs         data on its way to the job, and what is shown to it of data that lies elsewhere
      uploads        what was uploaded to a run that has no job
      outputs  logs  links to work/code/outputs and work/code/logs
      supervisor.lock  supervisor.log
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..submission.job import CODE_FOLDER, WORK_FOLDER

if TYPE_CHECKING:
    from .record import RunRecord

UPLOADS = "uploads"
INPUTS = "inputs"

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
ENVIRONMENT = "azureml-logs/25_environment.txt"
CONDA_LOCK = "azureml-logs/25_conda_lock.txt"
CONTROL_LOG = "azureml-logs/60_control_log.txt"
DRIVER_LOG = "azureml-logs/70_driver_log.txt"

SUPERVISOR_LOCK = "supervisor.lock"
SUPERVISOR_LOG = "supervisor.log"


def code_folder(run_folder: Path) -> Path:
    """The working folder of the job, on this host."""
    return run_folder / WORK_FOLDER / CODE_FOLDER


def files_folder(workspace_folder: Path, run: RunRecord) -> Path:
    """The folder of a run's files, also of a child run, whose files the job of its parent keeps."""
    runs = workspace_folder / "runs"
    if run.folder and os.path.realpath(runs / run.folder) == os.path.join(os.path.realpath(runs), run.folder):
        return runs / run.folder
    return runs / run.id  # also when the job has put a link there, which might lead anywhere


def upload_folder(run_folder: Path) -> Path:
    """Where what is uploaded to a run is kept: beside the working folder of its job, if it has one."""
    work = run_folder / WORK_FOLDER
    return (work if work.is_dir() else run_folder) / UPLOADS


def make_run_folder(run_folder: Path) -> None:
    """Lay out the folder of a new run."""
    (run_folder / "azureml-logs").mkdir(parents=True)
    (run_folder / WORK_FOLDER).mkdir()
    for name in ("outputs", "logs"):
        (run_folder / name).symlink_to(Path(WORK_FOLDER) / CODE_FOLDER / name)
