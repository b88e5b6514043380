import { expect } from 'chai';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { parseSettings } from '../src/core/settings/index.ts';
import type { Serving } from '../src/cli/index.ts';
import { createTools } from '../src/serve/index.ts';
import { responseIn } from './webhook/answers.ts';
import { run } from './cli/run.ts';
import { startGate, type RunningGate } from './gate/running-gate.ts';
import { httpsClient, type HttpsClient } from './support/https-request.ts';
import { createAuthority } from './support/certificates.ts';
import type { WrittenSpec } from './support/policies.ts';
import { podReview } from './support/reviews.ts';
import {
  EVERYTHING,
  openPolicyFixture,
  type ImageName,
  type PolicyFixture,
} from './support/policy-fixture.ts';
import { temporaryFolder, type TemporaryFolder } from './support/temporary-folder.ts';

const POLICIES = {
  strict: {},
  warning: { enforcement: 'Warn' },
  auditing: { enforcement: 'Audit' },
  'lenient about the unknown': { onUnknown: 'Allow' },
  'warning about the unknown': { onUnknown: 'Warn' },
  'asking for a digest': { require: { digest: {} } },
  'asking for a date': { require: { lifecycle: { required: true } } },
  'for other images': { match: { images: ['registry.example.com/**'] } },
  'for this namespace': {
    match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } },
  },
  'for another namespace': { match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'test' } } } },
  'without an authority that may release': { require: { ...EVERYTHING, quarantine: {} } },
} as const satisfies Readonly<Record<string, WrittenSpec>>;
type PolicyName = keyof typeof POLICIES;

const ROWS: readonly (readonly [
  image: ImageName | 'not an image',
  policy: PolicyName,
  verdict: string,
  reasons?: string,
])[] = [
  ['good', 'strict', 'allow'],
  ['signed-the-old-way', 'strict', 'allow'],
  ['released', 'strict', 'allow'],
  ['unsigned', 'strict', 'deny', 'Unsigned'],
  ['signed-by-a-stranger', 'strict', 'deny', 'Unsigned'],
  ['flagged', 'strict', 'deny', 'Quarantined'],
  ['old', 'strict', 'deny', 'PastEndOfLife'],
  ['ending', 'strict', 'warn', 'EndOfLifeNear'],
  ['undated', 'strict', 'unknown', 'UnreadableDate'],
  ['missing', 'strict', 'deny', 'ImageNotFound'],
  ['broken', 'strict', 'unknown', 'RegistryUnavailable'],
  ['not an image', 'strict', 'deny', 'InvalidReference'],
  ['unsigned', 'warning', 'warn', 'Unsigned'],
  ['broken', 'warning', 'warn', 'RegistryUnavailable'],
  ['flagged', 'auditing', 'allow', 'Quarantined'],
  ['broken', 'lenient about the unknown', 'allow', 'RegistryUnavailable'],
  ['flagged', 'lenient about the unknown', 'deny', 'Quarantined'],
  ['undated', 'warning about the unknown', 'warn', 'UnreadableDate'],
  ['good', 'asking for a digest', 'deny', 'NotPinned'],
  ['good', 'asking for a date', 'deny', 'LifecycleMissing'],
  ['ending', 'asking for a date', 'warn', 'EndOfLifeNear'],
  ['unsigned', 'for other images', 'allow', 'UnmatchedImage'],
  ['unsigned', 'for this namespace', 'deny', 'Unsigned'],
  ['unsigned', 'for another namespace', 'allow', 'UnmatchedImage'],
  ['released', 'without an authority that may release', 'deny', 'Quarantined'],
];

/** The result of a command or webhook: the verdict and its reasons. */
interface Said {
  readonly verdict: string;
  readonly reasons: string;
}

const EXIT: Readonly<Record<string, number>> = { allow: 0, warn: 0, deny: 1, unknown: 2 };

/** The answers of the gate. */
const STATUS: Readonly<Record<string, number>> = { allow: 200, warn: 200, deny: 403, unknown: 503 };

describe('every command and webhook gives the same verdict', () => {
  let fixture: PolicyFixture;
  let tls: TemporaryFolder;
  let ca: string;
  const folders = new Map<PolicyName, TemporaryFolder>();
  const servings: Serving[] = [];
  const webhooks = new Map<PolicyName, HttpsClient>();
  const gates = new Map<PolicyName, RunningGate>();

  before(async () => {
    fixture = await openPolicyFixture();
    const authority = await createAuthority('acme authority');
    const leaf = await authority.issue({ commonName: 'webhook', ips: ['127.0.0.1'], usage: 'server' });
    ca = authority.cert;
    tls = await temporaryFolder({ 'tls.crt': leaf.cert, 'tls.key': leaf.key });
    const shop = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { env: 'production' } },
    };
    for (const [name, spec] of Object.entries(POLICIES) as [PolicyName, WrittenSpec][]) {
      const folder = await temporaryFolder({ 'policy.yaml': fixture.policy(spec), 'shop.yaml': shop });
      folders.set(name, folder);
      webhooks.set(name, await serve(folder.path));
      const anywhere = { upstreams: [{ match: ['**'] }], unjudged: 'Allow' };
      gates.set(name, await startGate(anywhere, [fixture.policy(spec), shop]));
    }
  });
  after(async () => {
    await Promise.all([...webhooks.values()].map((client) => client.close()));
    await Promise.all([...gates.values()].map((gate) => gate.close()));
    await Promise.all(servings.map((serving) => serving.close()));
    await Promise.all([tls, ...folders.values()].map((folder) => folder.remove()));
    await fixture.registry.close();
  });

  async function serve(folder: string): Promise<HttpsClient> {
    const tools = createTools({
      version: '1.2.3',
      environment: { DOCKER_CONFIG: '/nonexistent' },
      stdin: Readable.from([]),
      writeLog: () => undefined,
    });
    const webhook = {
      listen: '127.0.0.1:0',
      tlsCert: join(tls.path, 'tls.crt'),
      tlsKey: join(tls.path, 'tls.key'),
    };
    const settings = parseSettings({ webhook });
    const serving = settings.ok ? await tools.serve(settings.value, folder) : settings;
    if (!serving.ok) throw new Error(JSON.stringify(serving.problems));
    servings.push(serving.value);
    return httpsClient(serving.value.url, ca);
  }

  const manifest = (image: string) => {
    const { object } = podReview([image]).request;
    return JSON.stringify(object);
  };
  const saidBy = (answer: unknown, uid: string): Said => {
    const { allowed, warnings = [], auditAnnotations = {} } = responseIn(answer, uid);
    const { verdict = '', reasons = '' } = auditAnnotations;
    expect(allowed).to.equal(EXIT[verdict] === 0);
    // A tag that a node may have cached is no verdict on the image.
    const said = warnings.filter((one) => !one.includes('TagMayDiffer'));
    expect(said.length > 0).to.equal(verdict === 'warn');
    return { verdict, reasons };
  };

  /** What the gate answers, and logs of it. A caller of the gate whose namespace is not proven is in none. */
  const pulled = async (image: string, policy: PolicyName): Promise<Said> => {
    const gate = gates.get(policy);
    if (!gate) throw new Error('there is no such gate');
    const answer = await gate.get(image.replace(/:(?=[^/:]+$)/, '/manifests/'));
    const { verdict = '', reason: reasons = '' } = gate.log.findLast(({ msg }) => msg === 'pulled') as Record<
      string,
      string
    >;
    expect(answer.headers.has('warning')).to.equal(verdict !== 'allow');
    // For a registry, what cannot be named or found is no refusal.
    if (answer.status === 400) return { verdict: 'deny', reasons: 'InvalidReference' };
    if (answer.status === 404) return { verdict: 'deny', reasons };
    expect(answer.status).to.equal(STATUS[verdict]);
    return { verdict, reasons };
  };

  for (const [name, policy, verdict, reasons = ''] of ROWS) {
    it(`${name}, by a policy ${policy}, at the gate: ${verdict} ${reasons}`, async () => {
      const image = name === 'not an image' ? 'Not/An/Image:1.0' : fixture.image(name);
      const said = await pulled(image, policy);
      if (policy === 'for this namespace')
        expect(said).to.deep.equal({ verdict: 'allow', reasons: 'UnmatchedImage' });
      // A registry that is down has no bytes, whatever a policy admits.
      else expect(said).to.deep.equal({ verdict: name === 'broken' ? 'unknown' : verdict, reasons });
    });

    it(`${name}, by a policy ${policy}: ${verdict} ${reasons}`, async () => {
      const image = name === 'not an image' ? 'Not/An/Image' : fixture.image(name);
      const folder = folders.get(policy)?.path ?? '';
      const review = podReview([image]);
      const { uid } = review.request;
      const text = JSON.stringify(review);
      const [checked, reviewed, answered] = await Promise.all([
        run(['check', '-f', '-', '--policies', folder, '-o', 'json'], { stdin: manifest(image) }),
        run(['review', '-f', '-', '--policies', folder], { stdin: text }),
        webhooks.get(policy)?.post('/validate?timeout=10s', text),
      ]);
      const report = JSON.parse(checked.out) as {
        images: { verdict: string; findings: { reason: string }[] }[];
      };
      const byCheck = report.images.map((one) => ({
        verdict: one.verdict,
        reasons: one.findings.map(({ reason }) => reason).join(','),
      }));
      const printed = JSON.parse(reviewed.out) as unknown;
      const webhook = JSON.parse(answered?.text ?? '') as unknown;
      const expected: Said = { verdict, reasons };
      expect(byCheck, 'check').to.deep.equal([expected]);
      expect(saidBy(printed, uid), 'review').to.deep.equal(expected);
      expect(saidBy(webhook, uid), 'webhook').to.deep.equal(expected);
      expect(printed, 'review prints what the webhook answers').to.deep.equal(webhook);
      expect([checked.code, reviewed.code]).to.deep.equal([EXIT[verdict], EXIT[verdict]]);
    });
  }
});
