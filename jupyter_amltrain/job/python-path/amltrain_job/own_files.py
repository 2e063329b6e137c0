"""The files of the run as its own script handles them: uploads, downloads, snapshot, models."""

import os

from .errors import SnapshotException, UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from .model import Model


class OwnFiles:
    """The part of a submitted run that is about its files."""

    @property
    def _run_folder(self) -> str:
        """The folder of the run, which the notebook sees too."""
        return os.path.dirname(self._working_folder)

    @property
    def _working_folder(self) -> str:
        return os.environ.get("AMLTRAIN_ROOT") or os.path.abspath(os.curdir)

    @property
    def _files_folder(self) -> str:
        """The folder that has ``outputs`` and ``logs`` in it."""
        return self._working_folder

    def _ask(self, what: str, **more: "Any") -> "Any":
        raise NotImplementedError

    def get_properties(self) -> "Dict[str, Optional[str]]":
        """The properties of the run."""
        raise NotImplementedError

    def upload_file(self, name: str, path_or_stream: "Any", datastore_name: "Optional[str]" = None) -> None:
        """Keep a copy of a file with the run, at once; what is in ``outputs`` is kept anyhow.

        Raises:
            UserErrorException: there is a file of that name, or it cannot be read.
        """
        from .files import upload

        upload(self._run_folder, self._files_folder, name, path_or_stream)

    def upload_files(
        self,
        names: "List[str]",
        paths: "List[str]",
        return_artifacts: bool = False,
        timeout_seconds: "Optional[int]" = None,
        datastore_name: "Optional[str]" = None,
    ) -> None:
        """Keep copies of several files.

        Raises:
            TypeError: there are not as many names as paths.
        """
        if len(names) != len(paths):
            raise TypeError(
                "names and paths must be lists of equal lengths. Names was of length %d and paths of length %d."
                % (len(names), len(paths))
            )
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str, datastore_name: "Optional[str]" = None) -> None:
        """Keep a copy of a folder."""
        from .files import pairs_of_folder

        for file, source in pairs_of_folder(name, path):
            self.upload_file(file, source)

    def get_file_names(self) -> "List[str]":
        """Its files now: those in ``outputs`` and ``logs``, and what was uploaded."""
        return list(self._files())

    def _files(self) -> "Dict[str, str]":
        from .files import find_files

        return find_files(self._run_folder, self._files_folder)

    def download_file(
        self, name: str, output_file_path: "Optional[str]" = None, _validate_checksum: bool = False
    ) -> None:
        """Copy one of its files.

        Raises:
            UserErrorException: it has no such file.
        """
        from .files import clean_name, copy_out

        files = self._files()
        chosen = name if name in files else clean_name(name)
        if chosen not in files:
            raise UserErrorException("The run has no file '%s'; there are: %s." % (name, ", ".join(files) or "none"))
        base = os.path.basename(name)
        target = base if output_file_path is None else str(output_file_path)
        if target.endswith("/") or os.path.isdir(target):
            target = os.path.join(target, base)
        copy_out(files[chosen], target)

    def download_files(
        self,
        prefix: "Optional[str]" = None,
        output_directory: "Optional[str]" = None,
        output_paths: "Optional[List[str]]" = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: "Optional[int]" = None,
    ) -> None:
        """Copy the files below a folder, such as ``outputs``.

        Raises:
            UserErrorException: there are none, or ``output_paths`` has another length.
        """
        from .files import copy_out

        folder = (prefix or "").rstrip("/")
        files = {name: path for name, path in self._files().items() if not folder or name.startswith(folder + "/")}
        if not files:
            raise UserErrorException("The run has no files below '%s'." % folder)
        if output_paths is not None and len(output_paths) != len(files):
            raise UserErrorException(
                "output_paths names %d file(s) and there are %d." % (len(output_paths), len(files))
            )
        for number, (name, path) in enumerate(files.items()):
            shown = name if append_prefix else name[len(folder) :].lstrip("/")
            target = shown if output_paths is None else str(output_paths[number])
            copy_out(path, os.path.join(str(output_directory or "."), target))

    def get_snapshot_id(self) -> "Optional[str]":
        """The id of the source snapshot it runs."""
        return self.get_properties().get("ContentSnapshotId")

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Refused: the run has the snapshot it was started from.

        Raises:
            SnapshotException: always.
        """
        raise SnapshotException("Cannot take snapshot as the run already has one: %s" % self.get_snapshot_id())

    def restore_snapshot(self, snapshot_id: "Optional[str]" = None, path: "Optional[str]" = None) -> str:
        """Write the snapshot as a zip file into a folder, default the current one; returns the file's path."""
        from .files import copy_out

        answer = self._ask("snapshot", snapshot=snapshot_id)
        made = os.path.join(os.path.dirname(self._working_folder), answer["file"])
        target = os.path.join(str(path or os.curdir), answer["name"])
        copy_out(made, target)
        os.unlink(made)
        return os.path.abspath(target)

    def register_model(
        self,
        model_name: str,
        model_path: "Optional[str]" = None,
        tags: "Optional[Dict[str, Any]]" = None,
        properties: "Optional[Dict[str, Any]]" = None,
        model_framework: "Optional[str]" = None,
        model_framework_version: "Optional[str]" = None,
        description: "Optional[str]" = None,
        datasets: "Any" = None,
        sample_input_dataset: "Any" = None,
        sample_output_dataset: "Any" = None,
        resource_configuration: "Any" = None,
        **kwargs: "Any",
    ) -> "Model":
        """Register files of the run as a model, at once, with a copy of them.

        Args:
            model_path: a file or folder as :meth:`get_file_names` gives it, default ``model_name``.

        Raises:
            ModelPathNotFoundException: the run has no such file.
        """
        from .model import Model

        answer = self._ask(
            "register_model",
            request=os.urandom(8).hex(),
            name=str(model_name),
            path=str(model_path or model_name),
            tags={str(key): None if value is None else str(value) for key, value in (tags or {}).items()},
            properties={str(key): str(value) for key, value in (properties or {}).items()},
            about={
                "description": description,
                "model_framework": model_framework,
                "model_framework_version": model_framework_version,
            },
        )
        return Model._of(answer)
