// Answers that no HTTP server would write.
import type { Socket } from 'node:net';
import type { Intercept, RegistryRequest, Reply } from '../registry/index.ts';

type Which = (request: RegistryRequest) => boolean;

/** The head of a good answer with these lines. */
export function head(...lines: readonly string[]): string {
  return ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');
}

/** Writes this in place of an answer, and ends the connection. */
export function raw(which: Which, text: string | Buffer, end: 'end' | 'reset' = 'end'): Intercept {
  return (request) => (which(request) ? { raw: (socket) => write(socket, text, end) } : undefined);
}

/** Writes the answer of the registry in another way; `respell` gets its lines, and its body, which is empty for HEAD. */
export function respelled(
  which: Which,
  respell: (lines: readonly string[], body: Buffer) => string | Buffer,
): Intercept {
  return async (request, handle) => {
    if (!which(request)) return undefined;
    const reply = await handle(request);
    const body = request.method === 'HEAD' ? Buffer.alloc(0) : bodyOf(reply);
    return { raw: (socket) => write(socket, respell(linesOf(reply), body), 'end') };
  };
}

/** Bytes of the body of an answer. */
export function bodyOf({ body = '' }: Reply): Buffer {
  return typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body) : Buffer.alloc(0);
}

function linesOf(reply: Reply): readonly string[] {
  const headers = Object.entries(reply.headers ?? {}).map(([name, value]) => `${name}: ${String(value)}`);
  return [`HTTP/1.1 ${reply.status} OK`, ...headers, `content-length: ${bodyOf(reply).byteLength}`];
}

function write(socket: Socket, text: string | Buffer, end: 'end' | 'reset'): void {
  socket.write(text, () => {
    if (end === 'reset') socket.resetAndDestroy();
    else socket.end();
  });
}
