// Good answers with a body or headers that are not.
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Intercept, RegistryRequest, Reply } from '../../registry/index.ts';
import { amend, answer } from '../../registry/misbehave.ts';
import { digestOf } from '../../../../src/core/model/index.ts';
import { everywhere, type Knob, type Stage } from '../knob.ts';
import { bodyOf } from '../raw.ts';

type Misbehave = (which: (request: RegistryRequest) => boolean, stage: Stage) => Intercept;

const withHeaders =
  (headers: Readonly<Record<string, string>>): Misbehave =>
  (which) =>
    amend(which, (reply) => ({ ...reply, headers: { ...reply.headers, ...headers } }));
const withBody =
  (change: (body: Buffer) => Uint8Array, headers: Readonly<Record<string, string>> = {}): Misbehave =>
  (which) =>
    amend(which, (reply): Reply => ({
      ...reply,
      headers: { ...reply.headers, ...headers },
      body: change(bodyOf(reply)),
    }));
const always =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): Misbehave =>
  (which) =>
    answer(which, { status, headers, body });

const HTML =
  '<!doctype html><title>Sign in: acme</title><script>let a = {b: 1};</script><form action="/login"></form>';

/** Bytes, types and encodings that are not those that were asked for. */
export const BODIES: readonly Knob[] = [
  ...everywhere('F05', 'wrong-digest-header', withHeaders({ 'docker-content-digest': digestOf('another') })),
  ...everywhere('F05', 'no-digest-header', withHeaders({ 'docker-content-digest': 'sha256:abc' })),
  ...everywhere(
    'F05',
    'wrong-bytes',
    withBody((body) => Buffer.concat([body, Buffer.from(' ')])),
  ),
  ...everywhere(
    'F05',
    'other-bytes',
    withBody((body) => Buffer.from(body.map((byte) => byte ^ 1))),
  ),
  ...everywhere('F06', 'type-of-text', withHeaders({ 'content-type': 'text/plain' })),
  ...everywhere(
    'F06',
    'type-of-an-index',
    withHeaders({ 'content-type': 'application/vnd.oci.image.index.v1+json' }),
  ),
  ...everywhere('F06', 'page-for-people', always(200, HTML, { 'content-type': 'text/html' })),
  ...everywhere(
    'F06',
    'gzip',
    withBody((body) => gzipSync(body), { 'content-encoding': 'gzip' }),
  ),
  ...everywhere(
    'F06',
    'brotli',
    withBody((body) => brotliCompressSync(body), { 'content-encoding': 'br' }),
  ),
  ...everywhere('F07', 'status-204', always(204)),
  ...everywhere('F07', 'status-206', always(206, '{', { 'content-range': 'bytes 0-0/2' })),
  ...everywhere('F07', 'status-304', always(304)),
  ...everywhere('F07', 'empty-200', always(200)),
  ...everywhere('F07', 'null-200', always(200, 'null', { 'content-type': 'application/json' })),
];
