/** Grafana's components for the kinds of panel that our dashboards have, called as Grafana's panels call them. */
import {
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayName,
  getFieldDisplayValues,
  renderTextPanelMarkdown,
  VizOrientation,
  type DataFrame,
  type FieldDisplay,
  type TimeRange,
} from '@grafana/data';
import type { Panel } from '@grafana/schema';
import { Badge, BarGauge, BigValue, TimeSeries, useTheme2, VizRepeater, type UPlotConfigBuilder } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useRef, type ReactNode } from 'react';
import type { Answered, Mark } from './content';
import { fieldConfigOf } from './fields';

export interface Drawn {
  panel: Panel;
  answered: Answered;
  frames: DataFrame[];
  marks: Mark[];
  timeRange: TimeRange;
  width: number;
  height: number;
}

type Options = Record<string, any>;

/** The components, by the type of panel; a type that is not here cannot be drawn. */
export const PANELS: Record<string, (drawn: Drawn) => ReactNode> = {
  alertlist: (drawn) => <Alerts {...drawn} />,
  bargauge: (drawn) => <Bars {...drawn} />,
  stat: (drawn) => <Stat {...drawn} />,
  'state-timeline': (drawn) => <States {...drawn} />,
  table: (drawn) => <Table {...drawn} />,
  text: (drawn) => <Markdown {...drawn} />,
  timeseries: (drawn) => <Trend {...drawn} />,
};

function optionsOf({ panel }: Drawn): Options {
  return { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, orientation: 'auto', ...panel.options };
}

function useFieldDisplays(drawn: Drawn, sparkline: boolean): FieldDisplay[] {
  const theme = useTheme2();
  return getFieldDisplayValues({
    fieldConfig: fieldConfigOf(drawn.panel),
    reduceOptions: optionsOf(drawn).reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data: drawn.frames,
    sparkline,
    timeZone: 'utc',
  });
}

function Stat(drawn: Drawn) {
  const theme = useTheme2();
  const options = { colorMode: 'value', graphMode: 'area', justifyMode: 'auto', textMode: 'auto', ...optionsOf(drawn) } as Options;
  const values = useFieldDisplays(drawn, options.graphMode !== 'none');
  return (
    <VizRepeater
      autoGrid
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      getValues={() => values}
      height={drawn.height}
      itemSpacing={3}
      orientation={options.orientation}
      renderCounter={1}
      renderValue={({ value, alignmentFactors, width, height, count }) => (
        <BigValue
          alignmentFactors={alignmentFactors}
          colorMode={options.colorMode}
          count={count}
          graphMode={options.graphMode}
          height={height}
          justifyMode={options.justifyMode}
          sparkline={value.sparkline}
          text={options.text}
          textMode={options.textMode}
          theme={theme}
          value={value.display}
          width={width}
        />
      )}
      source={drawn.frames}
      width={drawn.width}
    />
  );
}

function Bars(drawn: Drawn) {
  const theme = useTheme2();
  const options = { displayMode: 'gradient', namePlacement: 'auto', showUnfilled: true, valueMode: 'color', minVizHeight: 16, maxVizHeight: 300, minVizWidth: 8, ...optionsOf(drawn) } as Options;
  const values = useFieldDisplays(drawn, false);
  const orientation: VizOrientation = options.orientation === 'auto' ? (drawn.width > drawn.height ? VizOrientation.Vertical : VizOrientation.Horizontal) : options.orientation;
  return (
    <VizRepeater
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      getValues={() => values}
      height={drawn.height}
      itemSpacing={options.displayMode === 'lcd' ? 2 : 10}
      maxVizHeight={options.maxVizHeight}
      minVizHeight={options.minVizHeight}
      minVizWidth={options.minVizWidth}
      orientation={orientation}
      renderCounter={1}
      renderValue={({ value, alignmentFactors, width, height }) => (
        <BarGauge
          alignmentFactors={alignmentFactors}
          display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
          displayMode={options.displayMode}
          field={value.field}
          height={height}
          namePlacement={options.namePlacement}
          orientation={orientation}
          showUnfilled={options.showUnfilled}
          text={options.text}
          theme={theme}
          value={value.display}
          valueDisplayMode={options.valueMode}
          width={width}
        />
      )}
      source={drawn.frames}
      width={drawn.width}
    />
  );
}

function Trend({ panel, frames, marks, timeRange, width, height }: Drawn) {
  const legend = { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: true, ...(panel.options?.legend as Options) } as Options;
  const marked = useMarked(marks);
  return (
    <TimeSeries frames={frames} height={height} legend={legend as never} options={panel.options as Options} timeRange={timeRange} timeZone="browser" width={width}>
      {marked}
    </TimeSeries>
  );
}

/** An imitation: what draws Grafana's annotations is no component of @grafana/ui. Returns what adds them to a plot. */
function useMarked(marks: Mark[]) {
  const theme = useTheme2();
  const known = useRef(new WeakSet<UPlotConfigBuilder>()).current;
  return (plot: UPlotConfigBuilder) => {
    if (!known.has(plot)) {
      known.add(plot);
      plot.addHook('draw', ({ bbox, ctx, valToPos }) => {
        const at = (time: number) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, valToPos(time, 'x', true)));
        ctx.save();
        for (const { colour, from, to } of marks) {
          ctx.fillStyle = ctx.strokeStyle = theme.visualization.getColorByName(colour);
          ctx.globalAlpha = 0.1;
          ctx.fillRect(at(from), bbox.top, at(to) - at(from), bbox.height);
          ctx.globalAlpha = 1;
          ctx.setLineDash([4, 4]);
          ctx.strokeRect(at(from), bbox.top, at(to) - at(from), bbox.height);
        }
        ctx.restore();
      });
    }
    return null;
  };
}

function Table(drawn: Drawn) {
  const { panel, frames, timeRange, width, height } = drawn;
  const options = { frameIndex: 0, showHeader: true, cellHeight: 'sm', ...panel.options } as Options;
  return (
    <TableNG
      cellHeight={options.cellHeight}
      data={frames[options.frameIndex]}
      enableVirtualization={false}
      fieldConfig={fieldConfigOf(panel)}
      height={height}
      noHeader={!options.showHeader}
      sortBy={options.sortBy}
      timeRange={timeRange}
      width={width}
    />
  );
}

/** An imitation: Grafana's own list is no component of @grafana/ui. */
function Alerts({ answered: { alerts }, height }: Drawn) {
  const theme = useTheme2();
  return (
    <div style={{ height, overflow: 'hidden' }}>
      {alerts.length === 0 && <span style={{ color: theme.colors.text.secondary }}>No alerts matching filters</span>}
      {alerts.map(({ activeAt, labels: { alertname, severity, ...others }, state }) => (
        <div key={alertname + JSON.stringify(others)} style={{ borderBottom: `1px solid ${theme.colors.border.weak}`, padding: theme.spacing(0.5) }}>
          <Badge color={state === 'firing' ? 'red' : 'orange'} text={state} /> {alertname}
          <div style={{ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }}>
            {[severity, others.bot, others.query].filter(Boolean).join(' · ')} for {Math.round((Date.now() - Date.parse(activeAt)) / 1000)}s
          </div>
        </div>
      ))}
    </div>
  );
}

/** An imitation: Grafana's own timeline is no component of @grafana/ui. */
function States({ frames, timeRange, width, height }: Drawn) {
  const theme = useTheme2();
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const label = Math.round(width / 5);
  const line = Math.min(40, height / Math.max(1, frames.length));
  return (
    <div style={{ fontSize: theme.typography.bodySmall.fontSize }}>
      {frames.map((frame, index) => {
        const times = frame.fields.find(({ type }) => type === FieldType.time)!;
        const states = frame.fields.find(({ type }) => type === FieldType.number)!;
        return (
          <div key={index} style={{ display: 'flex', height: line, padding: '1px 0' }}>
            <span style={{ overflow: 'hidden', width: label }}>{getFieldDisplayName(states, frame, frames)}</span>
            <div style={{ flexGrow: 1, position: 'relative' }}>
              {times.values.map((time: number, point: number) => {
                const end = Math.min(times.values[point + 1] ?? to, time + 2 * (times.config.interval ?? 0));
                const place = { left: `${(100 * (time - from)) / (to - from)}%`, width: `${(100 * (end - time)) / (to - from)}%` };
                return <div key={time} style={{ ...place, background: states.display!(states.values[point]).color, bottom: 0, position: 'absolute', top: 0 }} />;
              })}
            </div>
          </div>
        );
      })}
    </div>
  );
}

function Markdown({ answered }: Drawn) {
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: renderTextPanelMarkdown(answered.text) }} />;
}
