"""What of a page is too faint to be read, by the contrast that WCAG 2 asks for on level AA (1.4.3 and 1.4.11)."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

# Colours are painted on a canvas: so any notation is understood, and what is translucent is laid over what is below.
FAINT = """root => {
    const brush = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const over = (below, ...layers) => {
        brush.globalAlpha = 1;
        for (const [colour, alpha = 1] of [[below], ...layers]) {
            brush.globalAlpha = alpha;
            brush.fillStyle = colour;
            brush.fillRect(0, 0, 1, 1);
        }
        return `rgb(${[...brush.getImageData(0, 0, 1, 1).data].slice(0, 3)})`;
    };
    const luminance = colour => {
        const [red, green, blue] = colour.match(/\\d+/g).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ratio = (a, b) => {
        const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    // The ground of a node, and each colour on it; the opacity of a node is that of all that is in it.
    const seen = (node, ...colours) => {
        const path = [];
        for (; node; node = node.parentElement) path.unshift(getComputedStyle(node));
        const inside = (at, below) => {
            if (at === path.length) return [below, ...colours.map(colour => over(below, [colour]))];
            const { backgroundColor, opacity } = path[at];
            return inside(at + 1, over(below, [backgroundColor])).map(colour => over(below, [colour, Number(opacity)]));
        };
        return inside(0, '#fff');
    };
    const found = [];
    const check = (what, ground, colour, needed) => {
        const has = ratio(ground, colour);
        if (has < needed) found.push(`${what}: ${has.toFixed(2)} < ${needed}, ${colour} on ${ground}`);
    };
    const read = (text, node, colour) => {
        const { fontSize, fontWeight } = getComputedStyle(node);
        const [ground, shown] = seen(node, colour);
        const large = parseFloat(fontSize) >= (fontWeight >= 700 ? 18.66 : 24);
        const isSign = !/[\\p{L}\\p{N}]/u.test(text);
        // A saved log has the same colours on white and on black, and none has 4.5 : 1 to the grounds of both.
        const normal = node.closest('.jp-amltrain-saved pre') ? 3.7 : 4.5;
        check(`text "${text.trim().slice(0, 40)}"`, ground, shown, large || isSign ? 3 : normal);
    };
    const visible = node => node.checkVisibility({opacityProperty: true, visibilityProperty: true})
        && node.getClientRects().length;
    const area = document.createRange();
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const node = text.parentElement;
        area.selectNodeContents(text);
        // WCAG asks nothing of controls that are out of use.
        if (text.data.trim() && visible(node) && area.getClientRects().length && !node.closest(':disabled, option')) {
            const style = getComputedStyle(node);
            read(text.data, node, node instanceof SVGElement ? style.fill : style.color);
        }
    }
    for (const node of root.querySelectorAll('*')) {
        if (!visible(node)) continue;
        const style = getComputedStyle(node);
        if (node.matches('input:not([type=range], [type=checkbox], [type=radio]), select, textarea')) {
            const empty = node.placeholder && !node.value;
            const { color } = getComputedStyle(node, empty ? '::placeholder' : '');
            read(empty ? node.placeholder : node.value, node, color);
        }
        for (const part of ['::before', '::after']) {
            const { content, color, backgroundColor, display } = getComputedStyle(node, part);
            if (content === 'none' || display === 'none') continue;
            const [ground, text, mark] = seen(node, color, backgroundColor);
            if (content !== '""') check(`text ${content}`, ground, text, 4.5);
            else if (mark !== ground) check(`mark of "${node.textContent}"`, ground, mark, 3);
        }
        if (node.matches('button, summary, input, select, textarea, [aria-current], [role=tab]') && !node.disabled) {
            for (const side of ['Top', 'Left']) {
                const [ground, edge] = seen(node.parentElement, style[`border${side}Color`]);
                if (parseFloat(style[`border${side}Width`]) && edge !== ground) {
                    check(`edge of "${node.textContent || node.ariaLabel}"`, ground, edge, 3);
                }
            }
        }
        if (node instanceof SVGGeometryElement && style.stroke !== 'none') {
            const [ground, line] = seen(node, style.stroke);
            check(`line ${node.tagName}`, ground, line, 3);
        }
        if (node instanceof HTMLCanvasElement) {
            for (const [what, colour, needed] of node.drawn ?? []) {
                const [ground, shown] = seen(node, colour);
                check(`drawn ${what}`, ground, shown, needed);
            }
        }
    }
    return found;
}"""

# What scripts draw on canvases from now on: texts, and curves, which are stroked as paths of their own. Nobody needs to
# see the grid, nor what is drawn translucent: the curve as it was behind the smoothed one.
WATCH_CANVASES = """() => {
    const { prototype } = CanvasRenderingContext2D;
    const watch = (name, told) => {
        const before = prototype[name];
        prototype[name] = function (...given) {
            const what = told(this, ...given);
            if (what) (this.canvas.drawn ??= []).push(what);
            return before.apply(this, given);
        };
    };
    watch('fillText', (context, text) => [text, context.fillStyle, 4.5]);
    watch('stroke', (context, path) => path && context.strokeStyle[0] === '#' && ['curve', context.strokeStyle, 3]);
}"""


def expect_clear(shown: Locator) -> None:
    """Nothing in a part of a page is too faint: texts, marks, edges of controls, lines."""
    found: list[str] = shown.evaluate(FAINT)
    assert not found, "\n".join(found)


def watch_canvases(page: Page) -> None:
    """Have ``expect_clear`` look at what is drawn on canvases from now on, too."""
    page.evaluate(WATCH_CANVASES)
