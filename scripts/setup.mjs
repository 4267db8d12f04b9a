// Makes the machine ready: the wasm target, wasm-pack and wasm-bindgen, node modules. Everything is
// kept in the user's cache by version, so a second clone starts at once.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export const ROOT = new URL('..', import.meta.url).pathname;
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cresset');
const TARGET = 'wasm32-unknown-unknown';
const BINDGEN = /wasm-bindgen = "=(.*)"/.exec(readFileSync(join(ROOT, 'crates/wasm/Cargo.toml'), 'utf8'))[1];
const WASM_PACK = '0.15.1';

/** Runs a command; what it prints is shown only if it fails, unless `show`. */
export function run(command, args, { env = {}, cwd = ROOT, show = false, may = false } = {}) {
  const done = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: 'utf8', stdio: show ? 'inherit' : 'pipe', maxBuffer: 1 << 28 });
  if (!may && (done.error || done.status !== 0)) {
    console.error(`${done.stdout ?? ''}${done.stderr ?? ''}`);
    throw new Error(`${command} ${args.join(' ')} failed${done.error ? `: ${done.error.message}` : ''}`);
  }
  return done;
}

/** Says what is done and how long it took. */
export function step(name, work) {
  const start = Date.now();
  process.stdout.write(`${name} ... `);
  const note = work();
  console.log(`${note ?? 'done'} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
}

const has = (command) => run(command, ['--version'], { may: true }).status === 0;

/** The toolchain that compiles to wasm: rustup's own where it can be had, else Debian's. */
function toolchain() {
  const libs = (rustc) => {
    const root = run(rustc, ['--print', 'sysroot'], { may: true }).stdout?.trim();
    return root ? join(root, 'lib/rustlib', TARGET, 'lib') : '';
  };
  const ready = (dir) => dir && existsSync(dir) && readdirSync(dir).some((f) => f.startsWith('libstd'));
  if (ready(libs('rustc'))) return {};
  if (has('rustup') && run('rustup', ['target', 'add', TARGET], { may: true }).status === 0) return {};
  const env = {
    PATH: ['/usr/bin', process.env.PATH].join(delimiter),
    RUSTC: '/usr/bin/rustc', CARGO: '/usr/bin/cargo',
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: 'wasm-ld-22',
  };
  const packages = ['rustc-web', 'cargo-web', 'rust-web-src', 'lld-22'];
  if (!existsSync('/usr/bin/rustc') || !existsSync('/usr/bin/wasm-ld-22')) {
    const install = `apt-get update && apt-get install -y ${packages.join(' ')}`;
    if (process.getuid?.() !== 0) throw new Error(`run this once as root, then try again: ${install}`);
    run('sh', ['-c', install], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const dir = libs('/usr/bin/rustc');
  if (!ready(dir)) {
    const work = join(CACHE, 'std');
    mkdirSync(join(work, 'src'), { recursive: true });
    writeFileSync(join(work, 'Cargo.toml'), '[package]\nname = "std-builder"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n');
    writeFileSync(join(work, 'src/lib.rs'), '');
    run('/usr/bin/cargo', ['build', '--release', '--target', TARGET, '-Zbuild-std=std,panic_abort'], { cwd: work, env: { ...env, RUSTC_BOOTSTRAP: '1' } });
    mkdirSync(dir, { recursive: true });
    const deps = join(work, 'target', TARGET, 'release/deps');
    for (const f of readdirSync(deps)) if (f.endsWith('.rlib') && !f.startsWith('libstd_builder')) cpSync(join(deps, f), join(dir, f));
    rmSync(work, { recursive: true });
  }
  return env;
}

/** A cargo tool of a fixed version in the cache. */
function tool(name, version) {
  const root = join(CACHE, `${name}-${version}`);
  const bin = join(root, 'bin');
  if (!existsSync(bin)) run('cargo', ['install', name, '--version', version, '--root', root, '--quiet'], { env: { CARGO_TARGET_DIR: join(CACHE, 'target') } });
  return bin;
}

/** Everything; returns the environment in which the wasm crate is built. */
export function setup() {
  let env = {};
  if (!has('cargo')) throw new Error('Rust is missing: install it with rustup, then try again');
  step('wasm target', () => { env = toolchain(); });
  const path = [];
  step(`wasm-bindgen ${BINDGEN}`, () => { path.push(tool('wasm-bindgen-cli', BINDGEN)); });
  step(`wasm-pack ${WASM_PACK}`, () => { path.push(tool('wasm-pack', WASM_PACK)); });
  rmSync(join(CACHE, 'target'), { recursive: true, force: true });
  step('node modules', () => {
    if (existsSync(join(ROOT, 'node_modules/.package-lock.json'))) return 'there';
    run('npm', [existsSync(join(ROOT, 'package-lock.json')) ? 'ci' : 'install', '--no-audit', '--no-fund']);
  });
  const parts = (env.PATH ?? process.env.PATH).split(delimiter);
  return { ...env, PATH: [...(env.PATH ? [parts[0]] : []), ...path, ...parts].join(delimiter) };
}
