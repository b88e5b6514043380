import { createAuthority } from '../../../support/certificates.ts';
import { startServer } from '../../../../src/clients/http-server/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { until } from '../wait.ts';

/** The annotation of a pod whose first image is swapped. */
export const SWAP_LABEL = 'swap.example.com/wanted';
/** The image it gets instead. */
export const SWAP_ANNOTATION = 'swap.example.com/image';

const CONFIGURATION = 'zz-swap';
const IN_FORCE_WITHIN_MS = 20_000;
/** Bytes of a review; pods of these tests are small. */
const MAX_BODY_BYTES = 1_048_576;

interface PodReview {
  readonly request: {
    readonly uid: string;
    readonly object: {
      readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly image: string }[] };
    };
  };
}

/**
 * A third-party mutating webhook, called after ours by its name: in pods with the annotation it writes another image
 * in place of the first one, as registry proxies and service meshes do.
 */
export async function startSwapWebhook(cluster: Cluster): Promise<{ stop(): Promise<void> }> {
  const authority = await createAuthority('swap-ca');
  const leaf = await authority.issue({ commonName: 'swap', ips: ['127.0.0.1'], usage: 'server' });
  const server = await startServer({
    host: '127.0.0.1',
    port: 0,
    tls: leaf,
    onError: (error) => {
      console.error(error);
    },
    routes: [
      {
        method: 'post',
        path: '/swap',
        maxBodyBytes: MAX_BODY_BYTES,
        handle: ({ body }) =>
          Promise.resolve({
            status: 200,
            contentType: 'application/json',
            body: JSON.stringify(answerTo(JSON.parse(Buffer.from(body).toString('utf8')) as PodReview)),
          }),
      },
    ],
  });
  await cluster.apply(configuration(`https://127.0.0.1:${String(server.port)}/swap`, authority.cert));
  await untilInForce(cluster);
  return {
    stop: async () => {
      await cluster.kubectl(['delete', 'mutatingwebhookconfiguration', CONFIGURATION]);
      await server.close();
    },
  };
}

function answerTo({ request: { uid, object } }: PodReview): object {
  const wanted = object.metadata.annotations?.[SWAP_ANNOTATION];
  const [first] = object.spec.containers;
  const operations =
    // When it is called again after others, nothing is left to change.
    wanted === undefined || first === undefined || first.image.startsWith(wanted)
      ? []
      : [{ op: 'replace', path: '/spec/containers/0/image', value: wanted }];
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, allowed: true, ...(operations.length > 0 && { patchType: 'JSONPatch', patch }) },
  };
}

function configuration(url: string, caPem: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: CONFIGURATION },
    webhooks: [
      {
        name: 'swap.example.com',
        clientConfig: { url, caBundle: Buffer.from(caPem).toString('base64') },
        objectSelector: { matchLabels: { [SWAP_LABEL]: 'yes' } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        reinvocationPolicy: 'IfNeeded',
        timeoutSeconds: 5,
      },
    ],
  };
}

async function untilInForce(cluster: Cluster): Promise<void> {
  const image = 'registry.example.com/swapped/web:v1';
  const metadata = {
    name: 'is-it-swapped',
    namespace: 'default',
    labels: { [SWAP_LABEL]: 'yes' },
    annotations: { [SWAP_ANNOTATION]: image },
  };
  const containers = [{ name: 'web', image: 'registry.example.com/open/web:v1' }];
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } });
  await until({
    what: 'the swapping webhook in force',
    withinMs: IN_FORCE_WITHIN_MS,
    check: async () => {
      const asked = await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], { input });
      return asked.stdout.includes(`"image": "${image}"`);
    },
  });
}
