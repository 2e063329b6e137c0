"""``Experiment`` of the SDK: a name under which runs are kept (azureml-v1.md section 8)."""

from __future__ import annotations

import builtins
import copy
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..absent import INTERNAL, Recreated
from ..errors import NameNotFoundException, UserErrorException
from .filters import Filter, texts_of
from .html import link, table
from .interactive import OUTPUTS, start_logged_run
from .run import Run, ScriptRun

if TYPE_CHECKING:
    from ..workspace import Workspace

_NAME = re.compile(r"[a-zA-Z0-9][\w\-]*")
_MOST_BYTES = 200


class Experiment(Recreated):
    """Runs that belong together. The same name is the same experiment; it begins with its first run.

    Args:
        workspace: where it is kept.
        name: letters, digits, ``_`` and ``-``, the first one a letter or digit of ASCII; at most 200 bytes.

    Raises:
        UserErrorException: the name cannot be an experiment's.
    """

    _absent = {
        **dict.fromkeys(("DELIM", "EXPERIMENT_ID_PATH", "EXPERIMENT_NAME_PATH", "TID_FMT", "WORKSPACE_FMT"), INTERNAL),
        **dict.fromkeys(("archive", "reactivate", "archived_time", "delete"), "experiments are always active for now"),
        "from_directory": "Experiment(ws, 'name') is the experiment",
        "get_docs_url": "there is no page about it; see the docstrings",
        "identity": INTERNAL,
        "info": "get_runs() gives its runs",
        "portal_url": "get_portal_url() says where to look",
        "refresh": "nothing is kept in the object, so it is always fresh",
        **dict.fromkeys(("tag", "set_tags", "remove_tags", "tags"), "tag the runs instead"),
    }

    def __init__(self, workspace: Workspace, name: str, _skip_name_validation: bool = False, **kwargs: Any) -> None:
        if not hasattr(workspace, "store"):
            raise UserErrorException(
                f"Experiment takes a Workspace and a name, not {type(workspace).__name__}: Experiment(ws, 'my-name')."
            )
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UserErrorException(
                f"{name!r:.80} cannot be the name of an experiment: take letters, digits, '_' and '-',"
                f" beginning with a letter or digit{_suggestion(name)}."
            )
        if len(name.encode()) > _MOST_BYTES:
            raise UserErrorException(
                f"The experiment's name has {len(name.encode())} bytes; the folders of its runs are named after it, so"
                f" it may have {_MOST_BYTES}. Take a shorter one."
            )
        self._workspace = workspace
        self._name = name

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def id(self) -> str:
        """Its id, made when it is first asked for."""
        return self._workspace.store.ensure_experiment(self._name)

    @property
    def workspace(self) -> Workspace:
        """The workspace it is kept in."""
        return self._workspace

    @property
    def workspace_object(self) -> Workspace:
        """The workspace, under the SDK's other name."""
        return self._workspace

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **kwargs: Any) -> ScriptRun:
        """Start a run and return at once; later changes of ``config`` do not reach it.

        Args:
            config: a ScriptRunConfig.
            tags: tags of the run.

        Raises:
            ExperimentExecutionException: the script or its folder is missing.
            UserErrorException: ``config`` or something in it cannot be right.
        """
        return self._submit(config, tags, **kwargs)

    def _submit(self, config: Any, tags: Mapping[str, Any] | None, parent: str = "", **kwargs: Any) -> ScriptRun:
        from ..submission.config import ScriptRunConfig
        from ..submission.submit import submit

        if not isinstance(config, ScriptRunConfig):
            raise UserErrorException(
                f"Experiment.submit takes a ScriptRunConfig, not {type(config).__name__}:"
                " ScriptRunConfig(source_directory='.', script='train.py')."
            )
        if kwargs:
            raise UserErrorException(
                f"Experiment.submit does not know {', '.join(sorted(kwargs))}; set it on the ScriptRunConfig."
            )
        run = submit(self._workspace, self._name, copy.deepcopy(config), texts_of("tags", tags or {}), parent=parent)
        return ScriptRun(self, run.id)

    def start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: str | None = OUTPUTS,
        snapshot_directory: str | None = ".",
        display_name: str | None = None,
        **kwargs: Any,
    ) -> Run:
        """Begin a run that this notebook logs to itself; as a context manager it ends with the block.

        Args:
            name: a name for people, as is ``display_name``.
            run_id: its id, made up when not given.
            outputs: a folder whose files become the run's when it is completed, None for none.
            snapshot_directory: a folder to take a snapshot of at once, None for none.

        Raises:
            SnapshotException: there is no such folder.
            UserErrorException: the id cannot be one, or is taken.
        """
        return start_logged_run(
            self, name=display_name or name, run_id=run_id, outputs=outputs, snapshot=snapshot_directory
        )

    def get_runs(
        self, type: str | None = None, tags: Filter = None, properties: Filter = None, include_children: bool = False
    ) -> Iterator[Run]:
        """Its runs, newest first; filters as in :meth:`Run.list`."""
        return Run.list(self, type=type, tags=tags, properties=properties, include_children=include_children)

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: Filter = None,
    ) -> builtins.list[Experiment]:
        """The experiments of a workspace, oldest first.

        Raises:
            NameNotFoundException: there is none of that name; the message suggests the nearest.
        """
        names = workspace.store.experiments()
        if experiment_name is not None and experiment_name not in names:
            raise NameNotFoundException("experiment", experiment_name, names)
        return [Experiment(workspace, name) for name in names if experiment_name in (None, name)]

    def get_portal_url(self) -> str:
        """Where to look at it: the folder of the workspace's runs."""
        return (self._workspace.folder / "runs").as_uri()

    def __str__(self) -> str:
        return f"Experiment(Name: {self._name},\nWorkspace: {self._workspace.name})"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        page = link(self.get_portal_url(), "Link to the runs' folder")
        return table("experiment", ["Name", "Workspace", "Report Page"], [[self._name, self._workspace.name, page]])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Experiment):
            return NotImplemented
        return (self._name, self._workspace.folder) == (other._name, other._workspace.folder)

    def __hash__(self) -> int:
        return hash(self._name)


def _suggestion(name: Any) -> str:
    better = re.sub(r"\W+", "-", str(name), flags=re.ASCII).strip("-_")[:255] if isinstance(name, str) else ""
    return f", such as '{better}'" if better else ""
