"""Lists what is installed beside the interpreter that runs this: its text is given to ``python -c`` in an image.

Reads names and versions only and imports nothing that is installed. Standard library only, Python 3.6 and later.
"""

import json
import os
import re
import sys

MARK = "amltrain-inventory:"


def installed(paths: "list[str]") -> "dict[str, str]":
    """Normal name → version of the packages on a module search path; the first of a name counts, as in an import."""
    found: "dict[str, str]" = {}
    for path in paths:
        for name, version in _packages_in(path):
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return found


def _packages_in(path: str) -> "list[tuple[str, str]]":
    if path.endswith(".egg"):
        return _named(os.path.join(path, "EGG-INFO", "PKG-INFO"))
    try:
        entries = sorted(os.listdir(path or "."))
    except OSError:
        return []
    found = []
    for entry in entries:
        if entry.endswith(".dist-info"):
            found += _named(os.path.join(path, entry, "METADATA"))
        elif entry.endswith(".egg-info"):
            folder = os.path.join(path, entry)
            found += _named(os.path.join(folder, "PKG-INFO") if os.path.isdir(folder) else folder)
    return found


def _named(metadata: str) -> "list[tuple[str, str]]":
    """Name and version that a metadata file begins with; nothing when it has none."""
    fields: "dict[str, str]" = {}
    try:
        with open(metadata, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, colon, value = line.partition(":")
                if not line.strip() or not colon:
                    break
                if key in ("Name", "Version"):
                    fields.setdefault(key, value.strip())
                if len(fields) == 2:
                    break
    except OSError:
        return []
    return [(fields["Name"], fields["Version"])] if len(fields) == 2 else []


def conda_packages(prefix: str) -> "list[str]":
    """``name=version=build`` of the conda packages in a prefix."""
    folder = os.path.join(prefix, "conda-meta")
    found = []
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        if entry.endswith(".json"):
            with open(os.path.join(folder, entry), encoding="utf-8") as file:
                record = json.load(file)
            found.append("{name}={version}={build}".format(**record))
    return sorted(found)


def conda_lock(prefix: str) -> str:
    """The lock that a prefix was made from, "" when it has none."""
    try:
        with open(os.path.join(prefix, "conda-lock.txt"), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def contents() -> "dict[str, object]":
    """Everything, of this interpreter."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": installed(sys.path),
        "conda": conda_packages(sys.prefix),
        "lock": conda_lock(sys.prefix),
    }


if __name__ == "__main__":
    # The first is the folder of the call, or of this file.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    print(MARK + json.dumps(contents()), flush=True)
