import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogModel } from '../src/view/log/log_model';
import { Terminal } from '../src/view/log/terminal';

const encoder = new TextEncoder();

function linesOf(text: string | Uint8Array, sizes: number[] = []): Terminal {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  const terminal = new Terminal(0);
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const size = sizes.length ? sizes[piece % sizes.length] : bytes.length;
    terminal.write(bytes.subarray(at, at + size));
    at += size;
  }
  return terminal;
}

const texts = (terminal: Terminal) => terminal.lines.map(line => line.text);

test('lines end with a newline, with or without a carriage return', () => {
  assert.deepEqual(texts(linesOf('one\r\ntwo\n\nfour')), ['one', 'two', '', 'four']);
});

test('a carriage return writes over what is there, and no more than that', () => {
  assert.deepEqual(texts(linesOf('12345\rab\n 10%\r 50%\r100%\ndone\n')), ['ab345', '100%', 'done']);
});

test('backspaces and erased lines', () => {
  assert.deepEqual(texts(linesOf('wrong\b\b\bit\x1b[K\nlong text\r\x1b[2Kshort\n')), ['writ', 'short']);
});

test('bars above each other, as tqdm draws them', () => {
  const text = 'a 0%\nb 0%\n\x1b[A\x1b[A\ra 50%\n\rb 50%\n\x1b[2A\ra100%\n\rb100%\nend\n';
  assert.deepEqual(texts(linesOf(text)), ['a100%', 'b100%', 'end']);
});

test('colours become segments, and reach over lines until they are reset', () => {
  const [first, second, third] = linesOf('\x1b[1;31mbad\x1b[0m good\n\x1b[32mgreen\nstill\x1b[39m not\n').lines;
  assert.deepEqual(first.segments?.map(({ text, style }) => [text, style.fg, style.bold]), [
    ['bad', 1, true],
    [' good', null, false]
  ]);
  assert.equal(second.segments?.[0].style.fg, 2);
  assert.deepEqual(third.segments?.map(({ text, style }) => [text, style.fg]), [
    ['still', 2],
    [' not', null]
  ]);
});

test('256 and true colours', () => {
  const [line] = linesOf('\x1b[38;5;196ma\x1b[48;2;1;2;3mb\x1b[0m\x1b[38;5;9mc\x1b[38;5;244md\n').lines;
  assert.deepEqual(line.segments?.map(({ style }) => [style.fg, style.bg]), [
    ['rgb(255 0 0)', null],
    ['rgb(255 0 0)', 'rgb(1 2 3)'],
    [9, null],
    ['rgb(128 128 128)', null]
  ]);
});

test('strings of a terminal are not shown, and one that never ends swallows no more than its line', () => {
  const link = '\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\ after\n';
  assert.deepEqual(texts(linesOf(`${link}\x1b]0;title\x07shown\n\x1bPnever ends\nnext\n`)), ['text after', 'shown', '', 'next']);
});

test('bytes that are no UTF-8 are seen', () => {
  assert.deepEqual(texts(linesOf(new Uint8Array([0x61, 0xff, 0x62, 10]))), ['a\ufffdb']);
});

test('a very long line is cut, and what follows is not lost', () => {
  const { lines } = linesOf(`${'x'.repeat(1_000_000)}\nafter\n`);
  assert.equal(lines[0].text.length, 16_384);
  assert.equal(lines[0].cut, 1_000_000 - 16_384);
  assert.equal(lines[1].text, 'after');
});

test('offsets are those of the bytes', () => {
  assert.deepEqual(linesOf('é\n€uro\r\n\x1b[31mx\n').lines.map(line => line.start), [0, 3, 11]);
});

test('the same bytes give the same lines however they are cut', () => {
  const pieces = ['plain\n', 'é€😀\n', '\x1b[31mred\x1b[0m\n', '10%\r20%\r', '\n', 'a\b\bcd\n', '\x1b[A\x1b[2Kup\n', '\x1b]8;;x\x07l\x1b]8;;\x07\n'];
  pieces.push('\x1b[38;5;200mpink\n', 'crlf\r\n', '\ttab\n', '\x1b[1mbold', '\x1b[0m\n', 'no newline');
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 1 + random(12) }, () => pieces[random(pieces.length)]).join('');
    const sizes = Array.from({ length: 5 }, () => 1 + random(9));
    assert.deepEqual(linesOf(text, sizes).lines, linesOf(text).lines, JSON.stringify([text, sizes]));
  }
});

test('a log begins with a whole line, gaps are lines that can be opened, and nothing comes twice', () => {
  const model = new LogModel();
  const add = (start: number, text: string, size: number) =>
    model.add({ file: 'log', start, size, bytes: encoder.encode(text) });
  add(100, 'half\nwhole\n', 111);
  add(105, 'whole\nnext\n', 116);
  assert.deepEqual(model.lines.map(line => line.text), ['whole', 'next']);
  assert.equal(model.start, 105);
  add(1000, 'much later\n', 1011);
  assert.deepEqual(model.lines.map(line => [line.text, line.gapEnd]), [
    ['whole', undefined],
    ['next', undefined],
    ['', 1000],
    ['much later', undefined]
  ]);
  add(1011, 'and on\n', 1018);
  assert.equal(model.lines.at(-1)?.text, 'and on');
  assert.equal(model.lineAt(106), 0);
  assert.equal(model.lineAt(1003), 3);
  assert.equal(model.lineAt(5), -1);
});

test('earlier lines come in front, and a line that goes on goes on', () => {
  const model = new LogModel();
  model.add({ file: 'log', start: 20, size: 33, bytes: encoder.encode('x\nbar 1%\rbar') });
  assert.equal(model.before({ file: 'log', start: 0, size: 33, bytes: encoder.encode('one\ntwo\nthree\nfour\n') }), 4);
  model.add({ file: 'log', start: 32, size: 36, bytes: encoder.encode(' 9%\n') });
  assert.deepEqual(model.lines.map(line => line.text), ['one', 'two', 'three', 'four', 'bar 9%']);
});

test('memory is bounded, at both ends', () => {
  const model = new LogModel();
  const block = encoder.encode(`${'line\n'.repeat(20_000)}`);
  for (let round = 0; round < 10; round++) {
    model.add({ file: 'log', start: round * block.length, size: (round + 1) * block.length, bytes: block });
  }
  assert.ok(model.lines.length <= 55_000);
  assert.equal(model.start, model.lines[0].start);
  assert.ok(model.dropped > 100_000);
  for (let round = 0; round < 3; round++) {
    const start = model.start - block.length;
    model.before({ file: 'log', start, size: model.size, bytes: block });
  }
  assert.ok(model.lines.length <= 50_000);
  assert.equal(model.following, false);
  assert.ok(model.end < model.size);
});
