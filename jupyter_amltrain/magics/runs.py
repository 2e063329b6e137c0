"""``%aml_submit``, ``%%aml_submit``, ``%aml_runs``, ``%aml_logs``, ``%aml_metrics``, ``%aml_cancel``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from ..data.inputs import read_inputs
from ..errors import ActivityFailedException, NameNotFoundException, UserErrorException
from ..runs import status as states
from ..runs.duration import duration
from ..runs.find import LAST
from ..runs.record import OVER
from . import logs
from .answers import plain_errors, read_line
from .beginning import wait_in_notebook
from .disk import work_files
from .named_run import named_run
from .session import default_experiment
from .table import Table
from .terminal import wait_in_terminal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..runs.record import RunRecord
    from ..runs.run import Run
    from ..submission.cell_script import CellScript
    from ..submission.config import ScriptRunConfig
    from ..workspace import Workspace
    from .screen import Screen, Watched
    from .session import Session

_WHY_CHARACTERS = 120
_DRAWN_WITHIN_S = 2.0


@magics_class
class RunMagics(Magics):
    """Submitting and watching runs."""

    def __init__(self, shell: InteractiveShell, session: Session, screen: Screen) -> None:
        super().__init__(shell)
        self._shell = shell
        self._session = session
        self._screen = screen

    @line_cell_magic
    @plain_errors
    @magic_arguments()
    @argument("script", nargs="?", help="The script to run; not given when the cell is the script.")
    @argument("--env", metavar="NAME", help="Environment, NAME or NAME:VERSION; the one made last, or the only one.")
    @argument("--target", metavar="NAME", default="local", help="Compute target; 'local' unless given.")
    @argument("--experiment", metavar="NAME", help="Experiment; the notebook's name unless given.")
    @argument(
        "--source",
        metavar="DIR",
        help="Folder whose files go along; the script's own, and none for a cell, unless given.",
    )
    @argument("--name", metavar="FILE", default="cell.py", help="File name of a cell's script, as tracebacks show it.")
    @argument("--tag", metavar="KEY=VALUE", action="append", default=[], help="Tag of the run; may be repeated.")
    @argument(
        "--input",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="Data to read: a path of this machine or a registered data set. The job has its path in $NAME.",
    )
    @argument(
        "--mount",
        metavar="PATH:TARGET",
        action="append",
        default=[],
        help="Data to read at a path of the job's, such as /data/pets:/data.",
    )
    @argument("--shm", metavar="SIZE", help="Size of /dev/shm, such as 2g; DataLoader workers need it.")
    @argument("--no-autolog", action="store_true", help="Only what the script logs, nothing that frameworks report.")
    @argument("--log-patterns", action="store_true", help="Metrics from printed lines, too, such as loss=0.12.")
    @argument("--no-system-metrics", action="store_true", help="Without CPU, memory and the like of the run.")
    @argument("--over", metavar="RUN", help="Draw the run over the curves of this one: an id, a variable, or 'last'.")
    @argument("--wait", action="store_true", help="Show the logs until the run is over.")
    @argument("--out", metavar="VARIABLE", help="Variable that also gets the Run.")
    def aml_submit(self, line: str, cell: str | None = None) -> Run:
        """Run a script in an environment; what follows -- are its arguments.

        Returns the Run at once, which a notebook shows as a live view, and it goes on whatever happens to the notebook.
        With --wait the cell lasts until it is over, with its logs as text where no view can be shown; stopping the cell
        stops only the watching.

            %aml_submit train.py
            %aml_submit --env torch --target gpu-cluster --wait src/train.py -- --epochs 3
            run = %aml_submit --source . --tag model=resnet34 src/train.py
            %aml_submit --input pets=/data/pets train.py -- --data $pets
            %aml_submit --over last train.py -- --lr 0.01

        As a cell magic, the cell is the script. Line numbers in its tracebacks are those of the cell.

            %%aml_submit --env torch --wait --out run
            from azureml.core import Run
            Run.get_context().log("loss", 0.5)
        """
        asked, arguments = read_line(self.aml_submit, line)
        from ..runs.experiment import Experiment
        from ..submission.submit import submit

        experiment = Experiment(self._session.workspace, asked.experiment or default_experiment())
        config, script = self._request(asked, arguments, cell)
        over = {OVER: self._over(asked.over)} if asked.over else {}
        record = submit(experiment.workspace, experiment.name, config, _tags(asked.tag), script, properties=over)
        run = experiment.workspace.get_run(record.id)
        if asked.out:
            self._shell.user_ns[asked.out] = run
        if asked.wait:
            in_notebook = getattr(self._shell, "kernel", None) is not None
            _wait(run, self._screen.show(experiment.workspace, run.id), in_notebook)
        return run

    def _over(self, text: str) -> str:
        workspace, run_id = self._run(text)
        if workspace != self._session.workspace:
            raise UserErrorException(
                f"{run_id} is a run of the workspace {workspace.name}, and a run can be drawn only over one of its own,"
                f" {self._session.workspace.name}."
            )
        return run_id

    def _request(self, asked: Any, arguments: list[str], cell: str | None) -> tuple[ScriptRunConfig, CellScript | None]:
        from ..submission.cell_script import CELL_HEAD, CellScript
        from ..submission.config import DockerConfiguration, ScriptRunConfig
        from ..submission.job import AUTOMATIC, PATTERNS, SYSTEM_METRICS

        if asked.out and not asked.out.isidentifier():
            raise UserErrorException(f"'{asked.out}' cannot name a variable; give --out a name such as run.")
        script: CellScript | None = None
        if cell is None:
            if not asked.script:
                raise UserErrorException("Name the script to run, as in: %aml_submit train.py")
            folder, name = _script_place(asked.script, asked.source)
        elif asked.script:
            raise UserErrorException(
                f"The cell is the script, so '{asked.script}' has no place; put the script's arguments after --."
            )
        elif not any(line.strip() and not line.lstrip().startswith("#") for line in cell.splitlines()):
            raise UserErrorException("The cell is empty: below the line with %%aml_submit comes the script to run.")
        else:
            script = CellScript(asked.name, CELL_HEAD + cell, with_folder=asked.source is not None)
            folder, name = asked.source or ".", asked.name
        config = ScriptRunConfig(
            source_directory=folder,
            script=name,
            arguments=arguments,
            compute_target=asked.target,
            environment=self._session.environment(asked.env),
            docker_runtime_config=DockerConfiguration(shm_size=asked.shm) if asked.shm else None,
        )
        config.run_config.data = read_inputs(self._session.workspace, asked.input, asked.mount)
        if asked.no_autolog:
            config.run_config.environment_variables[AUTOMATIC] = "0"
        if asked.log_patterns:
            config.run_config.environment_variables[PATTERNS] = "1"
        if asked.no_system_metrics:
            config.run_config.environment_variables[SYSTEM_METRICS] = "0"
        return config, script

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("--experiment", metavar="NAME", help="Only the runs of this experiment.")
    @argument("--status", metavar="STATE", help="Only runs in this state, such as Running.")
    @argument("--limit", type=int, default=20, help="How many at most, the newest first; 20 unless given.")
    @argument(
        "--export",
        nargs=2,
        metavar=("FORMAT", "URI"),
        help="Copy these runs: 'mlflow' and the address of a tracking server or store. Those there already stay.",
    )
    @argument("run", nargs="*", help="With --prune: a run's id or one end of it, a variable with a Run, or 'last'.")
    @argument("--prune", action="store_true", help="What jobs wrote elsewhere than in outputs and logs: list, delete.")
    @argument("--older-than", metavar="SPAN", help="With --prune: of runs that ended so long ago, such as 30d or 12h.")
    @argument("--beyond", metavar="SIZE", help="With --prune: of the oldest runs, until all take no more than that.")
    @argument("--dry-run", action="store_true", help="With --prune: only tell what would be deleted.")
    def aml_runs(self, line: str) -> Table | None:
        """List the runs of the workspace, the newest first, copy them elsewhere, or free the room that they take.

        %aml_runs --experiment quickstart --status Failed
        %aml_runs --experiment quickstart --export mlflow http://tracking.example.com:5000
        %aml_runs --prune
        %aml_runs --prune --older-than 30d --beyond 50g --dry-run
        """
        asked, _ = read_line(self.aml_runs, line)
        if asked.prune:
            return work_files(self._session.workspace, asked, [self._run(text)[1] for text in asked.run])
        if asked.run or asked.older_than or asked.beyond or asked.dry_run:
            raise UserErrorException("A run, --older-than, --beyond and --dry-run mean nothing without --prune.")
        store = self._session.workspace.store
        if asked.experiment and asked.experiment not in store.experiments():
            raise NameNotFoundException("experiment", asked.experiment, store.experiments())
        status = {state.lower(): state for state in states.ALL}.get((asked.status or "").lower())
        if asked.status and not status:
            raise NameNotFoundException("state", asked.status, states.ALL)
        found = store.runs(experiment=asked.experiment, status=[status] if status else None, limit=max(0, asked.limit))
        if asked.export:
            if asked.export[0] != "mlflow":
                raise UserErrorException(f"--export knows 'mlflow' and an address, not '{asked.export[0]}'.")
            from ..runs.mlflow_export import export_runs

            export_runs(store, self._session.workspace.folder, found, asked.export[1], print)
            return None
        return Table(
            ("Run", "Experiment", "Target", "Status", "Submitted", "Took", "Why"),
            [_row(record, time.time()) for record in found],
            empty="no runs",
            numbers={"Took"},
        )

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("run", nargs="?", default=LAST, help="A run's id or one end of it, a variable with a Run, or 'last'.")
    @argument("-f", "--follow", action="store_true", help="Go on until the run is over.")
    @argument("--file", metavar="NAME", help="Which log or output file; the newest log, with -f all, unless given.")
    @argument("--tail", metavar="N", type=int, help="Only the last N lines of what is there already.")
    def aml_logs(self, line: str) -> None:
        """Show what a run wrote.

        %aml_logs last -f
        %aml_logs 4f0c21ab --file 20_image_build_log.txt --tail 50
        """
        asked, _ = read_line(self.aml_logs, line)
        workspace, run_id = self._run(asked.run)
        folder = workspace.run_folder(run_id)
        name = logs.find_file(folder, asked.file) if asked.file else ""
        if not asked.follow:
            name = name or logs.newest_log(folder)
            if name:
                logs.write_file(folder, name, asked.tail, _show)
            else:
                print(_no_log_yet(workspace.store.run(run_id)))
            return
        try:
            status = logs.write_growing(workspace, run_id, [name] if name else [], asked.tail, _show)
        except KeyboardInterrupt:
            raise UsageError(f"Stopped watching; the run goes on. %aml_cancel {run_id} ends it.") from None
        print(f"{run_id}: {status}")

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("run", nargs="?", default=LAST, help="A run's id or one end of it, a variable with a Run, or 'last'.")
    def aml_metrics(self, line: str) -> dict[str, Any]:
        """Return the metrics of a run: name to value, or to the list of values where it was logged more than once."""
        asked, _ = read_line(self.aml_metrics, line)
        workspace, run_id = self._run(asked.run)
        return workspace.get_run(run_id).get_metrics()

    @line_magic
    @plain_errors
    @magic_arguments()
    @argument("run", nargs="*", help="Runs' ids or one end of them, variables with a Run, or 'last'.")
    @argument("--all", action="store_true", help="Every run of the workspace that is not over.")
    def aml_cancel(self, line: str) -> None:
        """End runs early. Their scripts get Ctrl-C first, so that they can clean up; what they wrote is kept.

        %aml_cancel last
        %aml_cancel --all
        """
        asked, _ = read_line(self.aml_cancel, line)
        if asked.all == bool(asked.run):
            raise UserErrorException(
                "Say which run to cancel: its id, 'last', or --all for every one that is not over."
            )
        if asked.all:
            workspace = self._session.workspace
            live = workspace.store.runs(status=(*states.ACTIVE, *states.WAITING))
            # Those that wait first, so that none of them starts in the place of a canceled one.
            chosen = [(workspace, run.id) for run in sorted(live, key=lambda run: run.status not in states.WAITING)]
            if not chosen:
                print("No run is under way.")
        else:
            chosen = [self._run(text) for text in asked.run]
        for workspace, run_id in chosen:
            workspace.get_run(run_id).cancel()
            print(f"{run_id}: {workspace.store.run(run_id).status}")

    def _run(self, text: str) -> tuple[Workspace, str]:
        return named_run(self._shell, self._session, text)


def _script_place(script: str, source: str | None) -> tuple[str, str]:
    """Folder and script as ScriptRunConfig takes them; a path from here that lies in ``source`` is one in it."""
    path = Path(script).expanduser()
    if source is None:
        return str(path.parent), path.name
    folder = Path(source).expanduser()
    if not (folder / path).is_file() and path.is_file() and folder.resolve() in path.resolve().parents:
        return str(folder), str(path.resolve().relative_to(folder.resolve()))
    return str(folder), str(path)


def _tags(pairs: list[str]) -> dict[str, str | None]:
    tags: dict[str, str | None] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key:
            raise UserErrorException(f"'{pair}' is no tag; write --tag key=value.")
        tags[key] = value if equals else None
    return tags


def _wait(run: Run, watched: Watched | None, in_notebook: bool) -> None:
    """Wait with the run in view; where nobody draws it, as in nbconvert, with its text."""
    in_view = watched is not None and watched.seen_within(_DRAWN_WITHIN_S)
    try:
        if in_view:
            run.wait_for_completion()
        elif in_notebook:
            wait_in_notebook(run)
        else:
            wait_in_terminal(run)
    except ActivityFailedException:
        if watched is None:
            from ..saved import run_bundle

            display(run_bundle(run.experiment.workspace, run.id), raw=True)
        reason = run.get_details()["error"]["error"]["message"]
        raise UsageError(f"The run {run.id} failed: {reason}") from None


def _row(run: RunRecord, now: float) -> tuple[str, ...]:
    took = duration((run.ended or now) - run.started) if run.started else ""
    submitted = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created))
    why = shorten(run.reason, _WHY_CHARACTERS, placeholder=" …")
    return run.id, run.experiment, run.target, run.status, submitted, took, why


def _no_log_yet(run: RunRecord) -> str:
    return (
        f"{run.id} has written nothing{'' if run.status in states.TERMINAL else ' yet'} ({run.status}: {run.reason})."
    )


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
