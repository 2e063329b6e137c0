"""Runs inside an image while packages are added to its own Python: what that Python sees, and what an install changed.

Its text is put into the build context and run there by the image's interpreter: standard library only.
"""

from __future__ import annotations

import os
import pickle
import shlex
import shutil
import stat
import sys
import sysconfig

BESIDE = ("pip", "setuptools", "wheel")
"""Tools that may be there twice without harm."""

_LEFT_OUT = ("tmp", "var/tmp", "var/cache", "run", "root/.cache")


def packages_out_of_sight(paths: list[str], own: list[str]) -> list[str]:
    """Names of the packages on ``paths`` that lie in none of the folders ``own``, the only ones that uv looks at.

    Debian's own packages are such: uv would install each of them again, over the image's.
    """
    from importlib.metadata import distributions

    seen = {os.path.realpath(path) for path in own}
    folders = [path for path in paths if path and os.path.realpath(path) not in seen]
    names = {str(found.metadata["Name"]) for found in distributions(path=folders)}
    return sorted(names.difference(BESIDE))


def use_pip() -> bool:
    """Whether pip has to install here, since uv would not see what the image has; says why."""
    from importlib.util import find_spec

    hidden = packages_out_of_sight(sys.path, [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    if not hidden:
        return False
    shown = ", ".join(hidden[:5]) + (f" and {len(hidden) - 5} more" if len(hidden) > 5 else "")
    has_pip = find_spec("pip") is not None
    end = "pip installs." if has_pip else "the image has no pip, so they may be installed a second time."
    print(f"The image has packages where uv does not look ({shown}): {end}", flush=True)
    return has_pip


def listing(root: str) -> dict[str, tuple[int, int]]:
    """Every path below ``root`` on its file system, relative to it, with its kind and when it last changed."""
    device = os.lstat(root).st_dev
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, files in os.walk(root):
        kept = []
        for name in folders + files:
            path = os.path.relpath(os.path.join(folder, name), root)
            status = os.lstat(os.path.join(root, path))
            if path in _LEFT_OUT or status.st_dev != device:
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            found[path] = (stat.S_IFMT(status.st_mode), 0 if is_folder else status.st_ctime_ns)
            if is_folder:
                kept.append(name)
        folders[:] = kept
    return found


def take_changes(root: str, before: dict[str, tuple[int, int]], tree: str) -> list[str]:
    """Copy to ``tree`` what is new or changed below ``root``; the paths that are gone.

    Every copy and the folders above it keep owner and mode, which a COPY of the tree gives to the image.
    """
    after = listing(root)
    for path in sorted(path for path, state in after.items() if before.get(path) != state):
        source, target = os.path.join(root, path), os.path.join(tree, path)
        _make_folders(root, os.path.dirname(path), tree)
        if stat.S_ISDIR(after[path][0]):
            _make_folders(root, path, tree)
        elif stat.S_ISREG(after[path][0]) or stat.S_ISLNK(after[path][0]):
            shutil.copy2(source, target, follow_symlinks=False)
            _same_owner(source, target)
    gone = {path for path, state in before.items() if path not in after or after[path][0] != state[0]}
    return sorted(path for path in gone if os.path.dirname(path) not in gone)


def _make_folders(root: str, path: str, tree: str) -> None:
    if path and not os.path.isdir(os.path.join(tree, path)):
        _make_folders(root, os.path.dirname(path), tree)
        os.mkdir(os.path.join(tree, path))
        shutil.copystat(os.path.join(root, path), os.path.join(tree, path))
        _same_owner(os.path.join(root, path), os.path.join(tree, path))


def _same_owner(source: str, target: str) -> None:
    status = os.lstat(source)
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)


def main(step: str, folder: str) -> int:
    """``sees-more`` ends with 0 when pip has to install; ``before`` and ``after`` enclose an installation."""
    if step == "sees-more":
        return 0 if use_pip() else 1
    state = os.path.join(folder, "before")
    if step == "before":
        with open(state, "wb") as file:
            pickle.dump(listing("/"), file)
        return 0
    with open(state, "rb") as file:
        before = pickle.load(file)
    tree = os.path.join(folder, "tree")
    os.mkdir(tree)
    gone = take_changes("/", before, tree)
    with open(os.path.join(folder, "removed.sh"), "w", encoding="utf-8", errors="surrogateescape") as script:
        script.writelines(f"rm -rf {shlex.quote('/' + path)}\n" for path in gone)
        script.write(f"rm -r {shlex.quote(folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.path.dirname(os.path.abspath(__file__))))
