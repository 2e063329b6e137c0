"""The files of a run, from a notebook: listing, downloading, uploading, snapshots, models."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import SnapshotException, UserErrorException
from .artifacts import copy_artifact, list_artifacts, names_below, open_artifact
from .folder import upload_folder
from .run_base import RunBase, job_module, own_errors

_SNAPSHOT = "ContentSnapshotId"


class RunFiles(RunBase):
    """The part of ``Run`` that is about its files."""

    def get_file_names(self) -> builtins.list[str]:
        """Its files: ``azureml-logs/…``, ``logs/…``, ``outputs/…``, also while it runs."""
        return [artifact.name for artifact in list_artifacts(self._folder)]

    def get_work_files(self, pruned: bool | None = None) -> dict[str, int]:
        """What its job wrote elsewhere, also while it runs: path from the working folder (``../x``: beside it) to size.

        Files of the snapshot are among them once the job has changed them. They lie below ``work`` in the run's folder.

        Args:
            pruned: True for those that were pruned (:meth:`Workspace.prune_work_files`), False for those still there.
        """
        from .work_files import list_work_files

        definition = self._store.run(self._run_id).definition
        found = list_work_files(self._folder, definition.get("snapshot_id", ""), bool(definition.get("data")))
        return {file.name: file.size_bytes for file in found if pruned in (None, file.pruned)}

    def download_file(
        self, name: str, output_file_path: str | Path | None = None, _validate_checksum: bool = False
    ) -> None:
        """Copy one of its files.

        Args:
            name: as :meth:`get_file_names` gives it.
            output_file_path: file or folder to copy to; the current folder when not given.

        Raises:
            NameNotFoundException: it has no such file; the message suggests the nearest name.
        """
        base = Path(name).name
        to_folder = output_file_path is not None and str(output_file_path).endswith(("/", "\\"))
        destination = Path(base if output_file_path is None else output_file_path).expanduser()
        if to_folder or destination.is_dir():
            destination /= base
        copy_artifact(self._folder, name, destination)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | Path | None = None,
        output_paths: Sequence[str | Path] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copy several of its files.

        Args:
            prefix: only the files in that folder, such as ``outputs``.
            output_directory: where to; the current folder when not given.
            output_paths: a path for each file instead of its name, in the order of :meth:`get_file_names`.
            batch_size: kept for the SDK.
            append_prefix: False leaves ``prefix`` out of the copies' paths.
            timeout_seconds: kept for the SDK.

        Raises:
            UserErrorException: no file has that prefix, or ``output_paths`` has another length.
        """
        folder, names = names_below(self._folder, prefix or "")
        if output_paths is None:
            targets = [Path(name if append_prefix else name[len(folder) :].lstrip("/")) for name in names]
        else:
            targets = [Path(path) for path in output_paths]
        if len(targets) != len(names):
            raise UserErrorException(f"output_paths names {len(targets)} file(s) and there are {len(names)}: {names}.")
        for name, target in zip(names, targets, strict=True):
            copy_artifact(self._folder, name, Path(output_directory or ".").expanduser() / target)

    def get_all_logs(self, destination: str | Path | None = None) -> builtins.list[str]:
        """Copy its logs to ``destination``, or to ``assets/<run id>``; returns the copies' paths.

        Raises:
            UserErrorException: ``destination`` is a file.
        """
        folder = Path("assets") / self._run_id if destination is None else Path(destination).expanduser()
        if folder.exists() and not folder.is_dir():
            raise UserErrorException(f"{folder} exists and is not a directory.")
        names = [name for name in self.get_file_names() if not name.startswith("outputs/")]
        return [str(copy_artifact(self._folder, name, folder / name)) for name in names]

    def _text(self, name: str) -> str:
        with open_artifact(self._folder, name) as file:
            return file.read().decode("utf-8", "replace")

    # --- uploading ---------------------------------------------------------------------------------------------------

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Keep a copy of a file, or of what a stream gives, with the run.

        Args:
            name: its name among the run's files, such as ``outputs/model.pkl``.
            path_or_stream: a path, or an object with ``read``.
            datastore_name: kept for the SDK.

        Raises:
            UserErrorException: there is a file of that name, or it cannot be read.
        """
        files = job_module("files")
        with own_errors():
            clean = files.clean_name(name)
            if clean in self.get_file_names():
                raise UserErrorException(f"The run has a file '{clean}' already, and uploads never replace one.")
            files.upload(str(upload_folder(self._folder).parent), str(self._folder), clean, path_or_stream)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[str | Path],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
        datastore_name: str | None = None,
    ) -> None:
        """Keep copies of several files.

        Raises:
            TypeError: there are not as many names as paths.
        """
        if len(names) != len(paths):
            raise TypeError(
                "names and paths must be lists of equal lengths. Names was of length"
                f" {len(names)} and paths of length {len(paths)}."
            )
        for name, path in zip(names, paths, strict=True):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str | Path, datastore_name: str | None = None) -> None:
        """Keep a copy of a folder.

        Raises:
            UserErrorException: it is no folder, or one of its files has a name that is taken.
        """
        with own_errors():
            pairs = job_module("files").pairs_of_folder(name, str(path))
        for file, source in pairs:
            self.upload_file(file, source)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def get_snapshot_id(self) -> str | None:
        """The id of the source snapshot it runs; equal sources have equal ids. None when it has none."""
        own = self._store.properties(self._run_id).get(_SNAPSHOT)
        return own or self._store.run(self._run_id).definition.get("snapshot_id")

    def take_snapshot(self, file_or_folder_path: str | Path) -> str:
        """Keep a copy of a file or folder as the source of this run; returns the snapshot's id.

        Raises:
            SnapshotException: the run has a snapshot already, or there is no such file.
        """
        import tempfile

        from ..submission.objects import taking_snapshot
        from ..submission.snapshot import take_snapshot

        there = self.get_snapshot_id()
        if there is not None:
            raise SnapshotException(f"Cannot take snapshot as the run already has one: {there}")
        path = Path(file_or_folder_path).expanduser()
        if not path.exists():
            raise SnapshotException(f"There is no file or folder {path.absolute()} to take a snapshot of.")
        workspace = self._workspace
        # Until the run names it nothing refers to the snapshot, so nobody may tidy up meanwhile.
        with taking_snapshot(workspace.objects), tempfile.TemporaryDirectory() as scratch:
            if path.is_file():
                (Path(scratch) / path.name).write_bytes(path.read_bytes())
                path = Path(scratch)
            taken = take_snapshot(path, workspace.objects, workspace.folder / "cache")
            self._store.add_properties(self._run_id, {_SNAPSHOT: taken.id})
        return taken.id

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | Path | None = None) -> str:
        """Write a snapshot as a zip file into a folder, default the current one; returns the file's path.

        Args:
            snapshot_id: default that of this run.
            path: the folder.

        Raises:
            SnapshotException: the run has none, or it is not there any more.
        """
        from .snapshots import zip_snapshot

        chosen = snapshot_id or self.get_snapshot_id()
        if not chosen:
            raise SnapshotException("The run has no snapshot; name one with snapshot_id.")
        folder = Path(path or ".").expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{chosen}.zip"
        partial = target.with_suffix(".partial")
        with open(partial, "wb") as file:
            zip_snapshot(self._workspace.folder, chosen, file)
        partial.replace(target)
        return str(target.absolute())

    # --- models ------------------------------------------------------------------------------------------------------

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Any = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Register files of the run as a model, with a copy of them.

        Args:
            model_name: letters, digits, ``-``, ``_`` and ``.``.
            model_path: a file or folder as :meth:`get_file_names` gives it, default ``model_name``.

        Raises:
            UserErrorException: the name cannot be a model's.
            ModelPathNotFoundException: the run has no such file.
        """
        from ..models.register import register_run_files
        from .filters import texts_of

        known = register_run_files(
            self._workspace.folder,
            self._store,
            self._run_id,
            self._folder,
            model_name,
            str(model_path or model_name),
            tags=texts_of("tags", tags or {}),
            properties=texts_of("properties", properties or {}),
            about={
                "description": description,
                "model_framework": model_framework,
                "model_framework_version": model_framework_version,
            },
        )
        from ..models.model import Model

        return Model._of(self._workspace, known)


def keep_file(run_folder: Path, name: str, source: Any) -> str:
    """Keep a file for a metric that points to it; the name it got."""
    files = job_module("files")
    return str(files.keep(str(upload_folder(run_folder).parent), files.kept_name(name), source))
