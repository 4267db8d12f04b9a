/** The built package elsewhere: the tutorial on Node 20 and in headless Chromium prints the same. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripTypeScriptTypes } from 'node:module';
import { delimiter, extname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const PRINTED = execFileSync(process.execPath, ['examples/tutorial.ts'], { cwd: ROOT, encoding: 'utf8' });

/** The example as JavaScript, inside the package, so that its import finds it. */
function asJavaScript(): string {
  const path = join(ROOT, 'target/smoke/tutorial.mjs');
  mkdirSync(join(ROOT, 'target/smoke'), { recursive: true });
  writeFileSync(path, stripTypeScriptTypes(readFileSync(join(ROOT, 'examples/tutorial.ts'), 'utf8')));
  return path;
}

/** A Node of version 20 on the path, besides the one of the project. */
const node20 = (process.env['PATH'] ?? '').split(delimiter).map((d) => join(d, 'node'))
  .find((f) => existsSync(f) && spawnSync(f, ['--version'], { encoding: 'utf8' }).stdout.startsWith('v20.'));

test.skipIf(!node20)('the tutorial on Node 20 (skipped where the path has none)', () => {
  expect(execFileSync(node20!, [asJavaScript()], { cwd: ROOT, encoding: 'utf8' })).toBe(PRINTED);
});

test.each(['simd', 'relaxed', 'threads'])('the tutorial with the module %s', (build) => {
  const env = { ...process.env, CRESSET_BUILD: build };
  expect(execFileSync(process.execPath, ['examples/tutorial.ts'], { cwd: ROOT, encoding: 'utf8', env })).toBe(PRINTED);
});

const browser = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find((f) => f && existsSync(f));
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const PAGE = `<!doctype html><script type="importmap">{"imports": {"cresset": "/ts/dist/cresset.js", "#wasm": "/ts/dist/wasm.browser.js"}}</script>
<script type="module">
  const lines = [];
  console.log = (...args) => lines.push(args.map(String).join(' ') + '\\n');
  try { await import('/target/smoke/tutorial.mjs'); globalThis.printed = lines.join(''); }
  catch (e) { globalThis.printed = String(e?.stack ?? e); }
</script>`;

test.skipIf(!browser).each([false, true])('the tutorial in Chromium, isolated: %s (skipped where there is no Chromium)', async (isolated) => {
  asJavaScript();
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname;
    const headers: Record<string, string> = { 'content-type': TYPES[extname(path)] ?? 'text/html' };
    if (isolated) Object.assign(headers, { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' });
    const file = join(ROOT, path);
    if (path !== '/' && !existsSync(file)) response.writeHead(404).end();
    else response.writeHead(200, headers).end(path === '/' ? PAGE : readFileSync(file));
  });
  await new Promise<void>((go) => { server.listen(0, '127.0.0.1', go); });
  const { port } = server.address() as AddressInfo;
  const chrome = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  try {
    const page = await chrome.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction('globalThis.printed !== undefined', undefined, { timeout: 60_000 });
    expect(await page.evaluate('globalThis.printed')).toBe(PRINTED);
    expect(await page.evaluate('import("cresset").then((t) => t.backends.wasm.build)')).toBe(isolated ? 'threads' : 'relaxed');
  } finally {
    await chrome.close();
    server.close();
  }
});
