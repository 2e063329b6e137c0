"""Where things lie in a run's folder. One place, so that engine, supervisor and faces agree.

::

    runs/<id>/
      azureml-logs/  20_image_build_log.txt  25_environment.txt  25_conda_lock.txt
                     60_control_log.txt  70_driver_log.txt
      work/          what the job sees as its own: code/ is its working folder
      outputs  logs  links to work/code/outputs and work/code/logs
      supervisor.lock  supervisor.log
"""

from __future__ import annotations

from pathlib import Path

from ..submission.job import CODE_FOLDER, WORK_FOLDER

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


def make_run_folder(run_folder: Path) -> None:
    """Lay out the folder of a new run."""
    (run_folder / "azureml-logs").mkdir(parents=True)
    (run_folder / WORK_FOLDER).mkdir()
    for name in ("outputs", "logs"):
        (run_folder / name).symlink_to(Path(WORK_FOLDER) / CODE_FOLDER / name)
