"""A list of packages that this engine never installed: the time until its image is there, against pip in a Dockerfile.

Neither has anything in its cache. ``extra`` says how long ours takes when an earlier build has left its downloads.
"""

from __future__ import annotations

import uuid

from jupyter_amltrain.environment import dockerfile

from ._bench import workspace
from ._environments import PACKAGES, fresh_base, from_dockerfile, from_packages, prepared
from ._result import middle, print_result

ROUNDS = 2


def main() -> None:
    """Measure and print."""
    ours, warm, pips = [], [], []
    for _ in range(ROUNDS):
        dockerfile.CACHE_PREFIX = f"bench-{uuid.uuid4().hex[:8]}"
        with workspace():
            with fresh_base() as base:
                ours.append(prepared(from_packages("bench-cold", base, *PACKAGES))[1])
                text = f"FROM {base}\nRUN pip install --no-cache-dir --break-system-packages {' '.join(PACKAGES)}\n"
                pips.append(prepared(from_dockerfile("bench-cold-pip", text))[1])
            with fresh_base() as base:
                warm.append(prepared(from_packages("bench-cold", base, *PACKAGES))[1])
    print_result(
        "env_cold",
        middle(ours),
        "s",
        baseline=middle(pips),
        extra={"times_faster": middle(pips) / middle(ours), "warm_cache": middle(warm)},
    )


if __name__ == "__main__":
    main()
