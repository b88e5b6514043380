// A replica as the program makes it: a registry on loopback, an API server in memory, policies compiled, webhook answering.
import { Readable } from 'node:stream';
import { parseSettings } from '../../src/core/settings/index.ts';
import { RESOURCES } from '../../src/core/workload/index.ts';
import { openJudging } from '../../src/serve/judging.ts';
import { openReplica } from '../../src/serve/replica.ts';
import { createTelemetry } from '../../src/serve/telemetry.ts';
import { review, type AdmissionPorts } from '../../src/webhook/index.ts';
import type { Parsed } from '../../src/core/model/index.ts';
import { policyDocument, type WrittenSpec } from '../support/policies.ts';
import { pushImage, type Pushed } from '../support/registry/push.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { type podReview } from '../support/reviews.ts';
import { pushBundleSignature } from '../support/signed-images.ts';
import { signingKey, type SigningKey } from '../support/signing.ts';
import { createClusterTwin, type ClusterTwin } from '../support/twins/cluster.ts';
import { responseIn } from '../webhook/answers.ts';
import { COLUMNS, type Column, type Seen } from './rows.ts';

const NAMESPACE = 'pratique';
/** Policies are compiled within milliseconds. */
const MOST_MS = 1_500;

/** A replica with one policy and one image for each column. */
export interface AdmissionFixture {
  readonly registry: EmbeddedRegistry;
  readonly cluster: ClusterTwin;
  readonly key: SigningKey;
  readonly ports: AdmissionPorts;
  /** The image of a column, as `host/column/app:1.0`. */
  readonly image: (column: Column) => string;
  /** Pushes the image of each column, signed by {@link AdmissionFixture.key} unless `isSigned` is false. */
  readonly push: (more?: PushOptions) => Promise<readonly Pushed[]>;
  /** Stores the key and a policy for each column, and waits until they are compiled. */
  readonly applyPolicies: (more?: WrittenSpec) => Promise<void>;
  readonly putKey: (key: SigningKey) => void;
  /** Waits until the state of the policies of all columns fits. */
  readonly until: (holds: (inForce: string, hash: string) => boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What is pushed. */
export interface PushOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly isSigned?: boolean;
}

/** What an answer shows. */
export interface Answer {
  readonly seen: Seen;
  readonly reasons: string;
}

/** Opens a replica whose caches are filled. */
export async function openAdmissions(): Promise<AdmissionFixture> {
  const registry = await startRegistry();
  const cluster = createClusterTwin();
  const key = signingKey();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const context = {
    version: 'test',
    environment: { DOCKER_CONFIG: '/nonexistent' },
    stdin: Readable.from([]),
  };
  const settings = valueOf(parseSettings({}));
  const telemetry = createTelemetry(log);
  const processContext = { ...context, writeLog: () => undefined };
  const judging = valueOf(await openJudging(settings, processContext, telemetry));
  cluster.put(RESOURCES.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const replica = openReplica({
    ...{ settings, cluster, judging, telemetry, log, context: processContext, namespace: NAMESPACE },
    identity: 'replica-0',
    onPolicies: () => undefined,
    onSecret: () => undefined,
    onNamespace: () => undefined,
  });
  await replica.policies.caches.synced;
  const { states } = replica.policies.store;
  const until = async (holds: (inForce: string, hash: string) => boolean): Promise<void> => {
    const isSo = ({ name }: { readonly name: Column }) => {
      const state = states().get(name);
      return state !== undefined && holds(state.inForce, state.hash);
    };
    const ends = AbortSignal.timeout(MOST_MS);
    while (!COLUMNS.every(isSo)) {
      if (ends.aborted) throw new Error(`policies: ${JSON.stringify([...states().values()])}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const putKey = ({ pem }: SigningKey): void => {
    const data = { 'cosign.pub': Buffer.from(pem).toString('base64') };
    const metadata = { name: 'release-key', namespace: NAMESPACE };
    cluster.put(RESOURCES.secrets, { apiVersion: 'v1', kind: 'Secret', metadata, data });
  };
  return {
    ...{ registry, cluster, key, putKey, until },
    ports: replica.validating,
    image: (column) => `${registry.host}/${column}/app:1.0`,
    push: ({ annotations = {}, isSigned = true } = {}) =>
      Promise.all(
        COLUMNS.map(async ({ name }) => {
          const target = { registry: registry.host, repository: `${name}/app`, tag: '1.0' };
          const pushed = await pushImage(target, { annotations, salt: name });
          if (isSigned) await pushBundleSignature(target, pushed, key);
          return pushed;
        }),
      ),
    applyPolicies: async (more) => {
      putKey(key);
      for (const { name, spec } of COLUMNS)
        cluster.put(RESOURCES.policies, policyDocument({ ...policySpec(name), ...spec, ...more }, name));
      await until((inForce) => inForce === 'as written');
    },
    close: async () => {
      await replica.close();
      await judging.close();
      await registry.close();
    },
  };
}

/** What every policy here requires of the images of a column. */
export function policySpec(column: Column): WrittenSpec {
  return {
    match: { images: [`**/${column}/**`] },
    authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
    require: {
      signatures: { from: ['release'] },
      quarantine: { releasedBy: ['release'] },
      lifecycle: {},
    },
  };
}

/** Sends a review and reads what a person sees of its answer. */
export async function answerTo(
  asked: ReturnType<typeof podReview>,
  ports: AdmissionPorts,
  budgetMs: number,
): Promise<Answer> {
  const outcome = await review({ body: Buffer.from(JSON.stringify(asked)), budgetMs }, ports);
  const { allowed, warnings = [] } = responseIn(outcome.answer, asked.request.uid);
  // A tag that a node may have cached is no verdict on the image.
  const said = warnings.filter((one) => !one.includes('TagMayDiffer'));
  const seen = !allowed ? 'refused' : said.length > 0 ? 'warned' : 'admitted';
  return { seen, reasons: outcome.reasons.join(',') };
}

function valueOf<T>(read: Parsed<T>): T {
  if (read.ok) return read.value;
  throw new Error(JSON.stringify(read.problems));
}
