/** The page that is photographed: a dashboard's bar, its grid of panels, and how it was made. */
import '@fontsource-variable/inter';
import { createTheme, dateTime, ThemeContext, type DataFrame, type TimeRange } from '@grafana/data';
import type { GridPos, Panel } from '@grafana/schema';
import { GlobalStyles, Icon, InlineLabel, PanelChrome, Tag, ToolbarButton } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { useEffect, type CSSProperties } from 'react';
import { isRow, type Answered, type AnyPanel, type Content, type Mark } from './content';
import { prepared } from './fields';
import { framesOf } from './frames';
import { PANELS } from './panels';

declare global {
  interface Window {
    complaints: string[];
    drawn: boolean;
    __grafana_public_path__: string;
  }
}

const COLUMNS = 24;
const LINE = 30;
const GAP = 8;
const MARGIN = 16;
const SETTLING = 1500;
const WITHOUT_DATA = ['text', 'alertlist'];
const CAPTION =
  "Drawn with Grafana's own component packages (@grafana/ui) from the dashboard's JSON and a live Prometheus over simulated conversations; not a screenshot of Grafana. The lists of alerts and of states, and the marks in trends, are imitations.";

window.__grafana_public_path__ = '/public/';
window.complaints = [];

const theme = createTheme({ colors: { mode: 'dark' }, typography: { fontFamily: "'Inter Variable', sans-serif" } });

interface Ready {
  panel: AnyPanel;
  answered: Answered;
  frames: DataFrame[];
}

/** Returns the panels that are seen, each with its data; those in a collapsed row are not. */
async function readied({ dashboard, panels }: Content): Promise<Ready[]> {
  const answered = new Map(panels.map((panel) => [panel.id, panel]));
  return Promise.all(
    (dashboard.panels ?? []).map(async (panel) => {
      const told = answered.get(panel.id!)!;
      const complain = (what: string) => window.complaints.push(`panel ${told.title || panel.id}: ${what}`);
      if (isRow(panel)) {
        return { panel, answered: told, frames: [] };
      }
      if (!(panel.type in PANELS)) {
        complain(`a ${panel.type} cannot be drawn here: @grafana/ui has no component for it`);
      }
      const frames = await prepared(framesOf(told.answers), panel, theme, complain);
      if (!WITHOUT_DATA.includes(panel.type) && !frames.some(({ length }) => length > 0)) {
        complain(`there is no data for ${told.answers.map(({ query }) => query).join(' and ') || 'no query'}`);
      }
      return { panel, answered: told, frames };
    })
  );
}

function counted(number: number, noun: string) {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}

function boxOf({ x, y, w, h }: GridPos, width: number) {
  const column = (width - (COLUMNS - 1) * GAP) / COLUMNS;
  return {
    left: x * (column + GAP),
    top: y * (LINE + GAP),
    width: w * column + (w - 1) * GAP,
    height: h * LINE + (h - 1) * GAP,
  };
}

function Cell({ ready, marks, timeRange, width }: { ready: Ready; marks: Mark[]; timeRange: TimeRange; width: number }) {
  const { panel, answered, frames } = ready;
  const box = boxOf(panel.gridPos!, width);
  const place: CSSProperties = { position: 'absolute', ...box };
  if (isRow(panel)) {
    return (
      <div style={{ ...place, alignItems: 'center', display: 'flex', gap: GAP }}>
        <Icon name={panel.collapsed ? 'angle-right' : 'angle-down'} />
        <h4 style={{ margin: 0 }}>{answered.title}</h4>
        {panel.collapsed && <span style={{ color: theme.colors.text.secondary }}>({counted(panel.panels.length, 'panel')})</span>}
      </div>
    );
  }
  const draw = PANELS[panel.type];
  return (
    <div style={place}>
      <PanelChrome
        description={answered.description}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        height={box.height}
        title={answered.title}
        titleItems={panel.links?.length ? <Icon name="external-link-alt" size="sm" /> : undefined}
        width={box.width}
      >
        {(width, height) => draw?.({ panel, answered, frames, marks, timeRange, width, height })}
      </PanelChrome>
    </div>
  );
}

function Bar({ content: { dashboard, range, variables } }: { content: Content }) {
  const minutes = Math.round((range.to - range.from) / 60);
  return (
    <>
      <div style={{ alignItems: 'center', display: 'flex', gap: GAP, marginBottom: MARGIN }}>
        <h3 style={{ margin: 0 }}>{dashboard.title}</h3>
        {dashboard.tags?.map((tag) => <Tag key={tag} name={tag} />)}
        <span style={{ flexGrow: 1 }} />
        {dashboard.links?.map(({ title }) => <ToolbarButton key={title} icon="external-link-alt" variant="canvas">{title}</ToolbarButton>)}
        <ToolbarButton icon="clock-nine" variant="canvas">{`Last ${counted(minutes, 'minute')}`}</ToolbarButton>
        <ToolbarButton icon="sync" variant="canvas">{dashboard.refresh}</ToolbarButton>
      </div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: MARGIN, marginBottom: MARGIN }}>
        {variables.map(({ label, value }) => (
          <div key={label} style={{ display: 'flex' }}>
            <InlineLabel width="auto">{label}</InlineLabel>
            <ToolbarButton isOpen={false} variant="canvas">{value}</ToolbarButton>
          </div>
        ))}
      </div>
    </>
  );
}

function Page({ content, panels }: { content: Content; panels: Ready[] }) {
  const { from, to } = content.range;
  const timeRange: TimeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: 'now', to: 'now' } };
  const width = document.documentElement.clientWidth - 2 * MARGIN;
  const lines = Math.max(...panels.map(({ panel }) => panel.gridPos!.y + panel.gridPos!.h));
  useEffect(() => void document.fonts.ready.then(() => setTimeout(() => (window.drawn = true), SETTLING)), []);
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ background: theme.colors.background.canvas, padding: MARGIN }}>
        <Bar content={content} />
        <div style={{ height: lines * (LINE + GAP), position: 'relative' }}>
          {panels.map((ready) => <Cell key={ready.panel.id} ready={ready} marks={content.marks} timeRange={timeRange} width={width} />)}
        </div>
        <div style={{ color: theme.colors.text.secondary, fontSize: 12, marginTop: GAP }}>{CAPTION}</div>
      </div>
    </ThemeContext.Provider>
  );
}

const content: Content = await (await fetch('/content.json')).json();
const panels = await readied(content);
createRoot(document.getElementById('root')!).render(<Page content={content} panels={panels} />);
