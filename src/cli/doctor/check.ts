import type { Collection } from '../../clients/kubernetes/index.ts';
import { Fault, isObject, listOf, textOf } from '../../core/model/index.ts';
import type { DoctorPorts, JsonObject } from '../ports.ts';

/** The result of one check: one line, and what to do unless it passed. */
export interface CheckResult {
  /** E.g. `webhook rules`; stable, for scripts. */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly detail: string;
  readonly next?: string;
}

export interface Examination {
  readonly ports: DoctorPorts;
  readonly namespace: string;
  /** Name of its Lease, webhook configurations and ServiceAccount. */
  readonly name: string;
  /** Secret with the webhook's certificate. */
  readonly secret: string;
  readonly serviceAccount: string;
  readonly canaryNamespace: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

const having =
  (status: CheckResult['status']) =>
  (check: string, detail: string, next: string): CheckResult => ({ check, status, detail, next });

export const ok = (check: string, detail: string): CheckResult => ({ check, status: 'ok', detail });
export const warning = having('warning');
export const failed = having('failed');
export const unknown = having('unknown');

/** Runs a check; a broken connection or a missing right makes it unknown. */
export async function examine(
  check: string,
  work: () => Promise<CheckResult | readonly CheckResult[]>,
): Promise<readonly CheckResult[]> {
  try {
    const results = await work();
    return 'check' in results ? [results] : results;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const when = error.code === 'ClusterDenied' ? 'with the right to read it' : 'when the API server answers';
    return [unknown(check, error.message, `ask again ${when}`)];
  }
}

const PAGE = 500;
/** Most pages read of one list: more objects than any cluster has of what doctor lists. */
const MAX_PAGES = 200;

export async function listAll(
  { ports, signal }: Examination,
  collection: Collection,
): Promise<readonly JsonObject[]> {
  const items: JsonObject[] = [];
  let page: { readonly limit: number; readonly continue?: string } = { limit: PAGE };
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const { items: more, continue: token = '' } = await ports.list(collection, page, signal);
    items.push(...more);
    if (token === '') break;
    page = { limit: PAGE, continue: token };
  }
  return items;
}

/** The object at these steps; empty where there is none. */
export function objectAt(value: unknown, ...steps: readonly string[]): JsonObject {
  const found = valueAt(value, ...steps);
  return isObject(found) ? found : {};
}

/** The list at these steps; empty where there is none. */
export const listAt = (value: unknown, ...steps: readonly string[]) => listOf(valueAt(value, ...steps));

/** The text at these steps; empty where there is none. */
export const textAt = (value: unknown, ...steps: readonly string[]) => textOf(valueAt(value, ...steps));

function valueAt(value: unknown, ...steps: readonly string[]): unknown {
  return steps.reduce<unknown>((inner, step) => (isObject(inner) ? inner[step] : undefined), value);
}
