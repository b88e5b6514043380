import { Fault, isObject } from '../../core/model/index.ts';
import type { DoctorPorts, JsonObject, NamedResource } from '../ports.ts';

/** The result of one check: one line, and what to do unless it passed. */
export interface CheckResult {
  /** E.g. `webhook rules`; stable, for scripts. */
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly detail: string;
  readonly next?: string;
}

/** What every check works with. */
export interface Examination {
  readonly ports: DoctorPorts;
  /** Namespace of the installation. */
  readonly namespace: string;
  /** Name of its Lease, webhook configurations and ServiceAccount. */
  readonly name: string;
  /** Secret with the webhook's certificate. */
  readonly secret: string;
  readonly serviceAccount: string;
  /** Where canaries are sent. */
  readonly canaryNamespace: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export const ok = (check: string, detail: string): CheckResult => ({ check, status: 'ok', detail });
export const warning = (check: string, detail: string, next: string): CheckResult => ({
  check,
  status: 'warning',
  detail,
  next,
});
export const failed = (check: string, detail: string, next: string): CheckResult => ({
  check,
  status: 'failed',
  detail,
  next,
});
export const unknown = (check: string, detail: string, next: string): CheckResult => ({
  check,
  status: 'unknown',
  detail,
  next,
});

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
    const next =
      error.code === 'ClusterDenied'
        ? 'ask again with the right to read it'
        : 'ask again when the API server answers';
    return [unknown(check, error.message, next)];
  }
}

/** Objects per page. */
const PAGE = 500;
/** Most pages read of one list: more objects than any cluster has of what doctor lists. */
const MAX_PAGES = 200;

/** A whole list. */
export async function listAll(
  { ports, signal }: Examination,
  collection: {
    readonly resource: NamedResource;
    readonly namespace?: string;
    readonly labelSelector?: string;
  },
): Promise<readonly JsonObject[]> {
  const items: JsonObject[] = [];
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const read = await ports.list(
      collection,
      { limit: PAGE, ...(token !== undefined && { continue: token }) },
      signal,
    );
    items.push(...read.items);
    token = read.continue;
    if (token === undefined || token === '') break;
  }
  return items;
}

/** The object at these steps; empty where there is none. */
export function objectAt(value: unknown, ...steps: readonly string[]): JsonObject {
  const found = valueAt(value, ...steps);
  return isObject(found) ? found : {};
}

/** The list at these steps; empty where there is none. */
export function listAt(value: unknown, ...steps: readonly string[]): readonly unknown[] {
  const found = valueAt(value, ...steps);
  return Array.isArray(found) ? found : [];
}

/** The text at these steps; empty where there is none. */
export function textAt(value: unknown, ...steps: readonly string[]): string {
  const found = valueAt(value, ...steps);
  return typeof found === 'string' ? found : '';
}

function valueAt(value: unknown, ...steps: readonly string[]): unknown {
  return steps.reduce<unknown>((inner, step) => (isObject(inner) ? inner[step] : undefined), value);
}
