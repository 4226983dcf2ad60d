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
