"""What files take on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BLOCK_BYTES = 512


@dataclass(frozen=True)
class FolderSize:
    """Bytes on the disk; ``own_bytes`` without files that have another name elsewhere, as uv's cache gives them."""

    bytes: int = 0
    own_bytes: int = 0


def folder_size(folder: Path) -> FolderSize:
    """The size of everything below a folder; what vanishes meanwhile, or may not be looked into, counts nothing."""
    size = own = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):
                status = os.lstat(os.path.join(place, name))
                size += status.st_blocks * _BLOCK_BYTES
                if name in folders or status.st_nlink == 1:
                    own += status.st_blocks * _BLOCK_BYTES
    return FolderSize(size, own)
