import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, KubeObject, Resource, Written } from '../../clients/kubernetes/index.ts';
import {
  errorFields,
  listOf,
  objectOf,
  textOf,
  type Clock,
  type Gauge,
  type Log,
} from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { CERTIFICATES } from './make.ts';
import type { RegistrationPorts, SecretData, WebhookKind } from './ports.ts';
import { certificateReading } from './read.ts';
import { reconcileRegistration } from './reconcile.ts';

/** What the registration is kept with. */
interface RegistrationOptions {
  readonly settings: Pick<Settings, 'certificates' | 'cluster'>;
  readonly cluster: Pick<Cluster, 'get' | 'create' | 'replace' | 'patch'>;
  /** The controller's own namespace. */
  readonly namespace: string;
  /** `data` of a Secret of that namespace, out of the cache. */
  readonly secretData: (name: string) => unknown;
  readonly log: Log;
  readonly clock: Clock;
}

/** Keeps the certificate of the webhooks and the CA by which the API server trusts it. */
interface RegistrationTasks {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onSecret: (name: string) => void;
  readonly gauges: readonly Gauge[];
  readonly details: () => readonly string[];
}

/** Milliseconds between two checks when nothing else triggers one: a user may have removed the CA from a configuration. */
const CHECK_MS = 60_000;
/** Milliseconds until a check that failed is repeated. */
const AGAIN_MS = 5_000;

/** Keeps the registration for as long as a term of the leader lasts. */
export function keepRegistration(options: RegistrationOptions): RegistrationTasks {
  const { settings, secretData, log, clock } = options;
  const { source, secret, hosts, lifetimeMs, authorityLifetimeMs } = settings.certificates;
  let trigger = new AbortController();
  let missing: readonly string[] = [];
  const reading = () => certificateReading(secretData(secret));

  const check = async (ports: RegistrationPorts): Promise<number> => {
    try {
      const outcome = await reconcileRegistration(ports, { hosts, lifetimeMs, authorityLifetimeMs }, clock);
      for (const did of outcome.did) log.info({ did }, 'registration changed');
      if (outcome.missing.join() !== missing.join()) {
        missing = outcome.missing;
        if (missing.length > 0) log.warn({ missing }, 'webhook configurations are missing');
      }
      return Math.min(outcome.nextInMs, CHECK_MS);
    } catch (error) {
      log.warn(errorFields(error), 'the registration could not be kept, it is tried again');
      return AGAIN_MS;
    }
  };
  return {
    run: async (signal) => {
      if (source === 'Files') return;
      const ports = portsOver(options, signal);
      while (!signal.aborted) {
        trigger = new AbortController();
        const nextInMs = await check(ports);
        const until = AbortSignal.any([signal, trigger.signal]);
        await sleep(nextInMs, undefined, { signal: until }).catch(() => undefined);
      }
    },
    onSecret: (name) => {
      if (name === secret) trigger.abort();
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

/** What a term writes ends with it: the next leader's writes must not be overwritten by an older decision. */
function portsOver(
  { settings, cluster, namespace }: RegistrationOptions,
  signal: AbortSignal,
): RegistrationPorts {
  const { name } = settings.cluster;
  const { secret } = settings.certificates;
  const collection = { resource: RESOURCES.secrets, namespace };
  const address = { ...collection, name: secret };
  const document = (data: object, resourceVersion?: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: secret, namespace, resourceVersion },
    data,
  });
  const seen = new Map<WebhookKind, KubeObject>();
  return {
    ...CERTIFICATES,
    secret: {
      read: async () => {
        const object = await cluster.get(address, signal);
        const { resourceVersion = '' } = object?.metadata ?? {};
        return object && { data: objectOf(object.data) as SecretData, resourceVersion };
      },
      create: async (data) => outcomeOf(await cluster.create(collection, document(data), { signal })),
      replace: async (data, resourceVersion) =>
        outcomeOf(await cluster.replace(address, document(data, resourceVersion), { signal })),
    },
    configurations: async () => {
      seen.clear();
      for (const kind of Object.keys(CONFIGURATIONS) as WebhookKind[]) {
        const object = await cluster.get({ resource: CONFIGURATIONS[kind], name }, signal);
        if (object) seen.set(kind, object);
      }
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
 * a position has moved nor a bundle that was written since is undone.
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
  return listOf(object.webhooks).map((webhook) => {
    const { name, clientConfig } = objectOf(webhook);
    const { caBundle } = objectOf(clientConfig);
    return { name: String(name), caBundle: textOf(caBundle) };
  });
}

/** Another writer was faster: what it wrote is read before anything is written again. */
function outcomeOf(written: Written): 'written' | 'conflict' {
  if (written.ok) return 'written';
  if (written.status === 409 || written.status === 404) return 'conflict';
  throw new Error(written.message);
}
