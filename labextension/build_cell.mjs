/* Bundles what the kernel gives to a page: the view of a run, the table of the panel, and the loader of both. */
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';

/**
 * uPlot offers, as properties of its class, other kinds of curves and functions for whoever writes plug-ins. We only make plots:
 * without these lines the bundle leaves out what nothing else needs, 7 kB. (uPlot's own build can do so, its package cannot.)
 */
const onlyPlots = {
  name: 'only-plots',
  setup({ onLoad }) {
    onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => {
      const [, plot, extras, exported] = /^(.*\n)(uPlot\.assign = .*)(\nexport .*)$/s.exec(await readFile(path, 'utf8')) ?? [];
      if (!extras?.includes('uPlot.paths')) {
        throw new Error(`${path} is not as it was: see build_cell.mjs`);
      }
      return { contents: plot + exported };
    });
  }
};

await build({
  entryPoints: [
    { in: 'src/cell/index.ts', out: 'run_view' },
    { in: 'src/cell/loader.ts', out: 'loader' },
    { in: 'src/cell/runs_table.ts', out: 'panel' },
    { in: 'style/run-view.css', out: 'run_view' },
    { in: 'style/panel.css', out: 'panel' }
  ],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  mangleProps: /^_[a-z]/,
  outdir: '../jupyter_amltrain/widget/static',
  logLevel: 'info',
  plugins: [onlyPlots]
});
