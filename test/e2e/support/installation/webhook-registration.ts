import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AdmissionregistrationV1Api,
  ApiException,
  CoreV1Api,
  type V1RuleWithOperations,
  type V1ValidatingWebhook,
  type V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Cluster } from '../cluster/cluster.ts';
import { until } from '../wait.ts';

export interface WebhookRegistration {
  /** The whole URL that receives the AdmissionReview. */
  readonly url: string;
  readonly caPem: string;
  /** Default: those of `manifests/webhook.yaml`. */
  readonly rules?: readonly V1RuleWithOperations[];
  readonly timeoutSeconds?: number;
  /** Name in the message of a denial, and of the configuration. */
  readonly name?: string;
}

/** The API server re-reads webhook configurations within a second. */
const ACTIVE_WITHIN_MS = 20_000;
const shipped = join(import.meta.dirname, '..', '..', '..', '..', 'manifests', 'webhook.yaml');
const PROBE_LABEL = 'e2e.pratique.dev/probe';

/**
 * Registers a webhook and returns when the API server calls it; a second registration of the same name
 * replaces the first. Returns a function that removes it again.
 */
export async function registerWebhook(
  cluster: Cluster,
  registration: WebhookRegistration,
): Promise<() => Promise<void>> {
  const { name = 'images.pratique.dev' } = registration;
  const api = cluster.client.makeApiClient(AdmissionregistrationV1Api);
  const probe = randomUUID();
  const body: V1ValidatingWebhookConfiguration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [await webhook(name, registration), probeWebhook(probe)],
  };
  await cluster.apply(body);
  await until({
    what: `webhook ${name} in force`,
    withinMs: ACTIVE_WITHIN_MS,
    check: () => isInForce(cluster, probe),
  });
  return async () => {
    await api.deleteValidatingWebhookConfiguration({ name });
  };
}

/** The parsed YAML file. */
interface Shipped {
  readonly webhooks: readonly Pick<V1ValidatingWebhook, keyof V1ValidatingWebhook>[];
}

/** The webhook as `manifests/webhook.yaml` registers it, at another address and perhaps for other objects. */
async function webhook(name: string, registration: WebhookRegistration): Promise<V1ValidatingWebhook> {
  const { webhooks } = parse(await readFile(shipped, 'utf8')) as Shipped;
  const [first] = webhooks;
  if (first === undefined) throw new Error('manifests/webhook.yaml holds no webhook');
  return {
    ...first,
    name,
    clientConfig: { url: registration.url, caBundle: Buffer.from(registration.caPem).toString('base64') },
    rules: [...(registration.rules ?? first.rules ?? [])],
    timeoutSeconds: registration.timeoutSeconds ?? first.timeoutSeconds ?? 10,
  };
}

/**
 * Reports when a configuration is in force without knowing what the webhook under test would answer: beside it, in
 * the same object, is one that can never be reached, for objects with this registration's label.
 */
function probeWebhook(probe: string): V1ValidatingWebhook {
  return {
    name: 'probe.pratique.dev',
    // Port 1 (tcpmux) is refused at once.
    clientConfig: { url: 'https://127.0.0.1:1/' },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
    objectSelector: { matchLabels: { [PROBE_LABEL]: probe } },
    timeoutSeconds: 1,
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
}

async function isInForce(cluster: Cluster, probe: string): Promise<boolean> {
  const api = cluster.client.makeApiClient(CoreV1Api);
  const metadata = { name: `probe-${probe}`, labels: { [PROBE_LABEL]: probe } };
  try {
    await api.createNamespacedConfigMap({ namespace: 'default', body: { metadata }, dryRun: 'All' });
    return false;
  } catch (error) {
    if (error instanceof ApiException && error.message.includes('probe.pratique.dev')) return true;
    throw error;
  }
}
