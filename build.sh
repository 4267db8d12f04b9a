#!/bin/sh
# Builds the package without npm's scripts: the tools, the three wasm modules, the TypeScript.
# `./build.sh --quick` compiles one module, in seconds and to slow code; `--fast` the relaxed one alone.
cd "$(dirname "$0")" && exec node scripts/run.mjs build "$@"
