"""What environments and runs of a workspace take on the disk, and how some of it goes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .workspace_contents import WorkspaceContents
from .workspace_settings import change_settings, read_settings

if TYPE_CHECKING:
    from .disk.items import DiskUsage, Pruning
    from .disk.work_files import PrunedWorkFiles


class WorkspaceDisk(WorkspaceContents):
    """The part of ``Workspace`` that is about room on the disk."""

    def disk_usage(self) -> DiskUsage:
        """What environments and runs take on the disk: images, virtual environments and what else is kept for them.

        Each thing tells its size, what its deletion would free, the environments that lead to it and the runs that used
        it. Images and virtual environments are those of the whole home folder, since its workspaces share them.
        """
        from .disk.prune import disk_usage

        return disk_usage(self.folder)

    def prune(
        self,
        *names: str,
        unused: bool = False,
        older_than: str | float | timedelta | None = None,
        build_cache: bool = False,
        dry_run: bool = False,
    ) -> Pruning:
        """Delete images and virtual environments; only what is asked for, and nothing that is in use.

        The environments themselves stay: the next use builds or installs them again. Runs keep the digest and the log
        of what they used. What other tools, or other home folders, have on an engine is never touched. Without
        arguments nothing is deleted.

        Args:
            names: environments of this workspace (``torch`` for all versions, ``torch:2``), or images by name or id.
            unused: what no latest version of an environment, in any workspace, and no run that is not over needs.
            older_than: what no run has used for so long: ``30d``, ``12h``, ``2w``, a number of days, or a timedelta.
                Together with ``unused``, both must hold.
            build_cache: also what the engine's builder keeps of earlier builds by this package, by whomever; the next
                builds take longer.
            dry_run: only tell what would be deleted.

        Raises:
            NameNotFoundException: a name is that of no environment and no image.
            UserErrorException: ``older_than`` is no time span.
        """
        from .disk.choice import Asked, seconds_of
        from .disk.prune import prune

        return prune(self.folder, Asked(names, unused, seconds_of(older_than), build_cache), dry_run)

    def prune_work_files(
        self,
        *runs: str,
        older_than: str | float | timedelta | None = None,
        beyond: str | int | None = None,
        dry_run: bool = False,
    ) -> PrunedWorkFiles:
        """Delete what jobs wrote elsewhere than in ``outputs`` and ``logs``: checkpoints, caches, their home folders.

        Nothing goes of a run that is not over, nothing that a link in ``outputs`` or ``logs`` leads to, and nothing at
        all without arguments. ``run.get_work_files()`` still lists what is gone, with its sizes.

        Args:
            runs: ids of runs; without the other arguments, all of their work files go.
            older_than: of runs that ended so long ago: ``30d``, ``12h``, ``2w``, a number of days, or a timedelta.
            beyond: of the runs that ended first, until those of all runs take no more than that, such as ``50g``. With
                ``older_than``, what either one names goes.
            dry_run: only tell what would be deleted.

        Raises:
            NameNotFoundException: there is no such run.
            UserErrorException: ``older_than`` is no time span, or ``beyond`` no size.
        """
        from .disk.work_files import made_rule, prune_work_files

        return prune_work_files(self.folder, self.store, runs, made_rule(older_than, beyond), dry_run=dry_run)

    @property
    def work_files_rule(self) -> dict[str, Any]:
        """What :meth:`set_work_files_rule` said: ``older_than_s`` and ``beyond_bytes``; empty when all is kept."""
        from .disk.work_files import SETTING

        return dict((read_settings(self.folder) or {}).get(SETTING) or {})

    def set_work_files_rule(
        self, older_than: str | float | timedelta | None = None, beyond: str | int | None = None
    ) -> None:
        """Have work files pruned whenever a run ends, as :meth:`prune_work_files` would; without arguments, never.

        Args:
            older_than: of runs that ended so long ago.
            beyond: of the runs that ended first, until those of all runs take no more than that.

        Raises:
            UserErrorException: ``older_than`` is no time span, or ``beyond`` no size.
        """
        from dataclasses import asdict

        from .disk.work_files import SETTING, made_rule

        rule = made_rule(older_than, beyond)
        setting = {key: value for key, value in asdict(rule).items() if value is not None}
        change_settings(self.folder, **{SETTING: setting})
