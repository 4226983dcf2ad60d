/**
 * Draws a dashboard: node draw.mjs DASHBOARD PROMETHEUS SECONDS SCRAPE ROWS OUTPUT
 *
 * DASHBOARD is a file, PROMETHEUS a URL; the dashboard's time range is the last SECONDS, of data that is scraped
 * each SCRAPE seconds. Only the first ROWS rows with their panels are drawn, all for 0. Fails, and says which, if
 * a panel has no data or cannot be drawn.
 */
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { answers, marks } from './answers.mjs';
import { Variables } from './variables.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const WIDTH = 1600;
const LINE = 38;
const ABOUT = 200;
const PATIENCE = 60_000;
const ICONS = '/public/build/img/icons/';
const TYPES = { '.svg': 'image/svg+xml', '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html; charset=utf-8' };
const PAGE = `<!doctype html>
<link rel="stylesheet" href="/index.css">
<body style="margin: 0"><div id="root"></div>
<script type="module" src="/index.js"></script>`;

/** Returns the page's script and style, by path. */
async function bundled() {
  const { outputFiles } = await build({
    entryPoints: [join(HERE, 'page/index.tsx')],
    bundle: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    format: 'esm',
    jsx: 'automatic',
    loader: { '.ttf': 'dataurl', '.woff2': 'dataurl' },
    logLevel: 'error',
    outdir: '/',
    write: false,
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}

/** Serves the page, and Grafana's icons, to this machine; returns its URL and what closes it. */
async function served(content) {
  const files = await bundled();
  files.set('/', PAGE).set('/content.json', JSON.stringify(content));
  const server = createServer(({ url }, response) => {
    const icon = join(HERE, 'node_modules/@grafana/ui/dist/public/img/icons', url.slice(ICONS.length));
    const body = files.get(url) ?? (url.startsWith(ICONS) && existsSync(icon) ? readFileSync(icon) : undefined);
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': TYPES[extname(url) || '.html'] ?? 'application/json' });
    response.end(body);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Has Chromium draw the page; returns the complaints of the page and of its panels. */
async function photograph(url, height, output) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  try {
    // What is out of sight is not drawn by every component.
    const page = await browser.newPage({ viewport: { width: WIDTH, height } });
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(`the page failed: ${error.stack ?? error}`));
    await page.goto(url);
    await page.waitForFunction('window.drawn', undefined, { timeout: PATIENCE }).catch(() => complaints.push('the page was never drawn'));
    complaints.push(...(await page.evaluate('window.complaints ?? []')));
    await page.locator('#root').screenshot({ path: output });
    return complaints;
  } finally {
    await browser.close();
  }
}

/** Returns a dashboard that ends before the row after the first so many. */
function shortened(dashboard, rows) {
  const after = dashboard.panels.filter(({ type }) => type === 'row')[rows];
  const panels = rows && after ? dashboard.panels.filter(({ gridPos }) => gridPos.y < after.gridPos.y) : dashboard.panels;
  return { ...dashboard, panels };
}

const [file, prometheus, seconds, scrape, rows, output] = process.argv.slice(2);
const dashboard = shortened(JSON.parse(readFileSync(file, 'utf8')), Number(rows));
const to = Math.floor(Date.now() / 1000);
const range = { from: to - Number(seconds), to };
const variables = await Variables.of(dashboard, prometheus, range);
const [panels, marked] = await Promise.all([answers, marks].map((asked) => asked(dashboard, variables, prometheus, range, Number(scrape))));
const content = { dashboard, range, variables: variables.shown(), panels, marks: marked };
const { url, close } = await served(content);
const height = ABOUT + LINE * Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
const complaints = await photograph(url, height, output).finally(close);
complaints.forEach((complaint) => console.error(complaint));
process.exitCode = complaints.length ? 1 : 0;
