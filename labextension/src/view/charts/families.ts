const SYSTEM = 'system/';
const STAGE = /^(train(ing)?|valid(ation)?|val|eval(uation)?|test(ing)?|dev|tr)$/i;
const KIND = /[_/](step|epoch)$/i;

/**
 * The family of a metric: metrics of one family are drawn in one chart. A stage (train, valid, val, eval, test) as the first or
 * last word of the name does not count, nor does what PyTorch Lightning adds, `_step` and `_epoch`.
 *
 * `train_loss`, `valid_loss`, `val/loss` and `loss` are one family, `error_rate` is its own. System metrics go by what they tell:
 * `system/network_sent` and `system/network_received` are one.
 *
 * The saved output of a run groups in the same way (jupyter_amltrain/saved/families.py).
 */
export function family(name: string): string {
  if (name.startsWith(SYSTEM)) {
    const what = name.slice(SYSTEM.length);
    const gpu = /^gpu\/(\d+)/.exec(what);
    return gpu ? `GPU ${gpu[1]}${what.endsWith('/memory') ? ' memory' : ''}` : what.split('_')[0];
  }
  const words = name.replace(KIND, '').split(/([_/.\-\s]+)/);
  while (words.length > 2 && STAGE.test(words[0])) {
    words.splice(0, 2);
  }
  while (words.length > 2 && STAGE.test(words[words.length - 1])) {
    words.splice(-2, 2);
  }
  return words.join('') || name;
}

/** Whether a chart comes before the others. */
export function comesFirst(name: string): boolean {
  return /(^|[_/.\-\s])loss$/i.test(name);
}

/** What the numbers of a system metric are. */
export function unit(name: string): '' | '%' | 'bytes' | 'bytes/s' {
  if (!name.startsWith(SYSTEM)) {
    return '';
  }
  if (/memory$/.test(name)) {
    return 'bytes';
  }
  return /network|disk/.test(name) ? 'bytes/s' : '%';
}
