import type { IPhase, IRunState } from '../wire';
import { ChartGrid } from './charts/chart_grid';
import { Comparing } from './comparing';
import { element, keepKeys, say } from './dom';
import { Command, EnvironmentFacts, Parameters } from './facts';
import { FailureCard } from './failure';
import { Header } from './header';
import { LogView } from './log/log_view';
import { Outputs } from './outputs';
import { Phases } from './phases';
import type { IRunSource } from './source';
import { isOver } from './status';
import { Tabs } from './tabs';
import { Values } from './values';

/** What the place that a view is in can do for it. */
export interface IHost {
  insertCell(text: string): boolean;
}

/**
 * All of a run: header, phases, failure, charts, log and what else there is to know. Of a build there are header, phases,
 * failure and log; the style sheet hides the rest.
 */
export class RunView {
  readonly node: HTMLElement;

  constructor(
    private readonly _source: IRunSource,
    host: IHost
  ) {
    const rerun = async (options: string[]) => void (await _source.request('rerun', { arguments: options }));
    this._header = new Header(_source, {
      rerun,
      compare: () => this._comparing.choose(),
      insertCell: text => host.insertCell(text)
    });
    this._phases = new Phases(_source);
    this._failure = new FailureCard(_source, rerun);
    this._charts = new ChartGrid(_source);
    this._comparing = new Comparing(_source, runs => this._charts.overlay(runs));
    this._tabs = new Tabs([
      { id: 'log', title: 'Log', open: panel => openLog(panel, _source) },
      { id: 'outputs', title: 'Outputs', open: panel => new Outputs(panel, _source) },
      { id: 'values', title: 'Values', open: panel => new Values(panel, _source) },
      { id: 'parameters', title: 'Parameters', open: panel => new Parameters(panel, _source) },
      { id: 'environment', title: 'Environment', open: panel => new EnvironmentFacts(panel, _source) },
      { id: 'command', title: 'Command', open: panel => new Command(panel, _source) }
    ]);
    this.node = element(
      'section',
      { class: 'run-view' },
      this._header.node,
      this._lost,
      this._failure.node,
      this._phases.node,
      this._charts.node,
      this._comparing.node,
      this._tabs.node
    );
    keepKeys(this.node);
    const update = () => this._update();
    this._stop = _source.subscribe({ state: update, connection: update, values: () => this._tabs.refresh() });
    update();
  }

  dispose(): void {
    this._stop();
    for (const part of [this._header, this._phases, this._charts, this._tabs]) {
      part.dispose();
    }
    this._source.dispose();
    this.node.remove();
  }

  private _update(): void {
    const told = this._source.state;
    if (!told) {
      return;
    }
    const connected = this._source.connection !== 'lost';
    const state = connected || !told.is_build || isOver(told) ? told : ended(told);
    const another = this._run !== '' && this._run !== state.run_id;
    if (another || (!this._run && state.over)) {
      // Where the kernel does not answer, the run is drawn alone.
      this._comparing.show(state.over ? [state.over] : []).catch(() => undefined);
    }
    this._run = state.run_id;
    this.node.setAttribute('aria-label', `${state.is_build ? 'Build' : 'Run'} ${state.run_id}`);
    this.node.dataset.build = `${state.is_build}`;
    this._header.update(state, connected);
    this._phases.update(state);
    this._failure.update(state.failure);
    this._tabs.rename('outputs', state.output_count ? `Outputs ${state.output_count}` : 'Outputs');
    const known = state.parameters.length || state.arguments.length;
    this._tabs.rename('parameters', known ? `Parameters ${known}` : 'Parameters');
    const ending = state === told ? '' : ' The build ended with it.';
    const elsewhere = state.is_build ? ending : ` The run itself goes on without it; %aml_run ${state.run_id} shows it again.`;
    say(this._lost, connected ? '' : `The kernel is gone.${elsewhere}`);
    if (another) {
      this._tabs.reset();
    } else {
      this._tabs.refresh();
    }
  }

  private readonly _header: Header;
  private readonly _phases: Phases;
  private readonly _failure: FailureCard;
  private readonly _charts: ChartGrid;
  private readonly _comparing: Comparing;
  private readonly _tabs: Tabs;
  private readonly _lost = element('p', { class: 'lost', role: 'status' });
  private readonly _stop: () => void;
  private _run = '';
}

/** A build as its kernel left it. */
function ended(state: IRunState): IRunState {
  const { now } = state;
  const phases = state.phases.map((phase): IPhase => (phase.state === 'now' ? { ...phase, state: 'canceled', end: now } : phase));
  return { ...state, status: 'Canceled', ended: now, can_cancel: false, phases };
}

function openLog(panel: HTMLElement, source: IRunSource): LogView {
  const log = new LogView(source);
  panel.append(log.node);
  return log;
}
