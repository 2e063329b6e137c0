"""The run that started this script, and the children that the script makes below it (azureml-v1.md section 10.2)."""

import os
import warnings
from time import time

from .channel import channel
from .ending import children_asked, error_of, is_success
from .errors import UserErrorException
from .own_files import OwnFiles
from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional


class _SubmittedRun(OwnFiles, Run):
    """The run that started this script: what it logs goes out through the record channel."""

    _child_id: "Optional[str]" = None
    """Id of a child run, None of the run itself."""

    parent: "Optional[Run]" = None
    type = "azureml.scriptrun"

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
    def number(self) -> int:
        """Its place among all runs of the workspace."""
        return int(self._ask("about")["number"])

    @property
    def status(self) -> str:
        """Its state."""
        return self.get_status()

    @property
    def name(self) -> "Optional[str]":
        """Its name for people, the same as ``display_name``."""
        return self.display_name

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

    def get_portal_url(self) -> str:
        """Where to look at it: its folder on the machine of the notebook."""
        return str(self._ask("about")["portal_url"])

    def get_details(self) -> "Dict[str, Any]":
        """All about it, with the keys of the SDK."""
        answer: "Dict[str, Any]" = self._ask("details")
        return answer

    def _ask(self, what: str, **more: "Any") -> "Any":
        from .asking import ask

        return ask(os.path.dirname(self._working_folder), what, **dict({"run": self._child_id or ""}, **more))

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

    def submit_child(self, config: "Any", tags: "Any" = None, **kwargs: "Any") -> "Run":
        """Start a run below this one: another script, or other arguments, in the environment and target of this run.

        It has the files that this run was submitted with, and its inputs. It goes on when this run is over.

        Args:
            config: a :class:`ScriptRunConfig` of ``azureml.core``.
            tags: tags of the child.

        Raises:
            UserErrorException: the configuration asks for what a child cannot have here.
            ExperimentExecutionException: the snapshot has no such script.
        """
        from .submitted_child import SubmittedChild, request_of

        if kwargs:
            raise UserErrorException("submit_child does not know %s." % ", ".join(sorted(kwargs)))
        asked = request_of(config)
        given = {str(key): None if value is None else str(value) for key, value in (tags or {}).items()}
        # Made here, so that a question that is repeated starts one run only.
        answer = self._ask("submit_child", tags=given, request=os.urandom(8).hex(), at=int(time()), **asked)
        return SubmittedChild(str(answer["id"]), self)

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
        from .submitted_child import SubmittedChild

        return iter([(SubmittedChild if child["type"] else _ChildRun)(child["id"], self) for child in found])


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
