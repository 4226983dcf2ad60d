/** What `draw.mjs` hands to the page. */
import type { Dashboard, Panel, RowPanel } from '@grafana/schema';

export interface Sample {
  metric: Record<string, string>;
  value?: [number, string];
  values?: [number, string][];
}

/** An answer of Prometheus to one target: series over the range, or one value each; `step` is seconds. */
export interface Answer {
  refId: string;
  format: 'time_series' | 'table' | 'heatmap';
  legend: string;
  query: string;
  step: number;
  result: Sample[];
}

/** An alert of Prometheus that fires or is pending. */
export interface Alert {
  activeAt: string;
  labels: Record<string, string>;
  state: 'firing' | 'pending';
}

/** What an annotation marks, in milliseconds; `colour` is a name of Grafana's. */
export interface Mark {
  colour: string;
  from: number;
  to: number;
}

export interface Answered {
  id: number;
  title: string;
  description: string;
  text: string;
  answers: Answer[];
  alerts: Alert[];
}

export interface Content {
  dashboard: Dashboard;
  range: { from: number; to: number };
  marks: Mark[];
  variables: { label: string; multi: boolean; value: string }[];
  panels: Answered[];
}

export type AnyPanel = Panel | RowPanel;

export const isRow = (panel: AnyPanel): panel is RowPanel => panel.type === 'row';
