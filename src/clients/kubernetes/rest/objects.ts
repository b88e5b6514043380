import { isObject } from '../../../core/model/index.ts';
import { discard } from '../../http/index.ts';
import type { Cluster, Collection, ObjectAddress, Page, WriteOptions, Written } from '../types.ts';
import { describeTarget, pathOf, resourceLabel } from './address.ts';
import { faultIn, MAX_OBJECT_BYTES, parseObject, readJson, readRefusal, unintelligible } from './body.ts';
import type { Answer, Ask } from './exchange.ts';
import { fault, faultOfRefusal } from './fault.ts';

/** Sends a call that has to end, head and body, before a deadline. */
type Calls = (ask: Omit<Ask, 'signal'>) => Promise<Answer>;

/** Objects on one page when the caller gives no size: as many as kubectl asks for. */
const DEFAULT_PAGE = 500;
/** For lists of which only the metadata is wanted. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json';

/** What a call does, as faults and counters name it. */
function describe(
  verb: Ask['verb'],
  target: Collection | ObjectAddress,
): Pick<Ask, 'verb' | 'doing' | 'resource'> {
  return { verb, doing: `${verb} ${describeTarget(target)}`, resource: resourceLabel(target) };
}

export function createReads(calls: Calls): Pick<Cluster, 'version' | 'get' | 'list'> {
  return {
    version: async (caller) => {
      const doing = 'read the version of the API server';
      const ask = { verb: 'get', resource: 'version', doing, path: '/version', caller } as const;
      const answer = await calls(ask);
      if (answer.status !== 200) throw await faultIn(ask, answer);
      const value = await readJson(ask, answer, MAX_OBJECT_BYTES);
      if (!isObject(value) || typeof value.gitVersion !== 'string') throw unintelligible(doing);
      return value.gitVersion;
    },
    get: async (address, caller) => {
      const path = pathOf(address);
      if (path === undefined) return undefined; // what cannot be a name is not there
      const ask = { ...describe('get', address), path, caller, owner: address.namespace };
      const answer = await calls(ask);
      if (answer.status === 200) {
        const object = parseObject(ask.doing, await readJson(ask, answer, MAX_OBJECT_BYTES));
        if (object.isCut)
          throw fault(ask.doing, 'LimitExceeded', 'the object has more values than are read of one');
        return object;
      }
      if (answer.status !== 404) throw await faultIn(ask, answer);
      await discard(answer);
      return undefined;
    },
    list: async (collection, page = {}, caller) => {
      const { limit = DEFAULT_PAGE, continue: next, maxBytes = MAX_OBJECT_BYTES } = page;
      const { labelSelector, fieldSelector } = collection;
      const path = pathOf(collection, { labelSelector, fieldSelector, limit, continue: next });
      const described = describe('list', collection);
      if (path === undefined) throw noSuchNamespace(described.doing);
      const accept = collection.metadataOnly ? { accept: METADATA_ONLY } : {};
      const ask = { ...described, path, caller, ...accept, owner: collection.namespace };
      const answer = await calls(ask);
      if (answer.status !== 200) throw await faultIn(ask, answer);
      return parsePage(ask.doing, await readJson(ask, answer, maxBytes));
    },
  };
}

/** The Fault for a collection that is addressed by what cannot be a name. */
export function noSuchNamespace(doing: string): Error {
  return fault(doing, 'ClusterUnavailable', 'there can be no such namespace', { transient: false });
}

function parsePage(doing: string, value: unknown): Page {
  if (!isObject(value) || !isObject(value.metadata)) throw unintelligible(doing);
  const { apiVersion, kind, metadata, items } = value;
  const { resourceVersion, continue: next } = metadata;
  const list: unknown = items ?? []; // Go writes an empty list of nothing as null
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw unintelligible(doing);
  if (typeof resourceVersion !== 'string' || !Array.isArray(list)) throw unintelligible(doing);
  const defaults = { apiVersion, kind: kind.replace(/List$/, '') };
  return {
    items: list.map((item: unknown) => parseObject(doing, item, defaults)),
    resourceVersion,
    ...(typeof next === 'string' && next !== '' && { continue: next }),
  };
}

const JSON_TYPE = 'application/json';
/** Server-side apply; JSON is YAML. */
const APPLY_TYPE = 'application/apply-patch+yaml';
const MERGE_TYPE = 'application/merge-patch+json';
const PATCH_TYPE = 'application/json-patch+json';

/** 4xx that are about us and not about what was to be written. */
const NOT_A_NO: ReadonlySet<number> = new Set([401, 408, 429]);

interface Write {
  readonly verb: Ask['verb'];
  readonly target: Collection | ObjectAddress;
  readonly object: object;
  readonly contentType: string;
}

export function createWrites(
  calls: Calls,
): Pick<Cluster, 'create' | 'replace' | 'apply' | 'patch' | 'remove'> {
  const write = async (
    { verb, target, object, contentType }: Write,
    { dryRun, fieldManager, signal }: WriteOptions & { readonly fieldManager?: string } = {},
  ): Promise<Written> => {
    const query = { dryRun: dryRun ? 'All' : undefined, fieldManager, force: fieldManager && 'true' };
    const path = pathOf(target, query);
    if (path === undefined) {
      const message = 'the name or the namespace cannot be one';
      return { ok: false, status: 400, reason: 'BadRequest', message, warnings: [] };
    }
    const ask = { ...describe(verb, target), path, contentType, caller: signal };
    return written(ask, await calls({ ...ask, body: JSON.stringify(object) }));
  };
  return {
    create: (target, object, options) =>
      write({ verb: 'create', target, object, contentType: JSON_TYPE }, options),
    replace: (target, object, options) =>
      write({ verb: 'update', target, object, contentType: JSON_TYPE }, options),
    apply: (target, object, options) =>
      write({ verb: 'patch', target, object, contentType: APPLY_TYPE }, options),
    patch: (target, object, options) => {
      const contentType = Array.isArray(object) ? PATCH_TYPE : MERGE_TYPE;
      return write({ verb: 'patch', target, object, contentType }, options);
    },
    remove: async (address, preconditions) => {
      const path = pathOf(address);
      if (path === undefined) return false;
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
      const ask = { ...describe('delete', address), path, caller: undefined };
      const answer = await calls({ ...ask, body, contentType: JSON_TYPE });
      if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409)
        throw await faultIn(ask, answer);
      await discard(answer);
      return answer.status < 300;
    },
  };
}

async function written(ask: Pick<Ask, 'doing' | 'caller'>, answer: Answer): Promise<Written> {
  const { status, headers } = answer;
  const warnings = warningsOf(headers.warning);
  if (status >= 200 && status < 300) {
    const object = parseObject(ask.doing, await readJson(ask, answer, MAX_OBJECT_BYTES));
    return { ok: true, object, warnings };
  }
  const refusal = await readRefusal(ask, answer);
  if (status < 400 || status >= 500 || NOT_A_NO.has(status)) throw faultOfRefusal(ask.doing, refusal);
  return { ok: false, ...refusal, warnings };
}

/** Warnings that are taken from one answer; the API server itself stops at 4 KiB. */
const MAX_WARNINGS = 32;
/** `299 - "text"`, with quotes and backslashes escaped (RFC 9111 §5.5 as Kubernetes uses it). */
const WARNING = /\b299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** The texts of the `Warning` headers of an answer. */
function warningsOf(header: string | string[] = []): readonly string[] {
  const found = [...[header].flat().join(', ').matchAll(WARNING)].slice(0, MAX_WARNINGS);
  return found.map(([, quoted = '']) => quoted.replace(/\\(.)/g, '$1'));
}
