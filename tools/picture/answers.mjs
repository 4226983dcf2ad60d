/** What Prometheus answers to a dashboard's panels, asked as Grafana asks it. */
import { ask } from './variables.mjs';

const COLUMNS = 24;
const WIDTH = 1600;
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600];
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };

/** Returns for each panel, those of rows too, its title, its text and the answers to its targets. */
export async function answers(dashboard, variables, prometheus, range, scrape) {
  const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return Promise.all(panels.map((panel) => answered(panel, variables, prometheus, range, scrape)));
}

/** Returns what annotations mark in the range: from when to when, in milliseconds, and the name of a colour. */
export async function marks(dashboard, variables, prometheus, range, scrape) {
  const asked = (dashboard.annotations?.list ?? []).filter(({ enable, expr }) => enable && expr);
  const step = stepOf({}, range, scrape);
  const found = asked.map(async ({ expr, iconColor: colour, useValueForTime }) => {
    const query = variables.intoPromQL(expr, {});
    const { result } = await ask(prometheus, 'query_range', { query, start: aligned(range.from, step), end: aligned(range.to, step), step });
    const spans = result.flatMap(({ values }) => (useValueForTime ? timesOf(values) : spansOf(values, step)));
    return spans.map(([from, to]) => ({ colour, from, to })).filter(({ from, to }) => to >= range.from * 1000 && from <= range.to * 1000);
  });
  return (await Promise.all(found)).flat();
}

/** Returns each time that the values of a series name, in milliseconds, as a span. */
function timesOf(points) {
  return [...new Set(points.map(([, value]) => Number(value)))].map((time) => [time, time]);
}

/** Returns the first and the last time, in milliseconds, of points that follow each other without a gap. */
export function spansOf(points, step) {
  const spans = [];
  for (const [seconds] of points) {
    const last = spans.at(-1);
    if (last && seconds * 1000 - last[1] <= 2000 * step) last[1] = seconds * 1000;
    else spans.push([seconds * 1000, seconds * 1000]);
  }
  return spans;
}

async function answered(panel, variables, prometheus, range, scrape) {
  const step = stepOf(panel, range, scrape);
  const length = range.to - range.from;
  const scoped = {
    __interval: `${step}s`,
    __interval_ms: `${step * 1000}`,
    __rate_interval: `${Math.max(step + scrape, 4 * scrape)}s`,
    __range: `${length}s`,
    __range_s: `${length}`,
    __range_ms: `${length * 1000}`,
  };
  const asked = async (target) => {
    const query = variables.intoPromQL(target.expr, scoped);
    const common = { refId: target.refId, format: target.format ?? 'time_series', legend: target.legendFormat ?? '', query, step };
    // As in Grafana, a target that says neither is asked over the range.
    const ranged = target.range || !target.instant;
    return Promise.all([
      ...(ranged ? [ask(prometheus, 'query_range', { query, start: aligned(range.from, step), end: aligned(range.to, step), step })] : []),
      ...(target.instant ? [ask(prometheus, 'query', { query, time: range.to })] : []),
    ]).then((all) => all.map(({ result, resultType }) => ({ ...common, result: resultType === 'scalar' ? [{ metric: {}, value: result }] : result })));
  };
  const targets = (panel.targets ?? []).filter(({ hide }) => !hide);
  return {
    id: panel.id,
    title: variables.into(panel.title ?? '', scoped),
    description: variables.into(panel.description ?? '', scoped),
    text: variables.into(panel.options?.content ?? '', scoped),
    answers: (await Promise.all(targets.map(asked))).flat(),
    alerts: panel.type === 'alertlist' ? (await ask(prometheus, 'alerts', {})).alerts : [],
  };
}

function aligned(seconds, step) {
  return Math.floor(seconds / step) * step;
}

/** Returns the seconds between a panel's points: one a pixel at most, and no more often than data is scraped. */
function stepOf(panel, range, scrape) {
  const pixels = ((panel.gridPos?.w ?? COLUMNS) / COLUMNS) * WIDTH;
  const atLeast = Math.max(scrape, (range.to - range.from) / (panel.maxDataPoints ?? pixels), seconds(panel.interval));
  return STEPS.find((step) => step >= atLeast) ?? Math.ceil(atLeast);
}

function seconds(text) {
  const [, number, unit] = /^>?(\d+)([smhd])$/.exec(text ?? '') ?? [];
  return number ? Number(number) * SECONDS[unit] : 0;
}
