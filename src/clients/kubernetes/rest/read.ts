import { isObject } from '../../../core/model/index.ts';
import { collectionPath, describeTarget, objectPath, resourceLabel } from './address.ts';
import {
  MAX_OBJECT_BYTES,
  MAX_PAGE_BYTES,
  parseObject,
  readJson,
  readRefusal,
  unintelligible,
} from './body.ts';
import type { Calls } from './calls.ts';
import { discard } from './exchange.ts';
import { fault, faultOfRefusal } from './fault.ts';
import type { Cluster, Page } from '../types.ts';

/** Objects on one page when the caller gives no size: as many as kubectl asks for. */
const DEFAULT_PAGE = 500;

/** The calls that read. */
export function createReads(calls: Calls): Pick<Cluster, 'version' | 'get' | 'list'> {
  return {
    version: async (signal) => {
      const doing = 'read the version of the API server';
      const answer = await calls({
        verb: 'get',
        resource: 'version',
        doing,
        path: '/version',
        caller: signal,
      });
      const reading = { doing, caller: signal };
      if (answer.status !== 200) throw faultOfRefusal(doing, await readRefusal(reading, answer));
      const value = await readJson(reading, answer, MAX_OBJECT_BYTES);
      if (!isObject(value) || typeof value.gitVersion !== 'string') throw unintelligible(doing);
      return value.gitVersion;
    },
    get: async (address, signal) => {
      const path = objectPath(address);
      if (path === undefined) return undefined; // what cannot be a name is not there
      const doing = `get ${describeTarget(address)}`;
      const reading = { doing, caller: signal };
      const answer = await calls({
        verb: 'get',
        resource: resourceLabel(address),
        doing,
        path,
        caller: signal,
      });
      if (answer.status === 200) return parseObject(doing, await readJson(reading, answer, MAX_OBJECT_BYTES));
      if (answer.status !== 404) throw faultOfRefusal(doing, await readRefusal(reading, answer));
      await discard(answer);
      return undefined;
    },
    list: async (collection, page = {}, signal) => {
      const { labelSelector, fieldSelector } = collection;
      const { limit = DEFAULT_PAGE } = page;
      const path = collectionPath(collection, {
        labelSelector,
        fieldSelector,
        limit,
        continue: page.continue,
      });
      const doing = `list ${describeTarget(collection)}`;
      if (path === undefined)
        throw fault(doing, 'ClusterUnavailable', 'there can be no such namespace', { transient: false });
      const reading = { doing, caller: signal };
      const answer = await calls({
        verb: 'list',
        resource: resourceLabel(collection),
        doing,
        path,
        caller: signal,
      });
      if (answer.status !== 200) throw faultOfRefusal(doing, await readRefusal(reading, answer));
      return parsePage(doing, await readJson(reading, answer, MAX_PAGE_BYTES));
    },
  };
}

function parsePage(doing: string, value: unknown): Page {
  if (!isObject(value) || !isObject(value.metadata)) throw unintelligible(doing);
  const { apiVersion, kind, metadata, items } = value;
  const { resourceVersion, continue: next } = metadata;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof resourceVersion !== 'string') {
    throw unintelligible(doing);
  }
  // Go writes an empty list of nothing as null.
  const list: unknown = items ?? [];
  if (!Array.isArray(list)) throw unintelligible(doing);
  const defaults = { apiVersion, kind: kind.replace(/List$/, '') };
  return {
    items: list.map((item: unknown) => parseObject(doing, item, defaults)),
    resourceVersion,
    ...(typeof next === 'string' && next !== '' && { continue: next }),
  };
}
