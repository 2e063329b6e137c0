"""Why a Docker socket may not be used, and the one thing that helps."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass

_WITHOUT = (
    "Or run an engine of your own: rootless Docker (dockerd-rootless-setuptool.sh install), or Podman (systemctl --user"
    " start podman.socket)."
)


@dataclass(frozen=True)
class SocketAccess:
    """Who may use a socket and who asks.

    Attributes:
        user: name of who asks.
        group: group of the socket, "" when the group may not use it.
        is_listed: whether the user is listed as a member of that group.
    """

    path: str
    user: str
    owner: str
    group: str
    is_listed: bool

    @classmethod
    def of(cls, path: str) -> SocketAccess:
        """The facts about a socket and this process's user."""
        user, owner, group, listed = _user_name(os.getuid()), "root", "", False
        try:
            status = os.stat(path)
            owner = _user_name(status.st_uid)
            if status.st_mode & stat.S_IWGRP:
                entry = grp.getgrgid(status.st_gid)
                group = entry.gr_name
                listed = user in entry.gr_mem
        except (OSError, KeyError):  # a folder on the way is closed to us, or the group has no name
            pass
        return cls(path, user, owner, group, listed)


def explain_access(access: SocketAccess) -> str:
    """A sentence on why the socket may not be used, and what to do."""
    start = f"There is a Docker socket at {access.path}, but you may not use it:"
    if access.group and access.group != "root" and access.is_listed:
        return (
            f"{start} you have been added to the group {access.group}, but this session began before that. Log out and"
            f" in again, and restart the Jupyter server; `newgrp {access.group}` does it for one terminal."
        )
    if access.group and access.group != "root":
        return (
            f"{start} you are not in the group {access.group}. Add yourself: sudo usermod -aG {access.group}"
            f" {access.user}, then log out and in again and restart the Jupyter server (who is in it can become"
            f" root). {_WITHOUT}"
        )
    return (
        f"{start} it is {access.owner}'s alone. Usually it belongs to the group docker: ask for that (groupadd docker,"
        f" restart Docker, sudo usermod -aG docker {access.user}), then log in again. {_WITHOUT}"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
