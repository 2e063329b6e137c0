"""Lines of a log into the view in Chromium, as the kernel sends them, against a ``<div>`` for each line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from browser.chromium import chromium_page
from front_end.parts import bundled, load

from ._result import print_result

LINES = 100_000
PEER_LINES = 20_000

_FEED = """async ([lines, ours]) => {
    const encoder = new TextEncoder(), log = 'azureml-logs/70_driver_log.txt';
    const loss = at => `loss=${(1 / (1 + at)).toFixed(6)} accuracy=0.91 of a run`;
    const line = at => `\\x1b[3${1 + at % 6}mepoch ${at}\\x1b[0m ${loss(at)}\\n`;
    const text = (from, to) => Array.from({length: to - from}, (_, at) => line(from + at)).join('');
    const section = document.createElement('section');
    section.className = 'jp-amltrain-run-view';
    place.replaceChildren(section);
    let take;
    if (ours) {
        const source = new PlayedSource(), view = new LogView(source);
        section.append(view.node);
        let start = 0;
        take = bytes => {
            start += bytes.length;
            source.log({file: log, start: start - bytes.length, size: start, bytes});
        };
    } else {
        const box = section.appendChild(document.createElement('div'));
        box.style.cssText = 'height:16em;overflow:auto;white-space:pre';
        const decoder = new TextDecoder();
        take = bytes => {
            for (const line of decoder.decode(bytes).split('\\n').slice(0, -1)) {
                const row = box.appendChild(document.createElement('div'));
                const [, colour, first, rest] = /\\x1b\\[3(\\d)m(.*)\\x1b\\[0m(.*)/.exec(line);
                const span = row.appendChild(document.createElement('span'));
                span.className = `jp-amltrain-ansi-fg${colour}`;
                span.append(first);
                row.append(rest);
            }
            box.scrollTop = box.scrollHeight;
        };
    }
    const batches = [];
    for (let at = 0; at < lines; at += 2500) batches.push(encoder.encode(text(at, Math.min(lines, at + 2500))));
    const frame = () => new Promise(requestAnimationFrame);
    await frame(); await frame();
    const begin = performance.now(), frames = [];
    let last = begin;
    for (const bytes of batches) {
        take(bytes);
        const now = await frame();
        frames.push(now - last);
        last = now;
    }
    await frame();
    const seconds = (performance.now() - begin) / 1000;
    return {seconds, worst: Math.max(...frames), heap: performance.memory.usedJSHeapSize / 1e6,
            last: section.textContent.includes(`epoch ${lines - 1}`)};
}"""


def measure(page: Page, bundle: tuple[str, str], lines: int, ours: bool) -> dict[str, Any]:
    """Seconds for so many lines, the longest frame in ms and the heap in MB, in a fresh page."""
    load(page, bundle)
    told: dict[str, Any] = page.evaluate(_FEED, [lines, ours])
    assert told["last"], "the last line is not on screen"
    return told


def main() -> None:
    """Measure in turn, the middle of five rounds."""
    rates, frames, heaps, peers = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, chromium_page() as page:
        bundle = bundled(Path(folder))
        for _ in range(5):
            told = measure(page, bundle, LINES, ours=True)
            peer = measure(page, bundle, PEER_LINES, ours=False)
            rates.append(LINES / told["seconds"])
            frames.append(told["worst"])
            heaps.append(told["heap"])
            peers.append(PEER_LINES / peer["seconds"])
            print(f"{rates[-1]:,.0f} lines/s, worst frame {frames[-1]:.0f} ms; a div each {peers[-1]:,.0f} lines/s")
    middle = sorted(rates)[2], sorted(peers)[2]
    extra = {"worst_frame_ms": max(frames), "median_worst_frame_ms": sorted(frames)[2], "heap_mb": max(heaps)}
    print_result("log_render", middle[0], "lines/s", baseline=middle[1], extra=extra)


if __name__ == "__main__":
    main()
