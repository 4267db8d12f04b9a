// Makes the machine ready: Rust's wasm target, its standard library for threads, wasm-bindgen,
// wasm-pack, node modules. All of it is kept in the user's cache by version, so a second clone
// starts at once, and nothing is asked of the network when everything is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cresset');
const TARGET = 'wasm32-unknown-unknown';
const BINDGEN = /wasm-bindgen = "=(.*)"/.exec(readFileSync(join(ROOT, 'crates/wasm/Cargo.toml'), 'utf8'))[1];
const WASM_PACK = '0.15.1';
/** What the standard library of the threads build is compiled with. */
const THREAD_FEATURES = '-C target-feature=+atomics,+bulk-memory,+mutable-globals';

// --- running things -----------------------------------------------------------------------------

function failure(command, args, { stdout, stderr, error }) {
  return new Error(`${stdout ?? ''}${stderr ?? ''}\n${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

/** Runs a command; what it prints is shown only if it fails, unless `show`. */
export function run(command, args, { env = {}, cwd = ROOT, show = false, may = false } = {}) {
  const done = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: 'utf8', stdio: show ? 'inherit' : 'pipe', maxBuffer: 1 << 28 });
  if (!may && (done.error || done.status !== 0)) throw failure(command, args, done);
  return done;
}

/** The same beside other work. */
export function start(command, args, { env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { out[name] += text; });
    child.on('error', (error) => reject(failure(command, args, { ...out, error })));
    child.on('close', (status) => { if (status === 0) resolve(out); else reject(failure(command, args, out)); });
  });
}

/** Says what is done and how long it took; quick steps that change nothing say nothing. */
export async function step(name, work) {
  const begin = Date.now();
  const note = await work();
  const seconds = (Date.now() - begin) / 1000;
  if (note !== undefined || seconds > 0.5) console.log(`${name}: ${note ?? 'done'} (${seconds.toFixed(1)} s)`);
}

const works = (command) => run(command, ['--version'], { may: true }).status === 0;
const asRoot = (command) => {
  if (process.getuid?.() !== 0) throw new Error(`run this once as root, then try again:\n  ${command}`);
  run('sh', ['-c', command], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
};

// --- Rust ---------------------------------------------------------------------------------------

/** A Rust toolchain: the environment that selects it, its version, where it keeps its libraries. */
function rust(env, rustc = 'rustc') {
  const version = run(rustc, ['-vV'], { env, may: true });
  if (version.status !== 0) return null;
  const sysroot = run(rustc, ['--print', 'sysroot'], { env }).stdout.trim();
  return { env, sysroot, host: /host: (.*)/.exec(version.stdout)[1], id: /release: (.*)/.exec(version.stdout)[1] };
}
const hasTarget = ({ sysroot }) => {
  const dir = join(sysroot, 'lib/rustlib', TARGET, 'lib');
  return existsSync(dir) && readdirSync(dir).some((f) => f.startsWith('libstd'));
};
const hasSource = ({ sysroot }) => existsSync(join(sysroot, 'lib/rustlib/src/rust/library/std/Cargo.toml'));

/** Debian's toolchain for the web, which comes with the standard library's source. */
function debian() {
  const linker = () => readdirSync('/usr/bin').filter((f) => /^wasm-ld-\d+$/.test(f)).sort((a, b) => b.slice(8) - a.slice(8))[0];
  if (!existsSync('/usr/bin/rustc') || !linker()) {
    const lld = "$(apt-cache pkgnames lld- | grep -E '^lld-[0-9]+$' | sort -V | tail -1)";
    asRoot(`apt-get update && apt-get install -y rustc-web cargo-web rust-web-src ${lld}`);
  }
  return rust({
    PATH: ['/usr/bin', process.env.PATH].join(delimiter), RUSTC: '/usr/bin/rustc', CARGO: '/usr/bin/cargo',
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: `/usr/bin/${linker()}`,
  }, '/usr/bin/rustc');
}

/** A folder in the cache, made in one go: half-made ones are never seen. */
async function cached(name, make) {
  const dir = join(CACHE, name);
  if (existsSync(dir)) return dir;
  const work = `${dir}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await make(work);
  if (existsSync(dir)) rmSync(work, { recursive: true });
  else renameSync(work, dir);
  return dir;
}

/** A toolchain's libraries with a standard library compiled from source; returns the folder. */
function standardLibrary(toolchain, flags) {
  const key = createHash('sha256').update(flags).digest('hex').slice(0, 8);
  return cached(`std-${toolchain.id}-${key}`, async (work) => {
    const crate = join(work, 'crate');
    mkdirSync(join(crate, 'src'), { recursive: true });
    writeFileSync(join(crate, 'Cargo.toml'), '[package]\nname = "std-builder"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n');
    writeFileSync(join(crate, 'src/lib.rs'), '');
    await start(toolchain.env.CARGO ?? 'cargo', ['build', '--release', '--target', TARGET, '-Zbuild-std=std,panic_abort'],
      { cwd: crate, env: { ...toolchain.env, RUSTC_BOOTSTRAP: '1', RUSTFLAGS: flags, CARGO_TARGET_DIR: join(crate, 'target') } });
    const rustlib = join(work, 'lib/rustlib');
    const lib = join(rustlib, TARGET, 'lib');
    mkdirSync(lib, { recursive: true });
    const deps = join(crate, 'target', TARGET, 'release/deps');
    for (const f of readdirSync(deps)) if (f.endsWith('.rlib') && !f.startsWith('libstd_builder')) cpSync(join(deps, f), join(lib, f));
    symlinkSync(join(toolchain.sysroot, 'lib/rustlib', toolchain.host), join(rustlib, toolchain.host));
    rmSync(crate, { recursive: true });
  });
}

/** The environments in which wasm is compiled: with one thread, and with several if `shared`. */
async function toolchains(shared) {
  let plain = rust({});
  if (!plain) throw new Error('Rust is missing: install it with rustup, then try again');
  let flags = '';
  if (!hasTarget(plain) && works('rustup')) run('rustup', ['target', 'add', TARGET], { may: true });
  if (!hasTarget(plain)) {
    plain = debian();
    if (!hasTarget(plain)) flags = `--sysroot=${await standardLibrary(plain, '')}`;
  }
  const one = { ...plain.env, RUSTFLAGS: flags };
  if (!shared) return { plain: one };
  let threads = plain;
  if (!hasSource(threads) && works('rustup')) run('rustup', ['component', 'add', 'rust-src'], { may: true });
  if (!hasSource(threads)) threads = debian();
  const sysroot = await standardLibrary(threads, THREAD_FEATURES);
  return { plain: one, threads: { ...threads.env, RUSTFLAGS: `${THREAD_FEATURES} --sysroot=${sysroot}` } };
}

// --- tools --------------------------------------------------------------------------------------

/** A cargo tool of a fixed version; returns the folder of its program. They run for moments, so they are compiled fast. */
async function tool(name, program, version) {
  const dir = await cached(`${name}-${version}`, (work) => start('cargo', ['install', name, '--version', version, '--bin', program, '--root', work, '--quiet'], {
    env: {
      CARGO_TARGET_DIR: join(CACHE, 'target'), CARGO_PROFILE_RELEASE_OPT_LEVEL: '1', CARGO_PROFILE_RELEASE_LTO: 'off',
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16', CARGO_PROFILE_RELEASE_DEBUG: '0',
    },
  }));
  return join(dir, 'bin');
}

/** Whether what the lock file names is installed. */
function modulesFit() {
  const packages = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;
  if (!existsSync(join(ROOT, 'node_modules/.package-lock.json'))) return false;
  const there = packages('node_modules/.package-lock.json');
  return Object.entries(packages('package-lock.json')).every(([path, p]) => path === '' || p.optional || there[path]?.version === p.version);
}

/** Everything (but for the threads build only if `shared`); returns the environments in which the wasm crate is built. */
export async function setup({ shared }) {
  if (!existsSync(join(CACHE, `wasm-bindgen-cli-${BINDGEN}`))) console.log('first time on this machine: tools are compiled, about five minutes on two cores');
  let env, bins;
  await Promise.all([
    step('Rust for wasm', async () => { env = await toolchains(shared); }),
    step('wasm-bindgen and wasm-pack', async () => {
      bins = [await tool('wasm-bindgen-cli', 'wasm-bindgen', BINDGEN), await tool('wasm-pack', 'wasm-pack', WASM_PACK)];
      rmSync(join(CACHE, 'target'), { recursive: true, force: true });
    }),
    modulesFit() || step('node modules', () => start('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline']).then(() => 'installed')),
  ]);
  for (const e of Object.values(env)) {
    const [first, ...rest] = (e.PATH ?? process.env.PATH).split(delimiter);
    e.PATH = [...(e.PATH ? [first, ...bins] : [...bins, first]), ...rest].join(delimiter);
  }
  return env;
}

/** A browser for the smoke test: installed where that is possible, else the test is skipped. */
export async function browser() {
  if (['/usr/bin/chromium', '/usr/bin/google-chrome', process.env.CHROMIUM].some((f) => f && existsSync(f))) return;
  if (process.getuid?.() !== 0 || !works('apt-get')) {
    console.log('no Chromium: the smoke test of the browser is skipped (apt-get install chromium)');
    return;
  }
  await step('Chromium', () => start('sh', ['-c', 'apt-get update && apt-get install -y chromium'], { env: { DEBIAN_FRONTEND: 'noninteractive' } }).then(() => 'installed', (e) => `not installed, its test is skipped: ${e.message.split('\n').at(-1)}`));
}
