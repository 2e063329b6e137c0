"""A chart of three curves of 100,000 points each, 50 points added to each and drawn again, against bare uPlot."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from browser.chromium import chromium_page
from front_end.parts import bundled, load

from ._result import middle, print_result

_DRAW = """async points => {
    const section = document.createElement('section');
    section.className = 'jp-amltrain-run-view';
    place.append(section);
    const source = new PlayedSource(), grid = new ChartGrid(source);
    section.append(grid.node);
    const wave = (curve, at) => Math.exp(-at / 3e4) + .1 * Math.sin(at / (50 + curve)) * Math.random();
    const curves = ['train_loss', 'valid_loss', 'loss'];
    const add = (from, to) => curves.forEach((name, curve) =>
        source.points(name, Array.from({length: to - from}, (_, at) => wave(curve, from + at)), {id: curve + 1, from}));
    const frame = () => new Promise(requestAnimationFrame);
    add(0, points);
    while (!section.querySelector('canvas')) await frame();
    const bare = document.createElement('div');
    place.append(bare);
    const data = [Array.from({length: points}, (_, at) => at), ...curves.map((_, curve) =>
        Array.from({length: points}, (_, at) => wave(curve, at)))];
    const options = {width: 300, height: 120, legend: {show: false},
        series: [{}, ...['red', 'green', 'blue'].map(stroke => ({stroke}))]};
    const plot = new uPlot(options, data, bare);
    const ours = [], theirs = [];
    const timed = async (times, draw) => {
        await frame();
        const begin = performance.now();
        draw();
        await new Promise(done => {
            const both = new MessageChannel();
            both.port1.onmessage = done;
            both.port2.postMessage(0);
        });
        times.push(performance.now() - begin);
    };
    for (let round = 0; round < 60; round++) {
        const from = points + 50 * round;
        await timed(ours, () => { add(from, from + 50); grid._draw(); });
        await timed(theirs, () => {
            for (let at = from; at < from + 50; at++) {
                data[0].push(at);
                curves.forEach((_, curve) => data[curve + 1].push(wave(curve, at)));
            }
            plot.setData(data);
        });
    }
    return {ours, theirs};
}"""


def main() -> None:
    """Measure in turn in one page."""
    with tempfile.TemporaryDirectory() as folder, chromium_page() as page:
        load(page, bundled(Path(folder)))
        told: dict[str, Any] = page.evaluate(_DRAW, 100_000)
    ours, theirs = told["ours"], told["theirs"]
    extra = {"worst_ms": max(ours), "uplot_worst_ms": max(theirs)}
    print_result("chart_redraw", middle(ours), "ms", baseline=middle(theirs), extra=extra)


if __name__ == "__main__":
    main()
