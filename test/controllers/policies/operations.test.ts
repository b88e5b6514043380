import { expect } from 'chai';
import { compileDocuments, operationsOf } from '../../../src/controllers/policies/index.ts';
import type { PolicySet } from '../../../src/controllers/policies/compile-documents.ts';
import type { PublicRootStatus } from '../../../src/controllers/policies/public-root.ts';
import { parsed } from '../../../src/core/model/index.ts';
import { NO_ROOTS, NOW, policyDocument } from '../../support/policies.ts';

const OWN = 'ConfigMap sigstore-root/trusted_root.json';
const PUBLIC = 'ab'.repeat(32);
const PRIVATE = 'cd'.repeat(32);

const before = (seconds: number) => new Date(NOW.getTime() - seconds * 1_000);

/** What documents say, compiled an hour ago. */
function policySet(...values: readonly unknown[]): PolicySet {
  const compiled = compileDocuments(
    { documents: values.map((value, index) => ({ origin: `${index + 1}.yaml`, value })), problems: [] },
    {
      now: before(3_600),
      roots: { ...NO_ROOTS, read: (json) => parsed({ fingerprint: PRIVATE, json }) },
    },
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

const plain = (name: string) => policyDocument({ require: {} }, name);
const root = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'sigstore-root' },
  data: { 'trusted_root.json': '{}' },
};
const withOwnRoot = (name: string) =>
  policyDocument(
    {
      authorities: [
        {
          name: 'ci',
          keyless: { issuer: 'https://issuer.example.com', subject: 'ci@example.com' },
          trustRoot: { configMapRef: { name: 'sigstore-root', key: 'trusted_root.json' } },
        },
      ],
      require: { signatures: { from: ['ci'] } },
    },
    name,
  );

describe('operationsOf', () => {
  let policies: PolicySet;
  let publicRoot: PublicRootStatus;
  let now: Date;
  beforeEach(() => {
    policies = policySet(plain('one'));
    publicRoot = { source: 'shipped', fingerprint: PUBLIC, since: before(7_200) };
    now = NOW;
  });

  const operations = operationsOf({
    policies: () => policies,
    publicRoot: () => publicRoot,
    clock: () => now,
  });
  const ready = () => operations.readiness().split('\n');
  const gauge = (name: string) => operations.gauges.find((one) => one.name === name)?.read();

  it('begins with ok, then lists the policies and the public-good root', () => {
    expect(operations.readiness()).to.equal(
      `ok\npolicies: 1\ntrust root abababababab: public-good (shipped), since ${before(7_200).toISOString()}\n`,
    );
  });

  it('lists the root of each source once, however many policies name it', () => {
    policies = policySet(root, withOwnRoot('one'), withOwnRoot('two'));
    publicRoot = { ...publicRoot, source: 'refreshed' };
    expect(ready()).to.deep.equal([
      'ok',
      'policies: 2',
      `trust root abababababab: public-good (refreshed), since ${before(7_200).toISOString()}`,
      `trust root cdcdcdcdcdcd: ${OWN}, since ${before(3_600).toISOString()}`,
      '',
    ]);
  });

  it('is ready, and reports it, when a refresh failed: the last good root is in force', () => {
    publicRoot = { ...publicRoot, lastFailure: 'TUF failed with ECONNREFUSED' };
    expect(ready()[0]).to.equal('ok');
    expect(ready().at(-2)).to.equal('trust root refresh failed: TUF failed with ECONNREFUSED');
  });

  it('counts the policies in force', () => {
    expect(gauge('pratique_policies')).to.deep.equal([{ labels: {}, value: 1 }]);
    policies = policySet(plain('one'), plain('two'));
    expect(gauge('pratique_policies'), 'as of now').to.deep.equal([{ labels: {}, value: 2 }]);
  });

  it('measures the age of every root, in seconds', () => {
    policies = policySet(root, withOwnRoot('one'));
    expect(gauge('pratique_trust_root_age_seconds')).to.deep.equal([
      { labels: { source: 'public-good (shipped)', fingerprint: PUBLIC }, value: 7_200 },
      { labels: { source: OWN, fingerprint: PRIVATE }, value: 3_600 },
    ]);
    publicRoot = { source: 'refreshed', fingerprint: PRIVATE, since: before(1.5) };
    expect(gauge('pratique_trust_root_age_seconds')?.[0]).to.deep.equal({
      labels: { source: 'public-good (refreshed)', fingerprint: PRIVATE },
      value: 1.5,
    });
  });

  it('measures no age below zero when the clock is set back', () => {
    now = before(86_400);
    expect(gauge('pratique_trust_root_age_seconds')?.map(({ value }) => value)).to.deep.equal([0]);
  });

  it('has a help text and label names for every gauge', () => {
    for (const { help, labels, read } of operations.gauges) {
      expect(help).to.match(/^[A-Z].*\.$/);
      for (const sample of read()) expect(Object.keys(sample.labels)).to.have.members([...labels]);
    }
  });
});
