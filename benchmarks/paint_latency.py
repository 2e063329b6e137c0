"""Container print → painted in the notebook's page, against ``docker run`` attached to the same script."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import quantiles

from playwright.sync_api import expect

from ._bench import IMAGE, NETWORK
from ._lab import begin_script, lab_page
from ._result import middle, print_result

TICKS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SCRIPT = f"""
import random, time
random.seed(1)
print("ready", flush=True)
time.sleep(5)
for number in range({TICKS}):
    time.sleep(random.uniform(0.1, 0.3))
    print("tick %d %.6f" % (number, time.time()), flush=True)
print("that was all", flush=True)
"""

# In each frame: which ticks are in the page by now? They are painted when it ends, and a message comes after that.
WATCH = r"""() => {
    const seen = (window.seen = {});
    const channel = new MessageChannel();
    let fresh = [];
    channel.port1.onmessage = () => {
        for (const [tick, printed] of fresh) { seen[tick] = Date.now() - 1000 * printed; }
        fresh = [];
    };
    const look = () => {
        const rows = [...document.querySelectorAll('.jp-amltrain-log-row')].slice(-20);
        for (const row of rows) {
            const found = /^tick (\d+) ([\d.]+)/.exec(row.textContent);
            if (found && !(found[1] in seen)) { fresh.push([found[1], Number(found[2])]); }
        }
        if (fresh.length) { channel.port2.postMessage(0); }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


def painted_ms() -> list[float]:
    """Milliseconds from each print in the container to the end of the frame that shows it."""
    with lab_page() as (page, folder, url):
        begin_script(page, folder, url, SCRIPT)
        log = page.locator(".jp-amltrain-run-view").get_by_role("log")
        expect(log).to_contain_text("ready", timeout=60_000)
        page.evaluate(WATCH)
        expect(log).to_contain_text("that was all", timeout=120_000)
        return [float(figure) for figure in page.evaluate("Object.values(window.seen)")]


def attached_ms() -> list[float]:
    """The same to whoever reads what ``docker run`` writes."""
    found = []
    command = ["docker", "run", "--rm", "--network", NETWORK, IMAGE, "python", "-c", SCRIPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("tick"):
                found.append(1000 * (time.time() - float(line.split()[2])))
    return found


def main() -> None:
    """Measure both one after the other."""
    attached, painted = attached_ms(), painted_ms()
    extra = {
        "p95": quantiles(painted, n=20)[-1],
        "worst": max(painted),
        "ticks": len(painted),
        "attach_p95": quantiles(attached, n=20)[-1],
    }
    print_result("paint_latency", middle(painted), "ms", baseline=middle(attached), extra=extra)


if __name__ == "__main__":
    main()
