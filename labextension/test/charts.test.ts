import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve, extremes, POINTS_AT_MOST } from '../src/view/charts/curve';
import { comesFirst, family, unit } from '../src/view/charts/families';
import { abscissa, aligned, ILook, shape, smoothed } from '../src/view/charts/shape';

const LOOK: ILook = { axis: 'step', smoothing: 0, log: false, began: 0, epoch: null };

function curve(values: number[], steps = values.map((_, at) => at), more = {}): Curve {
  const step = Float64Array.from(steps);
  return new Curve({
    id: 1,
    name: 'loss',
    source: '',
    rank: 0,
    count: values.length,
    replace: false,
    step,
    time: step.map(at => 1000 + at),
    value: Float64Array.from(values),
    ...more
  });
}

const all = (one: Curve, look: Partial<ILook> = {}) => shape(one, { ...LOOK, ...look }, false, -Infinity, Infinity, 500);

test('families', () => {
  const loss = ['loss', 'train_loss', 'valid_loss', 'val_loss', 'train/loss', 'eval_loss', 'loss/val', 'train_loss_step', 'test-loss'];
  assert.deepEqual([...new Set(loss.map(family))], ['loss']);
  assert.equal(family('error_rate'), 'error_rate');
  assert.equal(family('train'), 'train');
  assert.equal(family('val/acc'), family('train/acc'));
  assert.equal(family('box_loss'), 'box_loss');
  assert.equal(family('system/network_sent'), family('system/network_received'));
  assert.notEqual(family('system/gpu/0'), family('system/gpu/1'));
  assert.notEqual(family('system/gpu/0'), family('system/gpu/0/memory'));
  assert.ok(comesFirst('loss') && comesFirst('box_loss') && !comesFirst('lossy'));
  assert.deepEqual(['loss', 'system/cpu', 'system/memory', 'system/disk_read'].map(unit), ['', '%', 'bytes', 'bytes/s']);
});

test('news are added, or take the place of what was there', () => {
  const one = curve([1, 2]);
  const news = { id: 1, name: 'loss', source: '', rank: 0, step: new Float64Array([2]), time: new Float64Array([1002]) };
  one.take({ ...news, count: 3, replace: false, value: new Float64Array([3]) });
  assert.deepEqual(all(one), { x: [0, 1, 2], y: [1, 2, 3] });
  assert.equal(one.sampled, false);
  one.take({ ...news, count: 9, replace: true, value: new Float64Array([7]) });
  assert.deepEqual(all(one), { x: [2], y: [7] });
  assert.equal(one.sampled, true);
});

test('thinning keeps peaks, ends and gaps', () => {
  const values = Array.from({ length: 100_000 }, (_, at) => Math.sin(at / 500));
  values[33_333] = 9;
  values[66_666] = -9;
  values[50_000] = NaN;
  const kept = extremes(values, 0, values.length, 300);
  assert.ok(kept.length < 1000);
  for (const place of [0, 33_333, 50_000, 66_666, 99_999]) {
    assert.ok(kept.includes(place), `${place}`);
  }
  assert.deepEqual(kept, [...kept].sort((a, b) => a - b));
});

test('a page does not keep millions of points', () => {
  const one = curve([]);
  for (let block = 0; block < 12; block++) {
    const step = Float64Array.from({ length: 50_000 }, (_, at) => block * 50_000 + at);
    const value = step.map(at => (at === 123_456 ? 100 : at % 7));
    one.take({ id: 1, name: 'loss', source: '', rank: 0, count: 0, replace: false, step, time: step, value });
  }
  assert.ok(one.length <= POINTS_AT_MOST);
  assert.ok(one.value.subarray(0, one.length).includes(100));
});

test('steps that go back are drawn in order, without a step they are places', () => {
  assert.deepEqual(all(curve([1, 2, 3, 4], [0, 5, 2, 2])), { x: [0, 2, 2, 5], y: [1, 3, 4, 2] });
});

test('what is no number breaks the line; so does what a log scale cannot show', () => {
  assert.deepEqual(all(curve([1, NaN, Infinity, 4])).y, [1, null, null, 4]);
  assert.deepEqual(all(curve([1, 0, -1, 4]), { log: true }).y, [1, null, null, 4]);
});

test('axes', () => {
  const one = curve([1, 2, 3, 4]);
  const epoch = curve([0, 1], [0, 2], { name: 'epoch' });
  assert.deepEqual([...abscissa(one, { ...LOOK, axis: 'relative', began: 1000 })], [0, 1, 2, 3]);
  assert.deepEqual([...abscissa(one, { ...LOOK, axis: 'wall' })], [1000, 1001, 1002, 1003]);
  assert.deepEqual([...abscissa(one, { ...LOOK, axis: 'epoch', epoch })], [0, 0.5, 1, 1]);
});

test('smoothing has no bias at its beginning and passes over gaps', () => {
  const made = [...smoothed([5, 5, NaN, 5], 4, 0.9)];
  assert.deepEqual(made.map(value => Math.round(value * 1e6) / 1e6), [5, 5, NaN, 5]);
  assert.ok(smoothed([0, 10], 2, 0.5)[1] < 10);
});

test('curves with steps of their own share a table', () => {
  const table = aligned([
    { x: [0, 2, 2], y: [1, 2, 3] },
    { x: [1, 2], y: [null, 5] }
  ]);
  assert.deepEqual(table, [
    [0, 1, 2, 2],
    [1, undefined, 2, 3],
    [undefined, null, 5, undefined]
  ]);
});

test('a part of a curve has a point more on each side', () => {
  const one = curve([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(shape(one, LOOK, false, 3, 5, 500).x, [2, 3, 4, 5, 6]);
});
