/**
 * Writes JSON Schemas of Grafana's dashboards: node schemas.mjs DIRECTORY
 *
 * There is a file for each major version, with the schema of a dashboard and of each kind of panel's options and
 * custom field configuration, and one for what Grafana's types leave open. No schema knows a key that Grafana
 * does not, and each is whole in itself.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGenerator } from 'ts-json-schema-generator';

const HERE = dirname(fileURLToPath(import.meta.url));
const MAJORS = [11, 12, 13];

/** Panels as dashboards name them, and the folders of their types. */
const PANELS = {
  barchart: 'barchart',
  bargauge: 'bargauge',
  gauge: 'gauge',
  heatmap: 'heatmap',
  histogram: 'histogram',
  piechart: 'piechart',
  stat: 'stat',
  'state-timeline': 'statetimeline',
  'status-history': 'statushistory',
  table: 'table',
  text: 'text',
  timeseries: 'timeseries',
};

/** Returns everything known about one major version of Grafana. */
function schemas(major) {
  const home = join(HERE, 'node_modules', `grafana-${major}`);
  const { name, version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const types = ['types', 'esm'].map((folder) => join(home, 'dist', folder)).find((folder) => existsSync(join(folder, 'raw')));
  const tsconfig = project(`grafana-${major}`, { '@grafana/schema': [join(types, 'index.d.ts')] });
  const schema = (path, type) => strict(path, type, tsconfig);
  return {
    source: `${name} ${version}`,
    dashboard: schema(generated(join(types, 'raw/dashboard/x')), 'Dashboard'),
    panels: Object.fromEntries(Object.entries(PANELS).map(([type, folder]) => [type, panel(join(types, 'raw/composable', folder, 'panelcfg/x'), schema)])),
  };
}

/** Returns what `described.ts` describes. */
function described() {
  const schema = (type) => strict(join(HERE, 'described.ts'), type, project('described', {}));
  return {
    alertList: schema('AlertList'),
    annotation: schema('Annotation'),
    dataLink: schema('DataLink'),
    target: schema('Target'),
    transformation: schema('Transformation'),
    variableQuery: schema('VariableQuery'),
  };
}

/** Returns the schema of a type, which forbids all that the type does not mention. */
function strict(path, type, tsconfig) {
  const settings = { path, type, tsconfig, skipTypeCheck: true, additionalProperties: false, topRef: false, jsDoc: 'none' };
  return createGenerator(settings).createSchema(type);
}

/** Returns the schemas of a panel's options and custom field configuration; Grafana fills in what either lacks. */
function panel(folder, schema) {
  const file = generated(folder);
  const declared = readFileSync(file, 'utf8');
  const part = (type) => {
    // A type of the same name elsewhere is another one: Grafana's own FieldConfig is all of a field's configuration.
    const found = declared.includes(`interface ${type} `) ? schema(file, type) : { type: 'object', additionalProperties: false };
    delete found.required;
    return found;
  };
  return { options: part('Options'), custom: part('FieldConfig') };
}

/** Returns the file of generated types in a folder. */
function generated(folder) {
  return join(folder, readdirSync(folder).find((file) => file.endsWith('types.gen.d.ts')));
}

/** Writes a TypeScript project in which types find one another, and returns its path. */
function project(name, paths) {
  const folder = join(HERE, 'node_modules', '.cache');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `tsconfig.${name}.json`);
  const compilerOptions = {
    module: 'esnext',
    moduleResolution: 'bundler',
    paths,
    strict: true,
    target: 'es2022',
    types: [],
  };
  writeFileSync(path, JSON.stringify({ compilerOptions, files: [] }));
  return path;
}

/** Returns a value with all its keys sorted: a new version of Grafana then differs only where it differs. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const [directory] = process.argv.slice(2);
if (!directory) {
  console.error('usage: node schemas.mjs DIRECTORY');
  process.exit(2);
}
const write = (name, content) => writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(sorted(content), null, 1)}\n`);
for (const major of MAJORS) write(`grafana-${major}`, schemas(major));
write('described', described());
