"""Reading how far an installer has come out of what it prints: uv, pip and apt-get. Pure."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_SIZE = r"(\d[\d,]*(?:\.\d+)?) ?([kKMG]i?)?B"
_UV_BEGINS = re.compile(rf"(?:Downloading|Building) (\S+)(?: \({_SIZE}\))?$")
_UV_HAS = re.compile(r"\s+(?:Downloaded|Built) (\S+)$")
_UV_TELLS = re.compile(r"(?:Resolved|Prepared|Uninstalled|Installed) \d+ packages? ")
_PIP_BAR = re.compile(r"━\s+(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?) ([kMG]?)B\b")
_PIP_BEGINS = re.compile(r"\s*Downloading (\S+?)-\d[^/ ]* \(.*\)$")
_APT_WANTS = re.compile(rf"Need to get (?:{_SIZE}/)?{_SIZE} of archives")
_APT_GETS = re.compile(rf"Get:\d+ .*\[{_SIZE}\]$")
_FEW = 3


class InstallerOutput:
    """How far the installer of one step is, told from the lines it has printed so far.

    Attributes:
        current: bytes that it has got.
        total: bytes that it wants, 0 while nothing tells.
        detail: what it does, in a few words.
    """

    def __init__(self) -> None:
        self.current = 0
        self.total = 0
        self.detail = ""
        self._sizes: dict[str, int] = {}
        self._under_way: list[str] = []

    def take(self, line: str) -> None:
        """One line of its output, plain."""
        if found := _UV_BEGINS.match(line):
            self._sizes[found[1]] = _bytes(found[2], found[3]) if found[2] else 0
            self.total = sum(self._sizes.values())
            self._under_way.append(found[1])
            self._name_some("building" if line.startswith("B") else "downloading")
        elif found := _UV_HAS.match(line):
            self.current += self._sizes.get(found[1], 0)
            if found[1] in self._under_way:
                self._under_way.remove(found[1])
            self._name_some("downloading")
        elif found := _UV_TELLS.match(line):
            self.detail = found[0].strip().lower()
        elif found := _PIP_BEGINS.match(line):
            self.detail = f"downloading {found[1]}"
        elif found := _PIP_BAR.search(line):
            self.current, self.total = _bytes(found[1], found[3]), _bytes(found[2], found[3])
        elif found := _APT_WANTS.match(line):
            self.current, self.total = 0, _bytes(found[1] or found[3], found[2] if found[1] else found[4])
        elif self.total and (found := _APT_GETS.match(line)):
            self.current = min(self.total, self.current + _bytes(found[1], found[2]))

    def _name_some(self, doing: str) -> None:
        names, more = self._under_way[:_FEW], len(self._under_way) - _FEW
        self.detail = f"{doing} {', '.join(names)}{f' and {more} more' if more > 0 else ''}" if names else ""


def _bytes(number: str, unit: str | None) -> int:
    return round(float(number.replace(",", "")) * _UNITS[unit or ""])
