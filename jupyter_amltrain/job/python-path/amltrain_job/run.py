"""The run as its own script sees it: ``Run.get_context()`` (azureml-v1.md sections 10.1, 10.2 and 11.1)."""

import os
import warnings

from .channel import channel
from .errors import RunEnvironmentException, SnapshotException, UserErrorException
from .logged import Logged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional

    from .model import Model

MOST_CHILDREN = 100


class Run(Logged):
    """What the run of a job and the run of a script started by hand have in common.

    Use :meth:`get_context`; a notebook, outside of a job, has the full ``Run`` of jupyter_amltrain.
    """

    _context: "Optional[Run]" = None

    def __init__(self, run_id: str, experiment: str) -> None:
        self.id = run_id
        self.experiment = Experiment(experiment)

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **kwargs: "Any") -> "Run":
        """The run this script belongs to, the same object every time.

        Args:
            allow_offline: when the script was not started by a run, give one that prints what it is told.
            used_for_context_manager: accepted, as in the SDK.
            kwargs: accepted, as in the SDK.

        Raises:
            RunEnvironmentException: there is no run and ``allow_offline`` is False.
        """
        run_id = os.environ.get("AMLTRAIN_RUN_ID")
        if not run_id and not allow_offline:
            raise RunEnvironmentException(
                "This script was not started by a run, so there is no run to attach to. "
                "Submit it, or call Run.get_context() without allow_offline=False."
            )
        if Run._context is None:
            if run_id:
                Run._context = _SubmittedRun(run_id, os.environ.get("AZUREML_ARM_PROJECT_NAME", ""))
            else:
                from .offline import _OfflineRun

                Run._context = _OfflineRun()
        return Run._context

    def __repr__(self) -> str:
        return "Run(Experiment: %s,\nId: %s,\nStatus: %s)" % (self.experiment.name, self.id, self.get_status())

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: "Any") -> None:
        """Leave the status to whoever started the script."""

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Run.%s cannot be used inside a job of jupyter_amltrain; there are: %s."
            % (name, ", ".join(member for member in dir(type(self)) if not member.startswith("_")))
        )

    @property
    def input_datasets(self) -> "Dict[str, Any]":
        """Name to path of its inputs, to a data set where it was given as it is."""
        from .data import input_datasets

        return input_datasets()

    @property
    def output_datasets(self) -> "Dict[str, str]":
        """Name to the folder of each of its outputs."""
        from .data import output_datasets

        return output_datasets()

    def get_status(self) -> str:
        """Azure ML's word for the state: a script only ever sees its run running."""
        return "Running"

    def tag(self, key: str, value: "Any" = None) -> None:
        """Set a tag, or change it; a value that is not text becomes text."""
        self.set_tags({key: value})

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        """Set several tags; others stay."""
        raise NotImplementedError

    def start(self) -> None:
        """Nothing to do: it runs already."""

    def complete(self, _set_status: bool = True) -> None:
        """Leave the status to whoever started the script, as Azure ML does."""
        self.flush()

    def fail(self, error_details: "Any" = None, error_code: "Any" = None, _set_status: bool = True) -> None:
        """Leave the status to whoever started the script, as Azure ML does: exit with an error to fail the run."""
        self.flush()

    def cancel(self) -> None:
        """Warn: a run is canceled from outside."""
        warnings.warn("A run cannot cancel itself; end the script, or cancel the run from the notebook.", stacklevel=2)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Wait until everything that was logged has left this process."""

    def submit_child(self, config: "Any", tags: "Any" = None, **kwargs: "Any") -> "Run":
        """Refused: a job cannot start other jobs.

        Raises:
            UserErrorException: always, with what to do instead.
        """
        raise UserErrorException(
            "A job cannot submit another job: it has no access to the engine that runs it. Call "
            "run.submit_child(config) in the notebook, or use run.child_run() for a child that this script logs to."
        )


class Experiment:
    """The experiment of the run, by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def workspace(self) -> "Any":
        """The workspace, by name."""
        from .workspace import Workspace

        return Workspace()

    def __repr__(self) -> str:
        return "Experiment(Name: %s)" % self.name

    def __getattr__(self, name: str) -> "Any":
        raise AttributeError(
            "Experiment.%s cannot be used inside a job of jupyter_amltrain; there are: name, workspace." % name
        )


class _SubmittedRun(Run):
    """The run that started this script: what it logs goes out through the record channel."""

    _child_id: "Optional[str]" = None
    """Id of a child run, None of the run itself."""

    parent: "Optional[Run]" = None
    type = "azureml.scriptrun"

    # --- where its files are ---------------------------------------------------------------------------------------

    @property
    def _run_folder(self) -> str:
        return os.path.dirname(self._working_folder)

    @property
    def _working_folder(self) -> str:
        return os.environ.get("AMLTRAIN_ROOT") or os.path.abspath(os.curdir)

    # --- logging ---------------------------------------------------------------------------------------------------

    def _send_point(self, text: str) -> None:
        channel.point(text, self._child_id)

    def _send(self, kind: str, **fields: "Any") -> None:
        if self._child_id:
            fields["i"] = self._child_id
        channel.write(kind, **fields)

    def _keep_file(self, name: str, source: "Any") -> str:
        from .files import keep, kept_name

        return keep(self._run_folder, kept_name(name), source)

    def flush(self, timeout_seconds: float = 300) -> None:
        if not channel.close(timeout_seconds):
            warnings.warn(
                "Nobody read what was logged for %s s; the rest is kept for later." % timeout_seconds, stacklevel=2
            )

    def get_metrics(
        self,
        name: "Optional[str]" = None,
        recursive: bool = False,
        run_type: "Optional[str]" = None,
        populate: bool = False,
    ) -> "Dict[str, Any]":
        """What was logged to the run until now, by all of its processes, as the notebook's ``get_metrics`` gives it."""
        answer: "Dict[str, Any]" = self._ask(
            "metrics", name=name, recursive=recursive, run_type=run_type, populate=populate
        )
        return answer

    # --- what is said of it ------------------------------------------------------------------------------------------

    def set_tags(self, tags: "Dict[str, Any]") -> None:
        self._send("tags", v={str(key): None if value is None else str(value) for key, value in tags.items()})

    def remove_tags(self, tags: "Any") -> None:
        """Remove tags by name; missing ones are no error."""
        self._send("untag", v=[tags] if isinstance(tags, str) else [str(tag) for tag in tags])

    def get_tags(self) -> "Dict[str, Optional[str]]":
        """Its tags as of now, those that were set from outside included."""
        answer: "Dict[str, Optional[str]]" = self._ask("tags")
        return answer

    @property
    def tags(self) -> "Dict[str, Optional[str]]":
        """Its tags."""
        return self.get_tags()

    def add_properties(self, properties: "Dict[str, Any]") -> None:
        """Add properties, which never change again.

        Raises:
            AzureMLException: one of them has another value already; none was added.
        """
        texts = {str(key): None if value is None else str(value) for key, value in properties.items()}
        self._ask("add_properties", properties=texts)

    def get_properties(self) -> "Dict[str, Optional[str]]":
        """Its properties."""
        answer: "Dict[str, Optional[str]]" = self._ask("properties")
        return answer

    @property
    def properties(self) -> "Dict[str, Optional[str]]":
        """Its properties."""
        return self.get_properties()

    @property
    def display_name(self) -> "Optional[str]":
        """A name for people; set it to change it."""
        answer: "Optional[str]" = self._ask("about")["display_name"]
        return answer

    @display_name.setter
    def display_name(self, value: "Optional[str]") -> None:
        self._send("about", v={"display_name": value})

    @property
    def description(self) -> "Optional[str]":
        """A description; set it to change it."""
        answer: "Optional[str]" = self._ask("about")["description"]
        return answer

    @description.setter
    def description(self, value: "Optional[str]") -> None:
        self._send("about", v={"description": value})

    def get_details(self) -> "Dict[str, Any]":
        """All about it, with the keys of the SDK."""
        answer: "Dict[str, Any]" = self._ask("details")
        return answer

    def _ask(self, what: str, **more: "Any") -> "Any":
        from .asking import ask

        return ask(os.path.dirname(self._working_folder), what, run=self._child_id or "", **more)

    # --- children ----------------------------------------------------------------------------------------------------

    def child_run(
        self, name: "Optional[str]" = None, run_id: "Optional[str]" = None, outputs: "Optional[str]" = None
    ) -> "Run":
        """A new run below this one, for this script to log to; it is over when the script says so, or ends.

        Args:
            name: a name for people.
            run_id: its id, made up when not given.
            outputs: accepted, as in the SDK.
        """
        return self._new_child(run_id, name, {})

    def create_children(
        self,
        count: "Optional[int]" = None,
        tag_key: "Optional[str]" = None,
        tag_values: "Optional[List[Any]]" = None,
    ) -> "List[Run]":
        """Several new runs below this one: ``count`` of them, or one for each tag value.

        Raises:
            UserErrorException: neither or both are given, or they are more than 100.
        """
        key, values = children_asked(count, tag_key, tag_values)
        return [self._new_child(None, None, {key: str(value)}) for value in values]

    def _new_child(self, run_id: "Optional[str]", name: "Optional[str]", tags: "Dict[str, str]") -> "Run":
        from uuid import uuid4

        child = _ChildRun(run_id or str(uuid4()), self)
        self._send("child", v={"id": child.id, "name": name, "tags": tags})
        return child

    def get_children(
        self,
        recursive: bool = False,
        tags: "Any" = None,
        properties: "Any" = None,
        type: "Optional[str]" = None,
        status: "Optional[str]" = None,
        _rehydrate_runs: bool = True,
    ) -> "Iterator[Run]":
        """The runs below this one that fit all filters, newest first."""
        found = self._ask("children", recursive=recursive, tags=tags, properties=properties, type=type, status=status)
        return iter([_ChildRun(child["id"], self) for child in found])

    # --- files -------------------------------------------------------------------------------------------------------

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

    @property
    def _files_folder(self) -> str:
        """The folder that has ``outputs`` and ``logs`` in it."""
        return self._working_folder

    def download_file(
        self, name: str, output_file_path: "Optional[str]" = None, _validate_checksum: bool = False
    ) -> None:
        """Copy one of its files.

        Raises:
            UserErrorException: it has no such file.
        """
        from .files import clean_name, copy_out

        files = self._files()
        if clean_name(name) not in files:
            raise UserErrorException("The run has no file '%s'; there are: %s." % (name, ", ".join(files) or "none"))
        base = os.path.basename(name)
        target = base if output_file_path is None else str(output_file_path)
        if target.endswith("/") or os.path.isdir(target):
            target = os.path.join(target, base)
        copy_out(files[clean_name(name)], target)

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


class _ChildRun(_SubmittedRun):
    """A run below the run of the job; its state is the script's to say."""

    type = ""

    def __init__(self, run_id: str, parent: "Run") -> None:
        super().__init__(run_id, parent.experiment.name)
        self._child_id = run_id
        self.parent = parent

    @property
    def _run_folder(self) -> str:
        from .files import CHILDREN

        return os.path.join(os.path.dirname(self._working_folder), CHILDREN, self.id)

    @property
    def _files_folder(self) -> str:
        return self._run_folder

    def get_status(self) -> str:
        """Its state as of now."""
        return str(self._ask("about")["status"])

    def complete(self, _set_status: bool = True) -> None:
        """The child is over, and all went well."""
        self._send("state", v={"status": "Completed"})

    def fail(self, error_details: "Any" = None, error_code: "Any" = None, _set_status: bool = True) -> None:
        """The child is over, and failed; the error is text or an exception."""
        self._send("state", v={"status": "Failed", "error": error_of(error_details, error_code)})

    def cancel(self) -> None:
        """The child is over, and was canceled."""
        self._send("state", v={"status": "Canceled"})

    def __exit__(self, *exception: "Any") -> None:
        if is_success(exception[1]):
            self.complete()
        else:
            self.fail(exception[1])


def is_success(error: "Optional[BaseException]") -> bool:
    """Whether a block that ended with this exception, or with none, went well."""
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))


def error_of(details: "Any", code: "Any" = None) -> "Dict[str, str]":
    """Text or an exception as the error of a run.

    Raises:
        TypeError: it is neither.
    """
    found = {"code": str(code or "UserError")}
    if isinstance(details, BaseException):
        found["message"] = "User program failed with %s: %s" % (type(details).__name__, details)
    elif isinstance(details, str):
        found["message"] = details
    elif details is not None:
        raise TypeError("error_details must be instance of string or BaseException.")
    return found


def children_asked(count: "Any", tag_key: "Any", tag_values: "Any") -> "Any":
    """Tag and its values for new children, checked in the SDK's words."""
    if tag_key is None and tag_values is None and count is None:
        raise UserErrorException("Either count or tag_key and tag_values must be set")
    if tag_key is not None or tag_values is not None:
        if tag_key is None:
            raise UserErrorException("tag_key must not be null when tag_values is set")
        if tag_values is None:
            raise UserErrorException("tag_values must not be null when tag_key is set")
        if count is not None:
            raise UserErrorException("count can not be set when tag_key and tag_values are set")
    else:
        tag_key, tag_values = "azureml.batch_child_number", range(count)
    if len(tag_values) > MOST_CHILDREN:
        raise UserErrorException("create_children can not create more than 100 runs")
    return tag_key, list(tag_values)
