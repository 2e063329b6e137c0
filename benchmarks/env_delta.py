"""One package more on a list that was built before: the time until its image is there, against pip with a warm cache.

Both build on the same engine, with the same network settings. pip installs in a Dockerfile whose cache mount has every
package already; as a folder too, since some indexes do not allow pip to cache.
"""

from __future__ import annotations

from jupyter_amltrain import Environment

from ._bench import workspace
from ._environments import PACKAGES, fresh_base, from_dockerfile, from_packages, prepared
from ._result import middle, print_result

ADDED = ("seaborn", "tqdm", "tabulate")


def with_pip(base: str, *packages: str, command: str = "install --break-system-packages --find-links") -> Environment:
    """The Dockerfile that people write."""
    cache = "/root/.cache/pip"
    step = f"pip {command} {cache}/wheels {' '.join(packages)}"
    return from_dockerfile(
        "bench-delta-pip", f"FROM {base}\nRUN --mount=type=cache,id=bench-pip,target={cache} {step}\n"
    )


def main() -> None:
    """Measure and print."""
    with workspace(), fresh_base() as base:
        prepared(from_packages("bench-delta", base, *PACKAGES))
        prepared(with_pip(base, *PACKAGES, *ADDED, command="download --dest"))
        ours, pips = [], []
        for package in ADDED:
            ours.append(prepared(from_packages("bench-delta", base, *PACKAGES, package))[1])
            pips.append(prepared(with_pip(base, *PACKAGES, package))[1])
    extra = {"times_faster": middle(pips) / middle(ours)}
    print_result("env_delta", middle(ours), "s", baseline=middle(pips), extra=extra)


if __name__ == "__main__":
    main()
