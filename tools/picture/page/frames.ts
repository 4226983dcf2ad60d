/** Prometheus's answers as Grafana's data frames, as its Prometheus data source makes them. */
import { createDataFrame, FieldType, type DataFrame } from '@grafana/data';
import type { Answer, Sample } from './content';

const AUTO = '__auto';

/** Returns a table for each target that asks for one, and a frame for each series of the others. */
export function framesOf(answers: Answer[]): DataFrame[] {
  const tables = answers.filter(({ format }) => format === 'table').length;
  return answers.flatMap((answer) =>
    answer.format === 'table' ? [table(answer, tables > 1 ? `Value #${answer.refId}` : 'Value')] : answer.result.map((sample) => series(answer, sample))
  );
}

function series({ refId, legend, query, step }: Answer, sample: Sample): DataFrame {
  const { __name__, ...labels } = sample.metric;
  const points = pointsOf(sample);
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000), config: { interval: step * 1000 } },
      {
        name: __name__ ?? 'Value',
        type: FieldType.number,
        values: points.map(([, value]) => number(value)),
        labels,
        config: { displayNameFromDS: nameOf(sample.metric, legend, query) },
      },
    ],
  });
}

/** Returns a series' name: by its legend, or left to Grafana, which tells series apart by the labels that differ. */
function nameOf(metric: Record<string, string>, legend: string, query: string): string | undefined {
  if (legend === AUTO || legend === '') {
    return Object.keys(metric).length ? undefined : query;
  }
  return legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
}

function table({ refId, result }: Answer, value: string): DataFrame {
  const rows = result.flatMap((sample) => pointsOf(sample).map(([time, text]) => ({ metric: sample.metric, time: time * 1000, value: number(text) })));
  const labels = [...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(({ time }) => time) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: rows.map(({ metric }) => metric[label] ?? '') })),
      { name: value, type: FieldType.number, values: rows.map((row) => row.value) },
    ],
  });
}

function pointsOf({ value, values }: Sample): [number, string][] {
  return values ?? (value ? [value] : []);
}

function number(text: string): number | null {
  return text === 'NaN' ? null : Number(text.replace('Inf', 'Infinity'));
}
