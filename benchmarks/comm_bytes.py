"""What 100,000 lines cost on the websocket between the kernel and a notebook's page, in bytes of the log itself."""

from __future__ import annotations

import json
import struct

from playwright.sync_api import Page, WebSocket, expect

from ._lab import begin_script, lab_page
from ._result import middle, print_result

LINES = 100_000
LINE = "line %6d of a training script that says rather a lot, 69 bytes long\n"
ROUNDS = 3
MOST = 1.2
SCRIPT = f"""
import sys
for number in range({LINES}):
    sys.stdout.write({LINE!r} % number)
print("that was all")
"""


class Traffic:
    """What passes on the websockets of a page, in both directions."""

    def __init__(self, page: Page) -> None:
        self.bytes = self.log_bytes = self.batches = 0
        page.on("websocket", self._watch)

    def _watch(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)
        socket.on("framesent", lambda payload: self._count(payload))

    def _count(self, payload: str | bytes) -> bytes:
        data = payload.encode() if isinstance(payload, str) else payload
        self.bytes += len(data)
        return data

    def _received(self, payload: str | bytes) -> None:
        data = self._count(payload)
        if isinstance(payload, str) or b'"batch"' not in data[:4096]:
            return
        # As v1.kernel.websocket.jupyter.org has it: offsets, then channel, header, parent, metadata, content, buffers.
        (count,) = struct.unpack_from("<Q", data)
        offsets = struct.unpack_from(f"<{count}Q", data, 8)
        parts = [data[begin:end] for begin, end in zip(offsets, offsets[1:], strict=False)]
        message = json.loads(parts[4])["data"]["content"]
        self.batches += 1
        self.log_bytes += len(parts[5]) if message["log"] else 0


def measure() -> tuple[float, float, int]:
    """Bytes on the websocket for a byte of the log, the share of the log that was sent, and the number of batches."""
    with lab_page() as (page, folder, url):
        traffic = Traffic(page)
        begin_script(page, folder, url, SCRIPT)
        view = page.locator(".jp-amltrain-run-view")
        expect(view.get_by_role("log")).to_contain_text("that was all", timeout=120_000)
        expect(view.locator(".jp-amltrain-chip")).to_have_text("Completed", timeout=60_000)
        return traffic.bytes / traffic.log_bytes, traffic.log_bytes / (LINES * len(LINE % 0)), traffic.batches


def main() -> None:
    """Measure some times; all that the page and the kernel say to each other counts, the view's own module too."""
    found = [measure() for _ in range(ROUNDS)]
    extra = {
        "most": MOST,
        "sent_share": middle([share for _, share, _ in found]),
        "batches": middle([float(batches) for *_, batches in found]),
        "worst": max(cost for cost, *_ in found),
    }
    print_result("comm_bytes", middle([cost for cost, *_ in found]), "bytes/byte of log", extra=extra)


if __name__ == "__main__":
    main()
