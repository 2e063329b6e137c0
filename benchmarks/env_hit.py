"""An unchanged cell: the time from running ``%%aml_env`` to a usable image, in a kernel that ran it before."""

from __future__ import annotations

import time

from ._bench import IMAGE, workspace
from ._environments import fresh_base, from_packages, prepared
from ._result import middle, print_result

ROUNDS = 15


def main() -> None:
    """Measure and print."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.io import capture_output

    forms = {"dockerfile": f"FROM {IMAGE}\nRUN true", "pip": "six\nidna"}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    with workspace(), fresh_base() as base:
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "jupyter_amltrain")
        for _ in range(ROUNDS):
            for name, cell in forms.items():
                line = f"{name} --base {base}" if name == "pip" else name
                began = time.perf_counter()
                with capture_output():
                    shell.run_cell_magic("aml_env", line, cell.replace(IMAGE, base))
                seconds[name].append(time.perf_counter() - began)
        engine = [prepared(from_packages("bench-hit", base, "six", "idna"))[1] for _ in range(ROUNDS)]
    hits = {name: middle(found[1:]) for name, found in seconds.items()}
    print_result(
        "env_hit", max(hits.values()), "s", extra={**hits, "engine_alone": middle(engine), "first": seconds["pip"][0]}
    )


if __name__ == "__main__":
    main()
