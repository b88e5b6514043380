import { Agent, request } from 'undici';
import type { Cluster } from '../test/e2e/support/cluster/cluster.ts';

/** What is to run: pod `n` runs image `n` modulo their number. */
export interface Fleet {
  readonly cluster: Cluster;
  /** References by digest; each runs in one namespace only. */
  readonly images: readonly string[];
  readonly pods: number;
  readonly namespaces: number;
}

/** Requests under way at once: enough for an API server on the same two cores. */
const PARALLEL = 32;
/** Variables of a container: with them a pod takes about as many bytes as pods of ordinary charts do. */
const VARIABLES = 24;

/** Creates pods that say they run, through the API and without a node; the answer is the mean size of one, in bytes of JSON. */
export async function runPods({ cluster, images, pods, namespaces }: Fleet): Promise<number> {
  const user = cluster.client.getCurrentUser();
  const pem = (base64 = '') => Buffer.from(base64, 'base64').toString();
  const connect = { ca: cluster.caPem, cert: pem(user?.certData), key: pem(user?.keyData) };
  const dispatcher = new Agent({ connect, connections: PARALLEL });
  const call = async (method: 'POST' | 'PATCH', path: string, object: object): Promise<string> => {
    const type = method === 'POST' ? 'application/json' : 'application/merge-patch+json';
    const { statusCode, body } = await request(`${cluster.server}${path}`, {
      method,
      dispatcher,
      headers: { 'content-type': type },
      body: JSON.stringify(object),
    });
    const text = await body.text();
    if (statusCode >= 300) throw new Error(`${method} ${path} answered ${statusCode}: ${text}`);
    return text;
  };
  let next = 0;
  let bytes = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < pods; n = next++) {
      const index = n % images.length;
      const image = images[index] ?? '';
      const collection = `/api/v1/namespaces/team-${index % namespaces}/pods`;
      await call('POST', collection, podOf(n, image));
      const pod = await call('PATCH', `${collection}/pod-${n}/status`, statusOf(n, image));
      bytes += pod.length;
    }
  };
  try {
    for (let n = 0; n < namespaces; n++) await cluster.createNamespace(`team-${n}`);
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    return bytes / pods;
  } finally {
    await dispatcher.close();
  }
}

function podOf(n: number, image: string): object {
  const env = Array.from({ length: VARIABLES }, (_, index) => ({
    name: `SETTING_NUMBER_${index}`,
    value: `https://setting-${index}.acme.example/of/pod/${n}`,
  }));
  const probe = (path: string) => ({ httpGet: { path, port: 8080 }, periodSeconds: 10, timeoutSeconds: 3 });
  const labels = { 'app.kubernetes.io/name': `app-${n % 97}`, 'app.kubernetes.io/part-of': 'fleet' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${n}`,
      labels,
      annotations: { 'checksum/config': 'f'.repeat(64), 'prometheus.io/scrape': 'true' },
    },
    spec: {
      containers: [
        {
          name: 'main',
          image,
          env,
          args: ['--listen=:8080', '--log-level=info', '--cluster-name=fleet'],
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: probe('/readyz'),
          livenessProbe: probe('/healthz'),
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name: `app-${n % 97}` } }],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: labels },
        },
      ],
    },
  };
}

function statusOf(n: number, image: string): object {
  const since = new Date().toISOString();
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: since });
  return {
    status: {
      phase: 'Running',
      startTime: since,
      podIP: `10.1.${Math.floor(n / 250)}.${n % 250}`,
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
      containerStatuses: [
        {
          name: 'main',
          image,
          imageID: image,
          containerID: `containerd://${String(n).padStart(64, '0')}`,
          ready: true,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: since } },
          lastState: {},
        },
      ],
    },
  };
}
