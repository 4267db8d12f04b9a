// How a case is made ready and timed, for all that measure loops.

/** A case made ready, with the same random numbers each time; null if the library has none. */
export async function prepare({ kinds, seed }, c) {
  seed?.();
  const made = await kinds[c.kind]?.(c);
  return typeof made === 'function' ? { run: made } : made;
}

/** The microseconds of `n` runs; after them other work of the event loop gets its turn. */
export async function timed({ run, isAsync = false }, n) {
  const begin = process.hrtime.bigint();
  if (isAsync) for (let i = 0; i < n; i++) await run();
  else for (let i = 0; i < n; i++) run();
  const us = Number(process.hrtime.bigint() - begin) / 1e3;
  await new Promise((done) => { setImmediate(done); });
  return us;
}
