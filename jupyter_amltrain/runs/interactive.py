"""Runs that nothing executes: a notebook starts one, logs to it, and says when it is over."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..errors import StoreException, UserErrorException
from ..home import advice_for
from .artifacts import list_artifacts
from .folder import upload_folder
from .owner import let_go_at_exit, this_process

if TYPE_CHECKING:
    from .experiment import Experiment
    from .record import RunRecord
    from .run import Run
    from .store import Store

_ID = re.compile(r"\w[\w.\-]{0,199}", re.ASCII)
OUTPUTS = "./outputs"


def start_logged_run(
    experiment: Experiment,
    *,
    name: str | None = None,
    run_id: str | None = None,
    outputs: str | None = None,
    snapshot: str | None = None,
    parent: str = "",
    tags: Mapping[str, Any] | None = None,
) -> Run:
    """Enter a run that is running from now on, until it is told otherwise.

    Args:
        outputs: a folder whose files become the run's when it is completed.
        snapshot: a folder to take a snapshot of at once.

    Raises:
        UserErrorException: the id cannot be one, or is taken.
        StoreException: the run's folder cannot be made.
    """
    from .run import Run

    if run_id is not None and not _ID.fullmatch(run_id):
        raise UserErrorException(f"{run_id!r:.80} cannot be a run id: take letters, digits, '_', '-' and '.'.")
    chosen = run_id or str(uuid4())
    workspace = experiment.workspace
    folder = workspace.run_folder(chosen)
    definition = {"experiment": experiment.name, "outputs": outputs and os.path.abspath(outputs)}
    workspace.store.ensure_experiment(experiment.name)
    workspace.store.add_logged_run(
        chosen,
        experiment=experiment.name,
        definition=definition,
        tags=tags,
        parent=parent,
        display_name=name,
        owner=this_process(),
    )
    let_go_at_exit(workspace.store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if outputs:
            os.makedirs(outputs, exist_ok=True)
    except OSError as error:
        raise StoreException(
            f"A folder of the run cannot be made: {error}. {advice_for(error)}", inner_exception=error
        ) from error
    run = Run(experiment, chosen)
    if snapshot is not None:
        run.take_snapshot(snapshot)
    return run


def upload_outputs(store: Store, run: RunRecord, run_folder: Path) -> None:
    """Make the files of the folder that the run was given for its outputs the run's own."""
    outputs = run.definition.get("outputs")
    if not outputs or not os.path.isdir(outputs):
        return
    from .run_base import job_module, own_errors

    files = job_module("files")
    known = {artifact.name for artifact in list_artifacts(run_folder)}
    with own_errors():
        for name, path in files.pairs_of_folder(os.path.basename(outputs), outputs):
            if name not in known:
                files.upload(str(upload_folder(run_folder).parent), str(run_folder), name, path)
