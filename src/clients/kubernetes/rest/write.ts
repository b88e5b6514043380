import { collectionPath, describeTarget, objectPath, resourceLabel, type Query } from './address.ts';
import { MAX_OBJECT_BYTES, parseObject, readJson, readRefusal, type Reading } from './body.ts';
import type { Calls } from './calls.ts';
import { discard, type Answer, type Ask } from './exchange.ts';
import { faultOfRefusal } from './fault.ts';
import type { Cluster, WriteOptions, Written } from '../types.ts';

const JSON_TYPE = 'application/json';
/** Server-side apply; JSON is YAML. */
const APPLY_TYPE = 'application/apply-patch+yaml';
const MERGE_TYPE = 'application/merge-patch+json';
const PATCH_TYPE = 'application/json-patch+json';

/** 4xx that are about us and not about what was to be written. */
const NOT_A_NO: ReadonlySet<number> = new Set([401, 408, 429]);

/** The calls that write. */
export function createWrites(
  calls: Calls,
): Pick<Cluster, 'create' | 'replace' | 'apply' | 'patch' | 'remove'> {
  return {
    create: (collection, object, options = {}) =>
      write({
        ...describe('create', collection),
        path: collectionPath(collection, queryOf(options)),
        body: JSON.stringify(object),
        contentType: JSON_TYPE,
        caller: options.signal,
      }),
    replace: (address, object, options = {}) =>
      write({
        ...describe('update', address),
        path: objectPath(address, queryOf(options)),
        body: JSON.stringify(object),
        contentType: JSON_TYPE,
        caller: options.signal,
      }),
    apply: (address, object, options) =>
      write({
        ...describe('patch', address),
        path: objectPath(address, { ...queryOf(options), fieldManager: options.fieldManager, force: 'true' }),
        body: JSON.stringify(object),
        contentType: APPLY_TYPE,
        caller: options.signal,
      }),
    patch: (address, patch, options = {}) =>
      write({
        ...describe('patch', address),
        path: objectPath(address, queryOf(options)),
        body: JSON.stringify(patch),
        contentType: Array.isArray(patch) ? PATCH_TYPE : MERGE_TYPE,
        caller: options.signal,
      }),
    remove: async (address, preconditions) => {
      const path = objectPath(address);
      if (path === undefined) return false;
      const ask = { ...describe('delete', address), caller: undefined };
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(preconditions && { preconditions }),
      });
      const answer = await calls({ ...ask, path, body, contentType: JSON_TYPE });
      if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409) {
        throw faultOfRefusal(ask.doing, await readRefusal(ask, answer));
      }
      await discard(answer);
      return answer.status < 300;
    },
  };

  async function write({
    path,
    ...ask
  }: Omit<Ask, 'signal' | 'path'> & { path: string | undefined }): Promise<Written> {
    if (path === undefined) {
      const message = 'the name or the namespace cannot be one';
      return { ok: false, status: 400, reason: 'BadRequest', message, warnings: [] };
    }
    return written(ask, await calls({ ...ask, path }));
  }
}

async function written(reading: Reading, answer: Answer): Promise<Written> {
  const { status } = answer;
  const warnings = warningsOf(answer.headers.warning);
  if (status >= 200 && status < 300) {
    const object = parseObject(reading.doing, await readJson(reading, answer, MAX_OBJECT_BYTES));
    return { ok: true, object, warnings };
  }
  const refusal = await readRefusal(reading, answer);
  if (status < 400 || status >= 500 || NOT_A_NO.has(status)) throw faultOfRefusal(reading.doing, refusal);
  return { ok: false, ...refusal, warnings };
}

function describe(
  verb: Ask['verb'],
  target: Parameters<typeof describeTarget>[0],
): Pick<Ask, 'verb' | 'doing' | 'resource'> {
  return { verb, doing: `${verb} ${describeTarget(target)}`, resource: resourceLabel(target) };
}

function queryOf({ dryRun }: WriteOptions): Query {
  return { dryRun: dryRun === true ? 'All' : undefined };
}

/** Warnings that are taken from one answer; the API server itself stops at 4 KiB. */
const MAX_WARNINGS = 32;
/** `299 - "text"`, with quotes and backslashes escaped (RFC 9111 §5.5 as Kubernetes uses it). */
const WARNING = /\b299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** The texts of the `Warning` headers of an answer. */
function warningsOf(header: string | string[] | undefined): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ');
  const found = [...text.matchAll(WARNING)].slice(0, MAX_WARNINGS);
  return found.map(([, quoted = '']) => quoted.replace(/\\(.)/g, '$1'));
}
