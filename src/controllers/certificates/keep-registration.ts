import { randomBytes } from 'node:crypto';
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
import { pathOf, withPath } from './client-config.ts';
import type { PathPorts, RegistrationPorts, SecretData, WebhookConfiguration, WebhookKind } from './ports.ts';
import { makePathSecret, reconcilePath } from './reconcile-path.ts';
import { certificateReading } from './read.ts';
import { reconcileRegistration } from './reconcile.ts';

/** What the registration is kept with. */
interface RegistrationOptions {
  readonly settings: Pick<Settings, 'certificates' | 'cluster' | 'webhook'>;
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
  /** What every replica does when it starts, leader or not: it ends when there is a secret for the paths. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onSecret: (name: string) => void;
  readonly gauges: readonly Gauge[];
  readonly details: () => readonly string[];
}

/**
 * Milliseconds between two checks when nothing else triggers one: a user may have removed the CA from a configuration, or put a path
 * back that is not answered any more.
 */
const CHECK_MS = 10_000;
/** Milliseconds until a check that failed is repeated. */
const AGAIN_MS = 5_000;

/** Keeps the registration for as long as a term of the leader lasts. */
export function keepRegistration(options: RegistrationOptions): RegistrationTasks {
  const { settings, secretData, log, clock } = options;
  const { source, secret, hosts, lifetimeMs, authorityLifetimeMs } = settings.certificates;
  let trigger = new AbortController();
  let missing: readonly string[] = [];
  const reading = () => certificateReading(secretData(secret));

  const checkCertificate = async (ports: RegistrationPorts): Promise<number> => {
    if (source === 'Files') return CHECK_MS;
    const outcome = await reconcileRegistration(ports, { hosts, lifetimeMs, authorityLifetimeMs }, clock);
    for (const did of outcome.did) log.info({ did }, 'registration changed');
    if (outcome.missing.join() !== missing.join()) {
      missing = outcome.missing;
      if (missing.length > 0) log.warn({ missing }, 'webhook configurations are missing');
    }
    return outcome.nextInMs;
  };
  const check = async (ports: RegistrationPorts & PathPorts): Promise<number> => {
    try {
      const nextInMs = await checkCertificate(ports);
      const path = await reconcilePath(ports, { lifetimeMs }, clock);
      for (const did of path.did) log.info({ did }, 'registration changed');
      return Math.min(nextInMs, path.nextInMs, CHECK_MS);
    } catch (error) {
      log.warn(errorFields(error), 'the registration could not be kept, it is tried again');
      return AGAIN_MS;
    }
  };
  const prepare = async (signal: AbortSignal): Promise<void> => {
    const ports = portsOver(options, signal);
    for (;;) {
      try {
        for (const did of await makePathSecret(ports, clock)) log.info({ did }, 'registration changed');
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn(errorFields(error), 'the secret of the webhook paths could not be made, it is tried again');
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  return {
    prepare,
    run: async (signal) => {
      const ports = portsOver(options, signal);
      while (!signal.aborted) {
        trigger = new AbortController();
        const nextInMs = await check(ports);
        const until = AbortSignal.any([signal, trigger.signal]);
        await sleep(nextInMs, undefined, { signal: until }).catch(() => undefined);
      }
    },
    onSecret: (name) => {
      if (name === secret || name === settings.webhook.pathSecret) trigger.abort();
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
function portsOver(options: RegistrationOptions, signal: AbortSignal): RegistrationPorts & PathPorts {
  const { settings, cluster, namespace } = options;
  const { name } = settings.cluster;
  const seen = new Map<WebhookKind, KubeObject>();
  const change = async (kind: WebhookKind, patchOf: (object: KubeObject) => readonly object[]) => {
    const object = seen.get(kind);
    if (!object) return;
    // It names the version that was read, so that neither a position has moved nor what was written since is undone.
    const { resourceVersion } = object.metadata;
    const test = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
    const patch = [test, ...patchOf(object)];
    const written = await cluster.patch({ resource: CONFIGURATIONS[kind], name }, patch, { signal });
    if (!written.ok) throw new Error(`${kind} ${name}: ${written.message}`);
  };
  return {
    ...CERTIFICATES,
    secret: secretOver(options, { name: settings.certificates.secret, type: 'kubernetes.io/tls' }, signal),
    pathSecret: secretOver(options, { name: settings.webhook.pathSecret, type: 'Opaque' }, signal),
    configurations: async () => {
      seen.clear();
      for (const kind of Object.keys(CONFIGURATIONS) as WebhookKind[]) {
        const object = await cluster.get({ resource: CONFIGURATIONS[kind], name }, signal);
        if (object) seen.set(kind, object);
      }
      return [...seen].map(([kind, object]) => ({ kind, name, webhooks: webhooksOf(object) }));
    },
    setCaBundle: (kind, names, caBundle) =>
      change(kind, (object) =>
        patchEach(object, names, (at) => ({ op: 'add', path: `${at}/caBundle`, value: caBundle })),
      ),
    setPath: (kind, names, secret) =>
      change(kind, (object) =>
        patchEach(object, names, (at, config) => withPath(config, { at, kind, secret })),
      ),
    rolledOut: async (now) => {
      const deployment = await cluster.get({ resource: DEPLOYMENTS, namespace, name }, signal);
      return !deployment || isRolledOut(deployment, now);
    },
    // In hexadecimal: the path of a Service takes no capital letters. 256 bits.
    randomSecret: () => randomBytes(32).toString('hex'),
  };
}

function secretOver(
  { cluster, namespace }: RegistrationOptions,
  { name, type }: { readonly name: string; readonly type: string },
  signal: AbortSignal,
): RegistrationPorts['secret'] {
  const collection = { resource: RESOURCES.secrets, namespace };
  const address = { ...collection, name };
  const document = (data: object, resourceVersion?: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type,
    metadata: { name, namespace, resourceVersion },
    data,
  });
  return {
    read: async () => {
      const object = await cluster.get(address, signal);
      const { resourceVersion = '' } = object?.metadata ?? {};
      return object && { data: objectOf(object.data) as SecretData, resourceVersion };
    },
    create: async (data) => outcomeOf(await cluster.create(collection, document(data), { signal })),
    replace: async (data, resourceVersion) =>
      outcomeOf(await cluster.replace(address, document(data, resourceVersion), { signal })),
  };
}

const DEPLOYMENTS = { group: 'apps', version: 'v1', plural: 'deployments' } as const;
/** Milliseconds after a rollout in which pods that are ending may still be called. */
const ENDING_MS = 30_000;

/** Whether every pod of a Deployment is of its newest template, and no other is still ending. */
function isRolledOut({ metadata, status }: KubeObject, now: Date): boolean {
  const { generation } = metadata;
  const { observedGeneration, replicas = 0, updatedReplicas = 0, conditions } = objectOf(status);
  if (observedGeneration !== generation) return false;
  if (replicas !== updatedReplicas) return false;
  const ended = listOf(conditions)
    .map(objectOf)
    .find(({ reason }) => reason === 'NewReplicaSetAvailable');
  const since = Date.parse(textOf(ended?.lastUpdateTime));
  return Number.isNaN(since) || now.getTime() - since >= ENDING_MS;
}

/** A JSON patch by position: a merge patch would replace the whole list. */
function patchEach(
  object: KubeObject,
  names: readonly string[],
  patchOf: (at: string, clientConfig: Readonly<Record<string, unknown>>) => object,
): readonly object[] {
  return listOf(object.webhooks).flatMap((webhook, index) => {
    const { name, clientConfig } = objectOf(webhook);
    const at = `/webhooks/${String(index)}/clientConfig`;
    return names.includes(String(name)) ? [patchOf(at, objectOf(clientConfig))] : [];
  });
}

function webhooksOf(object: KubeObject): WebhookConfiguration['webhooks'] {
  return listOf(object.webhooks).map((webhook) => {
    const { name, clientConfig } = objectOf(webhook);
    const { caBundle } = objectOf(clientConfig);
    return { name: String(name), caBundle: textOf(caBundle), path: pathOf(objectOf(clientConfig)) };
  });
}

/** Another writer was faster: what it wrote is read before anything is written again. */
function outcomeOf(written: Written): 'written' | 'conflict' {
  if (written.ok) return 'written';
  if (written.status === 409 || written.status === 404) return 'conflict';
  throw new Error(written.message);
}
