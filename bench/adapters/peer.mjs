// Where the other libraries are installed: `bench/peers`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const FOLDER = new URL('../peers/', import.meta.url);
/** `require` as in the folder of the peers. */
export const load = createRequire(new URL('package.json', FOLDER));
/** A file of a package. */
export const file = (path) => new URL(`node_modules/${path}`, FOLDER);
export const importFile = (path) => import(file(path).href);
export const version = (name) => JSON.parse(readFileSync(file(`${name}/package.json`), 'utf8')).version;
