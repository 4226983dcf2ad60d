/** Field configuration, applied as Grafana applies it: a panel's defaults, its own, then its overrides. */
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigOptionsRegistry,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  transformDataFrame,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
  type DataFrame,
  type DataTransformerConfig,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
} from '@grafana/data';
import type { Panel } from '@grafana/schema';
import { firstValueFrom } from 'rxjs';

const PROCESSED = {
  color: identityOverrideProcessor,
  decimals: numberOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  links: dataLinksOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  max: numberOverrideProcessor,
  min: numberOverrideProcessor,
  noValue: stringOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  unit: unitOverrideProcessor,
};

const GREEN = { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] };
const THRESHOLDS = { color: { mode: 'thresholds' }, thresholds: GREEN };

/** What Grafana's panels assume where a dashboard says nothing. */
const ASSUMED: Record<string, Record<string, unknown>> = {
  bargauge: THRESHOLDS,
  stat: THRESHOLDS,
  table: { ...THRESHOLDS, custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: false, inspect: false } },
  timeseries: {
    color: { mode: 'palette-classic' },
    custom: {
      axisBorderShow: false,
      axisColorMode: 'text',
      axisPlacement: 'auto',
      barAlignment: 0,
      barWidthFactor: 0.6,
      drawStyle: 'line',
      fillOpacity: 0,
      gradientMode: 'none',
      hideFrom: { legend: false, tooltip: false, viz: false },
      insertNulls: false,
      lineInterpolation: 'linear',
      lineWidth: 1,
      pointSize: 5,
      scaleDistribution: { type: 'linear' },
      showPoints: 'auto',
      spanNulls: false,
      stacking: { group: 'A', mode: 'none' },
      thresholdsStyle: { mode: 'off' },
    },
    thresholds: GREEN,
  },
};

/** Returns a panel's field configuration with what Grafana assumes. */
export function fieldConfigOf(panel: Panel): FieldConfigSource {
  const assumed = structuredClone(ASSUMED[panel.type] ?? {});
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const custom = { ...(assumed.custom as object), ...defaults.custom };
  return { defaults: { ...assumed, ...defaults, custom }, overrides } as FieldConfigSource;
}

/** Returns the frames that a panel draws: transformed, then each field with its configuration and its display. */
export async function prepared(frames: DataFrame[], panel: Panel, theme: GrafanaTheme2, complain: (what: string) => void): Promise<DataFrame[]> {
  const fieldConfig = fieldConfigOf(panel);
  const steps = panel.transformations ?? [];
  steps.filter(({ id }) => !standardTransformersRegistry.getIfExists(id)).forEach(({ id }) => complain(`${id} is no transformation`));
  const data = await firstValueFrom(transformDataFrame(steps as DataTransformerConfig[], frames));
  const fieldConfigRegistry = registryOf(fieldConfig, complain);
  const drawn = applyFieldOverrides({ data, fieldConfig, fieldConfigRegistry, replaceVariables: (text) => text, theme, timeZone: 'utc' });
  // Tables read the names of their columns from here.
  cacheFieldDisplayNames(drawn);
  return drawn;
}

/** Returns the properties that a panel's field configuration sets, custom ones among them. */
function registryOf({ defaults, overrides }: FieldConfigSource, complain: (what: string) => void): FieldConfigOptionsRegistry {
  const overridden = overrides.flatMap(({ properties }) => properties.map(({ id }) => id)).filter((id) => id.startsWith('custom.'));
  const custom = new Set([...Object.keys(defaults.custom ?? {}).map((path) => `custom.${path}`), ...overridden]);
  overrides
    .flatMap(({ properties }) => properties)
    .filter(({ id }) => !custom.has(id) && !(id in PROCESSED))
    .forEach(({ id }) => complain(`an override sets ${id}, which is no property`));
  const item = (id: string, path: string, process: unknown, isCustom: boolean) =>
    ({ id, path, name: id, process, isCustom, shouldApply: () => true, getItemsCount: () => 0, override: () => null, editor: () => null }) as unknown as FieldConfigPropertyItem;
  return new FieldConfigOptionsRegistry(() => [
    ...Object.entries(PROCESSED).map(([id, process]) => item(id, id, process, false)),
    ...[...custom].map((id) => item(id, id.slice('custom.'.length), identityOverrideProcessor, true)),
  ]);
}

standardTransformersRegistry.setInit(() =>
  [...new Map(Object.values(standardTransformers).map((info) => [info.id, info])).values()].map((info) => ({
    id: info.id,
    name: info.name,
    transformation: () => Promise.resolve(info),
    imageDark: '',
    imageLight: '',
    editor: () => null,
  }) as never)
);
