"""A snapshot as a zip file, for ``Run.restore_snapshot``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from ..errors import SnapshotException


def zip_snapshot(workspace_folder: Path, snapshot_id: str, target: IO[bytes]) -> None:
    """Write all files of a snapshot into a zip archive.

    Raises:
        SnapshotException: there is no such snapshot any more.
    """
    import tempfile

    from ..submission.snapshot import write_snapshot

    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "code"
        try:
            write_snapshot(snapshot_id, workspace_folder / "objects", copy)
        except OSError as error:
            raise SnapshotException(
                f"The snapshot {snapshot_id} cannot be read: {error.strerror}.", inner_exception=error
            ) from error
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(copy.rglob("*")):
                archive.write(path, path.relative_to(copy))
