"""What a run needs before its job can start: its files, an environment that is ready, data, GPUs, a network."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..engines.protocol import Engine, Image, Step
from ..environment.inspection.contents import contents_text, known_contents
from ..environment.packages.requirements import install_mode
from ..home import bytecode_folder, job_code_folder
from ..submission.data import Placed
from ..submission.job import Job, RunDefinition, plan_job
from ..submission.network import job_network
from . import status as states
from .folder import BUILD_LOG, CONDA_LOCK, ENVIRONMENT, code_folder
from .gpus import claim_gpus
from .record import RunRecord

if TYPE_CHECKING:
    from .store import Store


class Preparing:
    """The preparation of one run; to its engine it is the log that a preparation writes to.

    Args:
        say: writes a line to the control log.
        check: raises ``CanceledException`` when the user has given the run up.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        run: RunRecord,
        engine: Engine,
        secrets: Mapping[str, str],
        say: Callable[[str], None],
        check: Callable[[], None],
    ) -> None:
        self._store = store
        self._folder = folder
        self._id = run.id
        self._definition = RunDefinition.from_json(run.definition)
        self._engine = engine
        self._secrets = secrets
        self._say = say
        self._check = check

    def write_code(self) -> None:
        """The job's private copy of the snapshot; made under another name first, so that half a copy never counts."""
        from ..submission.snapshot import write_snapshot

        code = code_folder(self._folder)
        if code.exists():
            return
        partial = code.with_name("code.partial")
        if partial.exists():
            import shutil

            shutil.rmtree(partial)
        write_snapshot(self._definition.snapshot_id, self._folder.parents[1] / "objects", partial)
        for name in ("outputs", "logs"):
            (partial / name).mkdir(exist_ok=True)
        partial.rename(code)

    def planned_job(self) -> Job:
        """The job, in an environment that is ready.

        Raises:
            AzureMLException: something that it needs is not to be had; what it is.
            CanceledException: the user gave up.
        """
        image = self._ready_image()
        self._check()
        workspace = _workspace_names(self._folder.parents[1])
        workspace["experiment_id"] = self._store.ensure_experiment(self._definition.experiment)
        settings = self._definition.environment.get("network") or {}
        network, told = job_network(settings, host_paths=self._engine.host_paths)
        gpus, note = claim_gpus(self._store, self._id, self._definition.resources.gpus)
        job = plan_job(
            self._id,
            self._definition,
            image,
            self._folder,
            job_code_folder(),
            host_paths=self._engine.host_paths,
            workspace=workspace,
            user=f"{os.getuid()}:{os.getgid()}",
            bytecode=None if self._engine.host_paths else bytecode_folder(image.reference),
            network=network,
            gpus=gpus,
            data=self._staged(),
        )
        self._tell(image, job, (*told, note) if note else told)
        return job

    def _ready_image(self) -> Image:
        image = self._engine.prepare(self._definition.environment, self, self._secrets)
        self._store.update_run(self._id, image={**asdict(image), "at": time.time()})
        contents = known_contents(image.reference, image.interpreter)
        if contents:
            text = contents_text(contents, image.name, image.digest)
            (self._folder / ENVIRONMENT).write_text(text, encoding="utf-8")
            if contents.lock:
                (self._folder / CONDA_LOCK).write_text(contents.lock, encoding="utf-8")
        return image

    def _tell(self, image: Image, job: Job, notes: Sequence[str]) -> None:
        digest = image.digest.rpartition(":")[2][:12]
        mode = install_mode(self._definition.environment)
        self._say(
            f"{'Built' if image.built else 'Found'} environment {image.name}{digest and f' ({digest})'}"
            f"{mode and f', packages {mode}'}"
        )
        for line in notes:
            self._say(line)
        where = self._engine.name if self._engine.isolated else f"{self._engine.name} (not isolated)"
        self._say(f"Running on {where}: {shlex.join(job.command)}")

    def _staged(self) -> dict[str, Placed]:
        """Where the run's data is, when all of it is where the job is to see it."""
        if not self._definition.data:
            return {}
        from ..data.stage import stage

        return stage(
            self._definition.data,
            self._folder,
            host_paths=self._engine.host_paths,
            phase=self.phase,
            check=self._check,
        )

    # --- what the engine says meanwhile --------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Output of a build, which has a log of its own."""
        with open(self._folder / BUILD_LOG, "ab") as file:
            file.write(data)

    def step(self, step: Step) -> None:
        """A step of a build; the log has it in words."""

    def phase(self, text: str) -> None:
        """What is being done, as the run's reason."""
        self._store.update_run(self._id, reason=text)

    def canceled(self) -> bool:
        """Whether the user gave up; cheap when nothing has changed."""
        return self._store.changed() and self._store.run(self._id).status == states.CANCEL_REQUESTED


def _workspace_names(folder: Path) -> dict[str, str]:
    names = json.loads((folder / "workspace.json").read_text(encoding="utf-8"))
    return {key: str(names.get(key, "")) for key in ("name", "subscription_id", "resource_group", "id")}
