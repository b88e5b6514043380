import { setTimeout as sleep } from 'node:timers/promises';
import {
  createAuthority,
  fits,
  isIssuedBy,
  issueServing,
  readCertificate,
} from '../controllers/certificates/index.ts';
import type { KubeObject, Resource, Written } from '../clients/kubernetes/index.ts';
import type { GaugeDefinition } from '../clients/http-server/index.ts';
import {
  certificateReading,
  reconcileRegistration,
  type RegistrationPorts,
  type WebhookKind,
} from '../controllers/certificates/index.ts';
import type { LeaderOptions } from './parts.ts';
import { toldOf } from './replica.ts';
import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** Keeps the certificate of the webhooks and the CA by which the API server trusts it. */
export interface RegistrationTasks {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onSecret: (name: string) => void;
  readonly gauges: readonly GaugeDefinition[];
  readonly details: () => readonly string[];
}

/** Milliseconds between two looks when nothing else wakes us: somebody may have taken the CA out of a configuration. */
const LOOK_MS = 60_000;
/** Milliseconds until a look that failed is taken again. */
const AGAIN_MS = 5_000;

/** Looks after the registration for as long as a term lasts. */
export function keepRegistration(options: LeaderOptions): RegistrationTasks {
  const { settings, namespace, replica, log } = options;
  const { source, secret, hosts, lifetimeMs, authorityLifetimeMs } = settings.certificates;
  let wake = new AbortController();
  let missing: readonly string[] = [];
  const reading = () => certificateReading(replica.caches.secrets.get(secret, namespace)?.data);

  const look = async (ports: RegistrationPorts): Promise<number> => {
    try {
      const outcome = await reconcileRegistration(ports, { hosts, lifetimeMs, authorityLifetimeMs }, clock);
      for (const did of outcome.did) log.info({ did }, 'registration changed');
      if (outcome.missing.join() !== missing.join()) {
        missing = outcome.missing;
        if (missing.length > 0) log.warn({ missing }, 'webhook configurations are missing');
      }
      return Math.min(outcome.nextInMs, LOOK_MS);
    } catch (error) {
      log.warn(toldOf(error), 'the registration could not be kept, it is tried again');
      return AGAIN_MS;
    }
  };
  return {
    run: async (signal) => {
      if (source === 'Files') return;
      const ports = portsOver(options, signal);
      while (!signal.aborted) {
        wake = new AbortController();
        const nextInMs = await look(ports);
        const until = AbortSignal.any([signal, wake.signal]);
        await sleep(nextInMs, undefined, { signal: until }).catch(() => undefined);
      }
    },
    onSecret: (name) => {
      if (name === secret) wake.abort();
    },
    gauges: [
      {
        name: 'pratique_webhook_certificate_expiry_seconds',
        help: 'Seconds until the certificate of the webhooks expires.',
        labels: [],
        read: () => {
          const now = reading();
          return now ? [{ labels: {}, value: (now.notAfter.getTime() - clock().getTime()) / 1_000 }] : [];
        },
      },
    ],
    details: () => {
      const now = reading();
      return [
        ...(now ? [`certificate: until ${now.notAfter.toISOString()}`] : []),
        ...missing.map((name) => `missing: ${name}`),
      ];
    },
  };
}

const CONFIGURATIONS = {
  ValidatingWebhookConfiguration: RESOURCES.validating,
  MutatingWebhookConfiguration: RESOURCES.mutating,
} as const satisfies Readonly<Record<WebhookKind, Resource>>;

/** What a term writes ends with it: whoever leads next must not be overwritten by what was decided before. */
function portsOver({ settings, cluster, namespace }: LeaderOptions, signal: AbortSignal): RegistrationPorts {
  const { name } = settings.cluster;
  const { secret } = settings.certificates;
  const collection = { resource: RESOURCES.secrets, namespace };
  const address = { ...collection, name: secret };
  const document = (data: object, resourceVersion?: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: secret, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
    data,
  });
  const seen = new Map<WebhookKind, KubeObject>();
  return {
    createAuthority,
    issueServing,
    readCertificate,
    fits,
    isIssuedBy,
    secret: {
      read: async () => {
        const object = await cluster.get(address, signal);
        return (
          object && { data: textsOf(object.data), resourceVersion: object.metadata.resourceVersion ?? '' }
        );
      },
      create: async (data) => outcomeOf(await cluster.create(collection, document(data), { signal })),
      replace: async (data, resourceVersion) =>
        outcomeOf(await cluster.replace(address, document(data, resourceVersion), { signal })),
    },
    configurations: async () => {
      seen.clear();
      const kinds = Object.keys(CONFIGURATIONS) as WebhookKind[];
      await Promise.all(
        kinds.map(async (kind) => {
          const object = await cluster.get({ resource: CONFIGURATIONS[kind], name }, signal);
          if (object) seen.set(kind, object);
        }),
      );
      return [...seen].map(([kind, object]) => ({ kind, name, webhooks: webhooksOf(object) }));
    },
    setCaBundle: async (kind, names, caBundle) => {
      const object = seen.get(kind);
      if (!object) return;
      const patch = bundlePatch(object, names, caBundle);
      const written = await cluster.patch({ resource: CONFIGURATIONS[kind], name }, patch, { signal });
      if (!written.ok) throw new Error(`${kind} ${name}: ${written.message}`);
    },
  };
}

/**
 * A JSON patch by position: a merge patch would replace the whole list. It names the version that was read, so that neither
 * a position has moved nor a bundle that somebody wrote since is undone.
 */
function bundlePatch(object: KubeObject, names: readonly string[], caBundle: string): readonly object[] {
  const changes = webhooksOf(object).flatMap(({ name }, index) =>
    names.includes(name)
      ? [{ op: 'add', path: `/webhooks/${String(index)}/clientConfig/caBundle`, value: caBundle }]
      : [],
  );
  const { resourceVersion } = object.metadata;
  return [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }, ...changes];
}

function webhooksOf(object: KubeObject): readonly { readonly name: string; readonly caBundle: string }[] {
  const webhooks: readonly unknown[] = Array.isArray(object.webhooks) ? object.webhooks : [];
  return webhooks.map((webhook) => {
    const { name, clientConfig } = fieldsOf(webhook);
    const { caBundle } = fieldsOf(clientConfig);
    return { name: String(name), caBundle: typeof caBundle === 'string' ? caBundle : '' };
  });
}

function textsOf(data: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(fieldsOf(data));
  return Object.fromEntries(
    entries.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Somebody else was faster: what they wrote is read before anything is written again. */
function outcomeOf(written: Written): 'written' | 'conflict' {
  if (written.ok) return 'written';
  if (written.status === 409 || written.status === 404) return 'conflict';
  throw new Error(written.message);
}
