"""``import jupyter_amltrain`` and ``%load_ext jupyter_amltrain`` in a new process, against ``import IPython``."""

from __future__ import annotations

import subprocess
import sys

from ._result import middle, print_result

_TIMED = "import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"
_SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance(); "


def seconds(code: str, before: str = "") -> float:
    """Median time that ``code`` takes in new processes."""
    timed = before + _TIMED.format(code=code)
    return middle(
        [
            float(subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True).stdout)
            for _ in range(7)
        ]
    )


def main() -> None:
    """Measure all three."""
    package = seconds("import jupyter_amltrain")
    extension = seconds("shell.extension_manager.load_extension('jupyter_amltrain')", _SHELL)
    print_result("import_time", package, "s", baseline=seconds("import IPython"), extra={"load_ext": extension})


if __name__ == "__main__":
    main()
