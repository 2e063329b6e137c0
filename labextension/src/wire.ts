// Written by make_wire.py from jupyter_amltrain/runs/{run_state,glance}.py, which tell what fields mean.

export interface IPhase {
  name: string;
  state: 'todo' | 'now' | 'done' | 'failed' | 'canceled' | 'skipped';
  begin: number | null;
  end: number | null;
  note: string;
}

export interface ILogFile {
  name: string;
  size_bytes: number;
}

export interface IFrame {
  file: string;
  line: number;
  function: string;
  code: string;
  in_snapshot: boolean;
  cell_line: number | null;
}

export interface IOption {
  label: string;
  remedy: 'rerun' | 'environment' | 'copy';
  arguments: string[];
  text: string;
}

export interface ICause {
  text: string;
  options: IOption[];
}

export interface IFailure {
  title: string;
  exit_code: number | null;
  exit_words: string;
  frames: IFrame[];
  last_lines: string[];
  causes: ICause[];
}

export interface IRunState {
  run_id: string;
  number: number;
  experiment: string;
  display_name: string;
  status: string;
  reason: string;
  target: string;
  engine: string;
  nodes: number;
  now: number;
  created: number;
  started: number | null;
  ended: number | null;
  environment: string;
  image: string;
  gpus: string[];
  isolated: boolean;
  script: string;
  from_cell: boolean;
  arguments: string[];
  parameters: [string, string][];
  tags: [string, string][];
  phases: IPhase[];
  logs: ILogFile[];
  output_count: number;
  output_bytes: number;
  can_cancel: boolean;
  can_rerun: boolean;
  failure: IFailure | null;
  notes: string[];
  over: string;
  is_build: boolean;
}

export interface IRunGlance {
  run_id: string;
  display_name: string;
  experiment: string;
  target: string;
  status: string;
  reason: string;
  started: number | null;
  ended: number | null;
  metric: string;
  value: number | null;
  points: number[];
}
