import { expect } from 'chai';
import { compileDocuments } from '../../../src/controllers/policies/index.ts';
import type { PolicySet } from '../../../src/controllers/policies/compile-documents.ts';
import { NO_ROOTS, NOW, policyDocument } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const key = signingKey();

/** Documents of one folder, each in a separate file. */
function compile(...values: readonly unknown[]) {
  const documents = values.map((value, index) => ({ origin: `policies/${index + 1}.yaml`, value }));
  return compileDocuments({ documents, problems: [] }, { now: NOW, roots: NO_ROOTS });
}

function setOf(...values: readonly unknown[]): PolicySet {
  const compiled = compile(...values);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

function problemsOf(...values: readonly unknown[]): readonly string[] {
  const compiled = compile(...values);
  return compiled.ok ? [] : compiled.problems.map(({ path, message }) => `${path} ${message}`);
}

const signedBy = (ref: object, name = 'production') =>
  policyDocument(
    { authorities: [{ name: 'release', key: ref }], require: { signatures: { from: ['release'] } } },
    name,
  );
const SECRET_REF = { secretRef: { name: 'release-key', key: 'cosign.pub' } };
const CONFIG_REF = { configMapRef: { name: 'release-key', key: 'cosign.pub' } };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const named = (kind: string, more: object, name = 'release-key') => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
});

describe('a folder of resources provides a key', () => {
  const rows = [
    {
      from: 'data of a Secret, in base64',
      ref: SECRET_REF,
      resource: named('Secret', { data: { 'cosign.pub': base64(key.pem) } }),
    },
    {
      from: 'stringData of a Secret',
      ref: SECRET_REF,
      resource: named('Secret', { stringData: { 'cosign.pub': key.pem } }),
    },
    {
      from: 'stringData before data, as the API server does',
      ref: SECRET_REF,
      resource: named('Secret', {
        stringData: { 'cosign.pub': key.pem },
        data: { 'cosign.pub': base64('old') },
      }),
    },
    {
      from: 'data of a ConfigMap',
      ref: CONFIG_REF,
      resource: named('ConfigMap', { data: { 'cosign.pub': key.pem } }),
    },
  ];
  for (const { from, ref, resource } of rows) {
    it(`from ${from}`, () => {
      const { policies } = setOf(signedBy(ref), resource);
      expect(policies[0]?.signatures?.from[0]?.signer).to.have.nested.property(
        'key.fingerprint',
        key.fingerprint,
      );
    });
  }

  const missing = [
    { what: 'there is no such object', resources: [] },
    {
      what: 'the object has another name',
      resources: [named('Secret', { stringData: { 'cosign.pub': key.pem } }, 'other')],
    },
    { what: 'the object has another key', resources: [named('Secret', { stringData: { pub: key.pem } })] },
    {
      what: 'a ConfigMap has it, where a Secret is meant',
      resources: [named('ConfigMap', { data: { 'cosign.pub': key.pem } })],
    },
    { what: 'its data is no text', resources: [named('Secret', { data: { 'cosign.pub': 7 } })] },
  ];
  for (const { what, resources } of missing) {
    it(`not when ${what}, which is a problem at the field`, () => {
      expect(problemsOf(signedBy(SECRET_REF), ...resources)).to.deep.equal([
        'policies/1.yaml: spec.authorities[0].key.secretRef Secret release-key has no key cosign.pub',
      ]);
    });
  }

  it('never from a text that is no key, and the problem does not repeat the text', () => {
    const [said, ...more] = problemsOf(
      signedBy(SECRET_REF),
      named('Secret', { stringData: { 'cosign.pub': 'hunter2' } }),
    );
    expect(more).to.deep.equal([]);
    expect(said).to.match(/^policies\/1\.yaml: spec\.authorities\[0\]\.key\.secretRef /);
    expect(said).not.to.include('hunter2');
  });
});

describe('a folder of resources provides the labels of a namespace', () => {
  const shop = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', labels: { env: 'production' } },
  };

  it('from its document, with the name that the API server adds', () => {
    expect(setOf(policyDocument({ require: {} }), shop).namespaceLabels('shop')).to.deep.equal({
      state: 'found',
      value: { env: 'production', 'kubernetes.io/metadata.name': 'shop' },
      seenAt: NOW,
    });
  });

  it('from the last document when a Namespace is described twice', () => {
    const other = { ...shop, metadata: { name: 'shop', labels: { env: 'test' } } };
    const labels = setOf(policyDocument({ require: {} }), shop, other).namespaceLabels('shop');
    expect(labels).to.deep.include({ value: { env: 'test', 'kubernetes.io/metadata.name': 'shop' } });
  });

  it('as unknown for a namespace without a document, never as "no labels"', () => {
    const { namespaceLabels } = setOf(policyDocument({ require: {} }), shop);
    for (const name of ['other', '', '__proto__', 'constructor']) {
      expect(namespaceLabels(name)).to.deep.include({ state: 'unknown', transient: false });
    }
  });
});

describe('a folder of resources is refused', () => {
  const rows: readonly { what: string; values: readonly unknown[]; problems: readonly string[] }[] = [
    {
      what: 'for a kind that it does not know',
      values: [{ ...policyDocument({ require: {} }), kind: 'ImagePolcy' }],
      problems: [
        'policies/1.yaml: kind "pratique.dev/v1alpha1 ImagePolcy" is none of ImagePolicy, Secret, ConfigMap, Namespace',
      ],
    },
    { what: 'for no kind', values: [{ spec: {} }], problems: ['policies/1.yaml: kind is missing'] },
    {
      what: 'for a document that is a text',
      values: ['ImagePolicy'],
      problems: ['policies/1.yaml: kind is missing'],
    },
    {
      what: 'for two policies of one name',
      values: [policyDocument({ require: {} }), policyDocument({ require: {} })],
      problems: ['policies/2.yaml: metadata.name "production" is also in policies/1.yaml'],
    },
    {
      what: 'for two Secrets of one name',
      values: [named('Secret', {}), named('Secret', {})],
      problems: ['policies/2.yaml: metadata.name "release-key" is also in policies/1.yaml'],
    },
  ];
  for (const { what, values, problems } of rows) {
    it(what, () => {
      expect(problemsOf(...values)).to.deep.equal(problems);
    });
  }

  it('not for a Secret and a ConfigMap of one name', () => {
    expect(problemsOf(named('Secret', {}), named('ConfigMap', {}))).to.deep.equal([]);
  });

  it('with every problem of every file at once', () => {
    const problems = problemsOf(
      policyDocument({ require: {}, enforcement: 'deny', onUnknown: 'Maybe' }, 'one'),
      signedBy(SECRET_REF, 'two'),
      { kind: 'Deployment', apiVersion: 'apps/v1' },
      policyDocument({ match: { images: [] }, require: { digest: { on: true } } }, 'three'),
    );
    expect(problems.map((text) => text.split(' ').slice(0, 2).join(' '))).to.have.members([
      'policies/1.yaml: spec.enforcement',
      'policies/1.yaml: spec.onUnknown',
      'policies/2.yaml: spec.authorities[0].key.secretRef',
      'policies/3.yaml: kind',
      'policies/4.yaml: spec.match.images',
      'policies/4.yaml: spec.require.digest',
    ]);
  });

  it('when one file could not be read, however good the others are', () => {
    const unread = { path: 'policies/2.yaml:3', message: 'is no YAML' };
    const documents = [{ origin: 'policies/1.yaml', value: policyDocument({ require: {} }) }];
    const compiled = compileDocuments({ documents, problems: [unread] }, { now: NOW, roots: NO_ROOTS });
    expect(compiled).to.deep.equal({ ok: false, problems: [unread] });
  });
});
