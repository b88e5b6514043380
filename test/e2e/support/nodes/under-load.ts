import { expect } from 'chai';
import { RELEASE } from '../helm.ts';
import { disturb, type Disturbance, type Disturbed } from './disturb.ts';
import { until } from '../wait.ts';
import type { Installed } from './installed.ts';

/** What is read of a pod. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
}
/** What is read of an endpoint of a Service. */
interface Endpoint {
  readonly nodeName?: string;
  readonly conditions: { readonly ready?: boolean };
  readonly targetRef?: { readonly name: string };
}

/** A load of admissions, and what is disturbed under it. */
export interface UnderLoad {
  /** All that was disturbed so far. */
  readonly rows: readonly Disturbed[];
  /** Disturbs an installation whose replicas are all ready. No disturbance ever lets an unsigned image in. */
  row(disturbance: Disturbance): Promise<Disturbed>;
  /** The same, where also no pod may be lost. */
  nothingLost(name: string, act: Disturbance['act']): Promise<void>;
  podsOf(namespace: string, label: string): Promise<readonly Pod[]>;
  /** Endpoints of a Service to which Kubernetes sends requests. */
  readyOf(namespace: string, service: string): Promise<readonly Endpoint[]>;
}

const SETTLED_WITHIN = '--timeout=90s';
/** The chart's replicas. */
const REPLICAS = 2;
/** A replica that is ready is in its Service a moment later. */
const IN_SERVICE_WITHIN_MS = 30_000;

/** Makes the images of a load when it is first needed. */
export function openUnderLoad(installed: () => Installed): UnderLoad {
  const rows: Disturbed[] = [];
  let images: Promise<readonly [string, string]> | undefined;
  const list = async <T>(...args: readonly string[]): Promise<readonly T[]> => {
    const { items } = JSON.parse(await installed().kubectl('get', ...args, '-o', 'json')) as {
      readonly items: readonly T[];
    };
    return items;
  };
  const readyOf = async (namespace: string, service: string): Promise<readonly Endpoint[]> => {
    const label = `kubernetes.io/service-name=${service}`;
    const slices = await list<{ readonly endpoints?: readonly Endpoint[] }>(
      ...['endpointslices', '-n', namespace, '-l', label],
    );
    return slices
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions.ready === true);
  };
  const row = async (disturbance: Disturbance): Promise<Disturbed> => {
    const { kubectl, push } = installed();
    images ??= Promise.all([push('shop/load'), push('shop/load-unsigned', 'unsigned')]);
    const [signed, unsigned] = await images;
    await kubectl('rollout', 'status', '-n', RELEASE, `deployment/${RELEASE}`, SETTLED_WITHIN);
    // Else what is disturbed is an installation of one: the Deployment counts a replica before its Service does.
    await until({
      what: 'a Service that sends requests to both replicas',
      withinMs: IN_SERVICE_WITHIN_MS,
      check: async () => (await readyOf(RELEASE, `${RELEASE}-webhook`)).length === REPLICAS,
    });
    const seen = await disturb(installed(), { signed, unsigned }, disturbance);
    rows.push(seen);
    expect(seen.wronglyAdmitted, 'wrongly admitted').to.equal(0);
    return seen;
  };
  return {
    rows,
    row,
    nothingLost: async (name, act) => {
      const { lost, messages } = await row({ name, act });
      expect(lost, messages.join('\n')).to.equal(0);
    },
    podsOf: (namespace, label) => list<Pod>('pods', '-n', namespace, '-l', label),
    readyOf,
  };
}
