"""The files of a run: what the script uploads, and what it leaves in ``outputs`` and ``logs``.

A run has a folder that job and notebook both see. In it lie ``uploads`` (what was uploaded, by name), ``code`` (the
working folder with ``outputs`` and ``logs``) and ``children`` with a folder like it for each child run.
"""

import os
import shutil

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

UPLOADS = "uploads"
CHILDREN = "children"
WATCHED = ("outputs", "logs")
LOGS = "azureml-logs"
_PARTIAL = ".partial"


def work_folder() -> str:
    """The folder that job and launcher share; the working folder lies in it."""
    return os.path.dirname(os.environ.get("AMLTRAIN_ROOT") or os.path.abspath(os.curdir))


def clean_name(name: "Any") -> str:
    """The name of a file of the run in its one form: relative, with slashes.

    Raises:
        UserErrorException: it is no name, or leads out of the run's folder.
    """
    text = str(name).replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or text.startswith("/") or "\0" in text:
        raise UserErrorException("'%s' cannot be the name of a run's file; names are like 'outputs/model.pkl'." % name)
    return "/".join(parts)


def kept_name(name: "Any") -> str:
    """A name for a file that is kept because a metric points to it: what leads out of the folder is left away."""
    parts = [part for part in str(name).replace("\\", "/").replace("\0", "").split("/") if part not in ("", ".", "..")]
    is_path = str(name).startswith("/") or ".." in str(name).replace("\\", "/").split("/")
    kept = [_short(part) for part in (parts[-1:] if is_path else parts)]
    return "/".join(kept) or "file"


def _short(part: str) -> str:
    """File systems take 255 bytes; the end of a name tells its type."""
    while len(part.encode("utf-8", "replace")) > 200:
        part = part[: len(part) // 2 - 2] + part[len(part) // 2 + 2 :]
    return part


def find_files(folder: str, working: str) -> "Dict[str, str]":
    """Name to path of the files of a run."""
    found = {}  # type: Dict[str, str]
    for top in WATCHED:
        for path in _walk(os.path.join(working, top)):
            found[os.path.relpath(path, working).replace(os.sep, "/")] = path
    uploads = os.path.join(folder, UPLOADS)
    for path in _walk(uploads):
        if not path.endswith(_PARTIAL):
            found[os.path.relpath(path, uploads).replace(os.sep, "/")] = path
    return dict(sorted(found.items()))


def _walk(folder: str) -> "List[str]":
    """Paths of the files below a folder; pipes and links to nothing are none."""
    found = (os.path.join(below, name) for below, _, names in os.walk(folder) for name in names)
    return [path for path in found if os.path.isfile(path)]


def keep(folder: str, name: str, source: "Any") -> str:
    """Keep a copy of a file, of bytes, or of what a stream gives, under the first free name like ``name``."""
    base, ending = os.path.splitext(name)
    number = 1
    while True:
        chosen = name if number == 1 else "%s_%d%s" % (base, number, ending)
        path = os.path.join(folder, UPLOADS, *chosen.split("/"))
        if _copy_new(source, path):
            return chosen
        number += 1


def upload(folder: str, working: str, name: "Any", source: "Any") -> str:
    """Keep a copy of a file or of what a stream gives under exactly that name; returns it in its one form.

    Raises:
        UserErrorException: there is a file of that name, or the source cannot be read.
    """
    chosen = clean_name(name)
    if chosen.split("/")[0] == LOGS:
        raise UserErrorException("'%s' is among the run's own logs; give the file another name." % chosen)
    if isinstance(source, (str, os.PathLike)):
        own = os.path.join(working, *chosen.split("/"))
        if chosen.split("/")[0] in WATCHED and os.path.exists(own) and os.path.samefile(own, source):
            return chosen  # it is there already, under this name
        if os.path.isdir(source):
            raise UserErrorException("%s is a folder: use run.upload_folder('%s', …)." % (source, name))
    path = os.path.join(folder, UPLOADS, *chosen.split("/"))
    # Looked at before the copy, which may take long, and again by it: another rank may upload the same name.
    if chosen in find_files(folder, working) or not _copy_new(source, path):
        raise UserErrorException("The run has a file '%s' already, and uploads never replace one." % chosen)
    return chosen


def _copy_new(source: "Any", path: str) -> bool:
    """Copy to a new file, which is there when it is whole; False when there is one of that name."""
    partial = os.path.join(os.path.dirname(path), os.urandom(8).hex() + _PARTIAL)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(partial, "wb") as target:
            if isinstance(source, bytes):
                target.write(source)
            elif hasattr(source, "read"):
                while True:
                    block = source.read(1 << 20)
                    if not block:
                        break
                    target.write(block.encode() if isinstance(block, str) else block)
            else:
                with open(source, "rb") as file:
                    shutil.copyfileobj(file, target, 1 << 20)
        try:
            os.link(partial, path)  # fails when it exists, whoever made it meanwhile
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if os.path.exists(path):
                return False
            os.rename(partial, path)
        return True
    except OSError as error:
        where = error.filename or path
        raise UserErrorException("%s cannot be kept: %s: %s." % (source, where, error.strerror)) from None
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def copy_out(source: str, destination: str) -> None:
    """Copy one file of the run to where the script wants it."""
    folder = os.path.dirname(destination)
    if folder:
        os.makedirs(folder, exist_ok=True)
    shutil.copyfile(source, destination)


def pairs_of_folder(name: str, path: str) -> "List[List[str]]":
    """Name and path of each file below a folder that is uploaded as ``name``."""
    if not os.path.isdir(path):
        raise UserErrorException("%s is not a folder." % path)
    return [
        ["%s/%s" % (name, os.path.relpath(found, path).replace(os.sep, "/")), found] for found in sorted(_walk(path))
    ]
