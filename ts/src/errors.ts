/** The classes that PyTorch raises. */

export class RuntimeError extends Error { override name = 'RuntimeError'; }
export class NotImplementedError extends RuntimeError { override name = 'NotImplementedError'; }
export class IndexError extends Error { override name = 'IndexError'; }
export class ValueError extends Error { override name = 'ValueError'; }

/** The error that the core left behind: its class, a line break, its sentence. */
export function raised(text: string): Error {
  const at = text.indexOf('\n');
  const [kind, message] = [text.slice(0, at), text.slice(at + 1)];
  switch (kind) {
    case 'Index': return new IndexError(message);
    case 'Value': return new ValueError(message);
    case 'Type': return new TypeError(message);
    case 'NotImplemented': return new NotImplementedError(message);
    default: return new RuntimeError(message);
  }
}
