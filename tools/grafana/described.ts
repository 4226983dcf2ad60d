/**
 * What `@grafana/schema` leaves open in a dashboard, described as Grafana's other packages have it,
 * as far as our dashboards go. A field that is missing here is unknown to the check: add it, from the source named.
 */

interface PrometheusRef {
  type: 'prometheus';
  uid: string;
}

/** A panel's query: `PromQuery` of `@grafana/prometheus`, the fields that a file may carry. */
export interface Target {
  datasource?: PrometheusRef;
  editorMode?: 'builder' | 'code';
  exemplar?: boolean;
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  hide?: boolean;
  instant?: boolean;
  interval?: string;
  intervalFactor?: number;
  legendFormat?: string;
  range?: boolean;
  refId: string;
}

/** The `query` of a variable: text for all types but `query`, where it is `PromVariableQuery` of `@grafana/prometheus`. */
export type VariableQuery = string | { qryType: 0 | 1 | 2 | 3 | 4 | 5; query: string; refId: string };

/** An annotation over Prometheus: `AnnotationQuery` of `@grafana/schema`, with the fields of `PromAnnotation` of `@grafana/prometheus`. */
export interface Annotation {
  datasource: PrometheusRef;
  enable: boolean;
  expr: string;
  hide?: boolean;
  iconColor: string;
  name: string;
  step?: string;
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
}

/** The options of a list of alerts: `UnifiedAlertListOptions` of Grafana's panel `alertlist`. */
export interface AlertList {
  alertInstanceLabelFilter?: string;
  alertName?: string;
  dashboardAlerts?: boolean;
  datasource?: string;
  groupBy?: string[];
  groupMode?: 'default' | 'custom';
  maxItems?: number;
  showInactiveAlerts?: boolean;
  showInstances?: boolean;
  sortOrder?: 1 | 2 | 3 | 4 | 5;
  stateFilter?: { error?: boolean; firing?: boolean; noData?: boolean; normal?: boolean; pending?: boolean; recovering?: boolean };
  viewMode?: 'list' | 'stat';
}

/** A link on a field's values: `DataLink` of `@grafana/data`. */
export interface DataLink {
  targetBlank?: boolean;
  title: string;
  url: string;
}

interface Transformed<Id extends string, Options> {
  disabled?: boolean;
  id: Id;
  options: Options;
}

/** A transformation: the transformers of `@grafana/data`, `src/transformations/transformers`. */
export type Transformation =
  | Transformed<'filterFieldsByName', { include?: { names?: string[]; pattern?: string }; exclude?: { names?: string[]; pattern?: string } }>
  | Transformed<'groupingToMatrix', { columnField: string; emptyValue?: 'true' | 'false' | 'null' | 'zero' | 'empty'; rowField: string; valueField: string }>
  | Transformed<'joinByField', { byField?: string; mode?: 'outer' | 'inner' | 'outerTabular' }>
  | Transformed<'labelsToFields', { keepLabels?: string[]; mode?: 'columns' | 'rows'; valueLabel?: string }>
  | Transformed<'merge', Record<string, never>>
  | Transformed<
      'organize',
      {
        excludeByName?: Record<string, boolean>;
        includeByName?: Record<string, boolean>;
        indexByName?: Record<string, number>;
        renameByName?: Record<string, string>;
      }
    >
  | Transformed<'reduce', { includeTimeField?: boolean; labelsToFields?: boolean; mode?: 'seriesToRows' | 'reduceFields'; reducers: string[] }>
  | Transformed<'renameByRegex', { regex: string; renamePattern: string }>
  | Transformed<'seriesToRows', Record<string, never>>
  | Transformed<'sortBy', { sort: { desc?: boolean; field: string }[] }>;
