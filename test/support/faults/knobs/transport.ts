// Connections, and HTTP itself.
import { amend, endlessBody, hangUp, silence, slowDrip } from '../../registry/misbehave.ts';
import { everywhere, hanging, heavy, PARTS, reading, type Knob } from '../knob.ts';
import { head, raw, respelled } from '../raw.ts';

const SILENCE_MS = 5_000;
const DRIP_MS = 40;
const KIB = 1024;

const lines = (list: readonly string[], body: Buffer): string => [...list, '', body.toString()].join('\r\n');

/** Slow, endless, broken and odd answers, at every part that is read. */
export const TRANSPORT: readonly Knob[] = [
  ...everywhere('F01', 'slow-headers', (which) => silence(which, SILENCE_MS)).map(hanging),
  ...everywhere('F01', 'slow-body', (which) => slowDrip(which, DRIP_MS)).map(hanging),
  ...everywhere('F01', 'endless-body', (which) => endlessBody(which))
    .map(heavy)
    .map(hanging),
  ...everywhere('F02', 'hang-up', (which) => hangUp(which)),
  ...everywhere('F02', 'reset-in-head', (which) => raw(which, 'HTTP/1.1 200 O', 'reset')),
  ...everywhere('F02', 'reset-in-body', (which) => raw(which, `${head('Content-Length: 1000')}{"a`, 'reset')),
  ...everywhere('F03', 'body-too-short', (which) => raw(which, `${head('Content-Length: 1000')}{"a":1}`)),
  ...everywhere('F03', 'body-too-long', (which) => raw(which, `${head('Content-Length: 5')}{"a":1}`)),
  ...everywhere('F03', 'two-lengths', (which) =>
    respelled(which, (list, body) => lines(['HTTP/1.1 200 OK', 'content-length: 3', ...list.slice(1)], body)),
  ),
  ...everywhere('F03', 'chunks-cut-off', (which) =>
    raw(which, `${head('Transfer-Encoding: chunked')}ff\r\n{"schemaVersion":2`),
  ),
  ...everywhere('F04', 'status-600', (which) => raw(which, 'HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n')),
  ...everywhere('F04', 'no-http', (which) => raw(which, 'SSH-2.0-OpenSSH_9.9\r\n')),
  ...everywhere('F04', 'http-1.0', (which) =>
    respelled(which, ([status = '', ...list], body) => lines([status.replace('1.1', '1.0'), ...list], body)),
  ),
  ...everywhere('F04', 'two-answers', (which) =>
    respelled(which, (list, body) => lines(list, body) + `${head('Content-Length: 2')}{}`),
  ),
  ...everywhere('F04', 'header-of-64-kib', (which) =>
    amend(which, (reply) => ({ ...reply, headers: { ...reply.headers, 'x-long': 'x'.repeat(64 * KIB) } })),
  ),
  ...everywhere('F04', 'clock-of-1999', (which) =>
    amend(which, (reply) => ({
      ...reply,
      headers: { ...reply.headers, date: 'Fri, 31 Dec 1999 23:59:59 GMT', age: '99999999999' },
    })),
  ),
  {
    ...{ id: 'F04', name: 'many-links', side: 'read' },
    misbehave: () =>
      amend(reading(PARTS.listing), (reply) => ({
        ...reply,
        headers: { ...reply.headers, link: Array.from({ length: 400 }, (_, n) => `</p/${n}>; rel="p${n}"`) },
      })),
  },
];
