/** The classes that PyTorch raises. */

export class RuntimeError extends Error { override name = 'RuntimeError'; }
export class NotImplementedError extends RuntimeError { override name = 'NotImplementedError'; }
export class IndexError extends Error { override name = 'IndexError'; }
export class ValueError extends Error { override name = 'ValueError'; }
export class AssertionError extends Error { override name = 'AssertionError'; }
export class KeyError extends Error { override name = 'KeyError'; }
export class AttributeError extends Error { override name = 'AttributeError'; }
/** Python's class of this name is JavaScript's own. */
export const TypeError = globalThis.TypeError;

/** Where the library's own files are: frames of theirs are of no use to who looks for an error. */
const HERE = new URL('..', import.meta.url), LIBRARY = HERE.protocol === 'file:' ? HERE.pathname : HERE.href;
/** The lines of a stack that are the user's. */
export function userLines(stack: string): string[] {
  return stack.split('\n').filter((line) => !line.includes(LIBRARY) && !line.includes('wasm:'));
}
/** The error with a stack that begins where the user's code made the call. */
export function fromUser<E extends Error>(error: E): E {
  if (error.stack) error.stack = userLines(error.stack).join('\n');
  return error;
}

/** What functions that the core called have thrown and nobody has thrown on yet. */
export const inCallback: unknown[] = [];

/** The error that the core left behind: its class, a line break, its sentence. */
export function raised(text: string): Error {
  const at = text.indexOf('\n');
  const [kind, message] = [text.slice(0, at), text.slice(at + 1)];
  switch (kind) {
    case 'Index': return new IndexError(message);
    case 'Value': return new ValueError(message);
    case 'Type': return new TypeError(message);
    case 'NotImplemented': return new NotImplementedError(message);
    case 'Assertion': return new AssertionError(message);
    default: return new RuntimeError(message);
  }
}

/** The number of changed, missing, additional and exchanged letters between two words (Damerau, 1964). */
function distance(a: string, b: string): number {
  let before: number[] = [], row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/** The word that was probably meant, for a message that suggests it. */
function closest(word: string, words: readonly string[]): string | null {
  const best = words.map((w) => [distance(word, w), w] as const).sort((a, b) => a[0] - b[0])[0];
  return best && best[0] <= Math.max(1, word.length >> 1) ? best[1] : null;
}

/** That no parameter has this name, and which was probably meant. */
export function unexpected(key: string, names: readonly string[]): string {
  const near = closest(key, names);
  return `got an unexpected keyword argument '${key}'${near ? `; did you mean '${near}'?` : ''}`;
}
