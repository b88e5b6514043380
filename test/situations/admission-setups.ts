// Makes each situation of an admission. Nothing is stubbed but two threads that die and the judges that fail.
import { anonymous, createRegistry } from '../../src/clients/registry/index.ts';
import { createMemory, judge } from '../../src/core/evidence/index.ts';
import type { JobOutcome } from '../../src/core/model/index.ts';
import { RESOURCES } from '../../src/core/workload/index.ts';
import type { AdmissionPorts } from '../../src/webhook/index.ts';
import { policyDocument } from '../support/policies.ts';
import {
  amend,
  answer,
  endlessBody,
  hangUp,
  redirect,
  refuse,
  silence,
} from '../support/registry/misbehave.ts';
import { pushReferrer } from '../support/registry/push.ts';
import { podReview } from '../support/reviews.ts';
import { pushStatement } from '../support/signed-images.ts';
import { signingKey, type SigningKey } from '../support/signing.ts';
import { openSignatureVerifier } from '../support/threads.ts';
import { clusterFault } from '../support/twins/cluster.ts';
import { LIMITS } from '../support/verification.ts';
import { policySpec, type AdmissionFixture } from './admission-fixture.ts';
import { COLUMNS, type AdmissionSituation, type Column } from './rows.ts';

/** What a situation needs beyond the images and the policies, which are there. */
export interface Setup {
  /** Milliseconds in which the webhook answers. */
  readonly budgetMs?: number;
  readonly ports?: Partial<AdmissionPorts>;
  /** The review, where it is not about a pod with the image of the column. */
  readonly review?: (column: Column) => ReturnType<typeof podReview>;
}
type Make = (fixture: AdmissionFixture) => Promise<Setup | undefined>;

const MANIFEST = /\/manifests\//;
const LISTING = /\/referrers\/|\/manifests\/sha256-/;
const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const HOUR = 3_600_000;

/** The usual images and policies, and a registry that misbehaves afterwards. */
const misbehaving =
  (intercept: Parameters<AdmissionFixture['registry']['intercept']>[0], setup: Setup = {}): Make =>
  async (fixture) => {
    await fixture.push();
    await fixture.applyPolicies();
    fixture.registry.intercept(intercept);
    return setup;
  };

/** A large manifest, whose reader ends like this. */
const withThread =
  (failure: 'crashed' | 'exhausted'): Make =>
  async (fixture) => {
    await fixture.push({ annotations: { padding: 'x'.repeat(64 * 1024) } });
    await fixture.applyPolicies();
    const clock = () => new Date();
    const parseElsewhere = (): Promise<JobOutcome<never>> => Promise.resolve({ ok: false, failure });
    const sources = {
      registry: createRegistry({ keychain: anonymous, now: clock, parseElsewhere }),
      verifySignature: openSignatureVerifier().verify,
      memory: createMemory({ clock, limits: LIMITS, loadSignal: () => AbortSignal.timeout(5_000) }),
      ...{ clock, report: fixture.ports.report },
    };
    return {
      ports: {
        judge: ({ credentials: _, ...question }) => judge({ ...question, unmatchedImages: 'Allow' }, sources),
      },
    };
  };

/** A signed vulnerability report about each image, and policies that require one of the last day. */
const reported =
  (result: object, ageMs = 0, by?: SigningKey): Make =>
  async (fixture) => {
    const images = await fixture.push();
    const finished = new Date(Date.now() - ageMs).toISOString();
    const predicate = {
      scanner: {
        uri: 'trivy',
        version: '0.74.0',
        result: { SchemaVersion: 2, CreatedAt: finished, ...result },
      },
      metadata: { scanFinishedOn: finished },
    };
    for (const [index, { name }] of COLUMNS.entries()) {
      const [image, target] = [images[index], { registry: fixture.registry.host, repository: `${name}/app` }];
      if (image)
        await pushStatement(target, image, { key: by ?? fixture.key, predicateType: VULN, predicate });
    }
    const vulnerabilities = { from: ['release'], maxReportAge: '24h', failOn: 'Low' };
    await fixture.applyPolicies({ require: { vulnerabilities } });
    return undefined;
  };

const findings = (severity?: string) => ({
  Metadata: { OS: { Family: 'alpine', Name: '3.22.0' } },
  Results: [
    {
      ...{ Target: 'image', Class: 'os-pkgs', Type: 'alpine' },
      Vulnerabilities: [{ VulnerabilityID: 'CVE-2026-1', PkgName: 'openssl', Severity: severity }],
    },
  ],
});

const withPullSecret = () => ({
  spec: { containers: [], imagePullSecrets: [{ name: 'pull' }], serviceAccountName: 'web' },
});

/** A pod with the image of a column, and a pull secret. */
const secretReview =
  ({ image }: AdmissionFixture) =>
  (column: Column) => {
    const asked = podReview([image(column)]);
    const { spec } = asked.request.object;
    return podReview([], {
      object: { ...asked.request.object, spec: { ...withPullSecret().spec, containers: spec.containers } },
    });
  };

const usual: Make = async (fixture) => {
  await fixture.push();
  await fixture.applyPolicies();
  return undefined;
};

/** Makes a situation: pushes, applies and breaks. */
export const SETUPS: Readonly<Record<AdmissionSituation, Make>> = {
  good: usual,
  registryDown: misbehaving(hangUp(/./)),
  registryFails: misbehaving(refuse(/./, 503)),
  loginRefused: misbehaving(refuse(/./, 401)),
  rateLimited: misbehaving(refuse(/./, 429, { 'retry-after': '60' })),
  registrySilent: misbehaving(silence(/./), { budgetMs: 400 }),
  manifestTooLarge: misbehaving(endlessBody(MANIFEST)),
  threadDied: withThread('crashed'),
  threadExhausted: withThread('exhausted'),
  wrongBytes: misbehaving(
    amend(MANIFEST, (reply) => ({ ...reply, body: Buffer.concat([Buffer.from(' '), bytesOf(reply.body)]) })),
  ),
  listingOdd: misbehaving(answer(LISTING, { status: 200, headers: {}, body: Buffer.from('{"a":1}') })),
  listingFails: misbehaving(refuse(LISTING, 500)),
  redirected: misbehaving(redirect(MANIFEST, () => 'http://169.254.169.254/latest/meta-data')),
  forbiddenAddress: async (fixture) => {
    await usual(fixture);
    return { review: (column) => podReview([`169.254.169.254/${column}/app:1.0`]) };
  },
  policyNeverCompiled: async (fixture) => {
    await fixture.push();
    for (const { name, spec } of COLUMNS)
      fixture.cluster.put(RESOURCES.policies, policyDocument({ ...policySpec(name), ...spec }, name));
    await fixture.until((inForce) => inForce === 'nothing');
    return undefined;
  },
  labelsUnreadable: async (fixture) => {
    await fixture.push();
    for (const { name, spec } of COLUMNS) {
      const match = { images: [`**/${name}/**`], namespaceSelector: { matchLabels: { env: 'production' } } };
      const written = { ...policySpec(name), ...spec, match };
      fixture.cluster.put(RESOURCES.policies, policyDocument(written, name));
    }
    fixture.putKey(fixture.key);
    await fixture.until((inForce) => inForce === 'as written');
    fixture.cluster.fail({ verb: 'get', resource: 'namespaces' }, clusterFault());
    return { review: (column) => podReview([fixture.image(column)], { namespace: 'new' }) };
  },
  pullSecretMissing: async (fixture) => {
    await usual(fixture);
    return { review: secretReview(fixture) };
  },
  pullSecretUnreadable: async (fixture) => {
    await usual(fixture);
    fixture.cluster.fail({ verb: 'get', resource: 'secrets' }, clusterFault('ClusterDenied'));
    return { review: secretReview(fixture) };
  },
  pullSecretNeeded: async (fixture) => {
    await misbehaving(refuse(/./, 401))(fixture);
    return { review: secretReview(fixture) };
  },
  dateUnreadable: async (fixture) => {
    await fixture.push({ annotations: { 'dev.pratique.lifecycle.end-of-life': 'some day' } });
    await fixture.applyPolicies();
    return undefined;
  },
  reportFromFuture: reported(findings('LOW'), -100 * HOUR),
  reportTooOld: reported({ ...findings(), Results: [] }, 48 * HOUR),
  severityUnknown: reported(findings()),
  reportUnsigned: reported({ ...findings(), Results: [] }, 0, signingKey()),
  unsigned: async (fixture) => {
    await fixture.push({ isSigned: false });
    await fixture.applyPolicies();
    return undefined;
  },
  signatureHidden: misbehaving(refuse(LISTING, 404)),
  imageHidden: misbehaving(refuse(MANIFEST, 404)),
  flagHidden: async (fixture) => {
    const images = await fixture.push();
    const flags = new Set<string>();
    for (const [index, { name }] of COLUMNS.entries()) {
      const [subject, target] = [
        images[index],
        { registry: fixture.registry.host, repository: `${name}/app` },
      ];
      if (subject) flags.add((await pushReferrer(target, { subject, artifactType: QUARANTINE })).digest);
    }
    await fixture.applyPolicies();
    const isHonest = (entry: { readonly digest: string }) => !flags.has(entry.digest);
    fixture.registry.intercept(
      amend('/referrers/', (reply) => {
        const listing = JSON.parse(bytesOf(reply.body).toString()) as { manifests: { digest: string }[] };
        return {
          ...reply,
          body: Buffer.from(JSON.stringify({ ...listing, manifests: listing.manifests.filter(isHonest) })),
        };
      }),
    );
    return undefined;
  },
  keyRemoved: async (fixture) => {
    await usual(fixture);
    const before = new Set<string>();
    await fixture.until((_, hash) => {
      before.add(hash);
      return true;
    });
    fixture.putKey(signingKey());
    await fixture.until((inForce, hash) => inForce === 'as written' && !before.has(hash));
    return undefined;
  },
  policyStopsCompiling: async (fixture) => {
    await fixture.push({ isSigned: false });
    await fixture.applyPolicies();
    const secret = { resource: RESOURCES.secrets, namespace: 'pratique', name: 'release-key' };
    await fixture.cluster.remove(secret);
    await fixture.until((inForce) => inForce === 'last good');
    return undefined;
  },
  apiServerAway: async (fixture) => {
    await usual(fixture);
    fixture.cluster.fail({}, clusterFault());
    fixture.cluster.endWatches();
    return undefined;
  },
  noPolicy: async (fixture) => {
    await usual(fixture);
    return { review: () => podReview([`${fixture.registry.host}/elsewhere/app:1.0`]) };
  },
  reviewUnreadable: async (fixture) => {
    await usual(fixture);
    return { review: (column) => podReview([fixture.image(column)], { object: { spec: 'none' } }) };
  },
  parentUnreadable: async (fixture) => {
    await usual(fixture);
    fixture.cluster.fail({ verb: 'get', resource: 'deployments' }, clusterFault());
    return { review: () => scaleReview() };
  },
  judgeStuck: async (fixture) => {
    await usual(fixture);
    return { budgetMs: 200, ports: { judge: () => new Promise(() => undefined) } };
  },
  bug: async (fixture) => {
    await usual(fixture);
    return { ports: { judge: () => Promise.reject(new Error('a bug')), report: () => undefined } };
  },
};

function scaleReview() {
  const scale = (replicas: number) => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { replicas },
  });
  return podReview([], {
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    resource: { group: 'apps', version: 'v1', resource: 'deployments' },
    subResource: 'scale',
    operation: 'UPDATE',
    object: scale(3),
    oldObject: scale(0),
  });
}

const bytesOf = (body: unknown): Buffer => (Buffer.isBuffer(body) ? body : Buffer.from(String(body)));
