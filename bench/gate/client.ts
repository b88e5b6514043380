// A process that pulls as its parent says, and reads what comes with as little work as Node.js can.
import { connect } from 'node:net';
import { Agent, request } from 'undici';

/** What the parent asks for. */
export type Order =
  /** Each URL once, one after the other, over one connection; answers the milliseconds of each. */
  | { readonly do: 'ask'; readonly urls: readonly string[] }
  /** One URL so many times at once; answers how often each status came. */
  | { readonly do: 'burst'; readonly url: string; readonly times: number }
  /** All URLs at once, to their end or until `forMs` have passed. The first `slow` of them read 64 KiB a second. */
  | {
      readonly do: 'download';
      readonly urls: readonly string[];
      readonly slow?: number;
      readonly forMs?: number;
    };

/** What came of it. */
export interface Report {
  readonly ms: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** Downloads that came whole. */
  readonly whole: number;
}

/** Bytes of one read. All downloads share the buffer: nothing looks at what comes. */
const buffer = Buffer.alloc(256 * 1024);
const ACCEPT = { accept: 'application/vnd.oci.image.manifest.v1+json' };
const SLOW = { bytes: 64 * 1024, everyMs: 1_000 };

async function ask(urls: readonly string[]): Promise<Report> {
  const dispatcher = new Agent({ connections: 1 });
  const ms: number[] = [];
  const statuses: Record<string, number> = {};
  for (const url of urls) {
    const began = performance.now();
    const { statusCode, body } = await request(url, { dispatcher, headers: ACCEPT });
    await body.arrayBuffer();
    ms.push(performance.now() - began);
    statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
  }
  await dispatcher.close();
  return { ms, statuses, bytes: 0, whole: 0 };
}

async function burst(url: string, times: number): Promise<Report> {
  const dispatcher = new Agent({ connections: times });
  const began = performance.now();
  const statuses: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: times }, async () => {
      const { statusCode, body } = await request(url, { dispatcher, headers: ACCEPT });
      await body.arrayBuffer();
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    }),
  );
  const ms = [performance.now() - began];
  await dispatcher.close();
  return { ms, statuses, bytes: 0, whole: 0 };
}

interface Got {
  status: string;
  bytes: number;
  whole: boolean;
}

/** One download, counted from the end of its head. */
function download(url: string, slow: boolean, end: AbortSignal): Promise<Got> {
  const { hostname, port, pathname } = new URL(url);
  const got: Got = { status: 'none', bytes: 0, whole: false };
  let [head, expected] = ['', Number.NaN];
  return new Promise((resolve) => {
    const read = (length: number, bytes: Uint8Array): boolean => {
      got.bytes += length;
      if (Number.isNaN(expected)) {
        head += Buffer.from(bytes.subarray(0, length)).toString('latin1');
        const at = head.indexOf('\r\n\r\n');
        if (at < 0) return true;
        got.status = head.slice(9, 12);
        expected = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        got.bytes = head.length - at - 4;
      }
      if (got.bytes >= expected) stop();
      if (!slow) return true;
      setTimeout(() => socket.resume(), SLOW.everyMs).unref();
      return false;
    };
    const onread = { buffer: slow ? buffer.subarray(0, SLOW.bytes) : buffer, callback: read };
    const socket = connect({ host: hostname, port: Number(port), onread });
    const stop = () => void socket.destroy();
    end.addEventListener('abort', stop, { once: true });
    socket.once('error', stop);
    socket.once('close', () => {
      end.removeEventListener('abort', stop);
      got.whole = got.bytes === expected;
      resolve(got);
    });
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`);
  });
}

async function downloads({ urls, slow = 0, forMs }: Extract<Order, { do: 'download' }>): Promise<Report> {
  const end = new AbortController();
  const timer = forMs === undefined ? undefined : setTimeout(() => end.abort(), forMs);
  const began = performance.now();
  const all = await Promise.all(urls.map((url, index) => download(url, index < slow, end.signal)));
  const ms = [performance.now() - began];
  clearTimeout(timer);
  const statuses: Record<string, number> = {};
  for (const { status } of all) statuses[status] = (statuses[status] ?? 0) + 1;
  const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
  return { ms, statuses, bytes, whole: all.filter(({ whole }) => whole).length };
}

function obey(order: Order): Promise<Report> {
  if (order.do === 'ask') return ask(order.urls);
  return order.do === 'burst' ? burst(order.url, order.times) : downloads(order);
}

process.on('message', (order: Order) => {
  void obey(order).then((report) => process.send?.(report));
});
