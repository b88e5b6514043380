import { expect } from 'chai';
import {
  compilePolicy,
  imagePolicyCrd,
  type Labels,
  type MaterialRef,
} from '../../../src/core/policy/index.ts';
import {
  authority,
  DARK,
  evidenceOf,
  found,
  inShort,
  NO_ROOTS,
  NOW,
  policyDocument,
  provenBy,
  referrerOf,
  releasedBy,
  USE,
  verdictOf,
  type Asked,
  type WrittenSpec,
} from '../../support/policies.ts';
import { specFields } from '../../support/crd.ts';
import { signingKey } from '../../support/signing.ts';

const key = signingKey();
const other = signingKey();
const authorities = [authority('release', key), authority('ci', other)];
const secrets = ({ kind, name, key: entry }: MaterialRef) =>
  name === 'release-key' && entry === `${kind}.pub` ? key.pem : undefined;

/** What becomes of a policy: its problems, or its verdict, or that it does not speak of the image. */
function outcome(spec: WrittenSpec, asked: Asked): string {
  const compiled = compilePolicy(policyDocument(spec), { material: secrets, roots: NO_ROOTS });
  if (!compiled.ok) return `problem ${compiled.problems.map(({ path }) => path).join(' ')}`;
  const { coversImage, coversNamespace = () => true } = compiled.value;
  const labels: Labels = asked.labels?.state === 'found' ? asked.labels.value : {};
  if (!coversImage(`${USE.registry}/${USE.repository}`) || !coversNamespace(labels)) return 'not covered';
  return inShort(verdictOf([compiled.value], asked));
}

interface Row {
  readonly asked?: Asked;
  /** Two ways to write the field, and what follows from each. */
  readonly ways: readonly [WrittenSpec, string][];
}

const digest = { require: { digest: {} } };
const matching = (match: WrittenSpec) => ({ match: { images: ['**'], ...match }, ...digest });
const expression = (one: WrittenSpec) => matching({ namespaceSelector: { matchExpressions: [one] } });
const signed = (signatures: WrittenSpec) => ({ authorities, require: { signatures } });
const by = (authorityKey: WrittenSpec) => ({
  authorities: [{ name: 'release', key: authorityKey }],
  require: { signatures: { from: ['release'] } },
});
const quarantine = (block: WrittenSpec) => ({ authorities, require: { quarantine: block } });
const lifecycle = (block: WrittenSpec) => ({ require: { lifecycle: block } });

const inProd: Asked = { labels: found({ env: 'prod' }) };
const signedByKey: Asked = { evidence: evidenceOf({ signatures: found([provenBy(key)]) }) };
const flagged = evidenceOf({
  annotations: { 'dev.pratique.quarantine': 'true', 'com.example.hold': 'yes' },
});
const held: Asked = { evidence: evidenceOf({ annotations: { 'com.example.hold': 'yes' } }) };
const EOL = 'dev.pratique.lifecycle.end-of-life';
const ending = (date: string): Asked => ({ evidence: evidenceOf({ annotations: { [EOL]: date } }) });
const own: Asked = { evidence: evidenceOf({ annotations: { 'com.example.eol': '2026-01-01' } }) };
const referred = (type: string, annotations = {}): Asked => ({
  evidence: evidenceOf({ referrers: found([referrerOf(type, annotations)]) }),
});

// Each row fails when its field is ignored: the same case, with the field written in two ways, must end differently.
const ROWS: Readonly<Record<string, Row>> = {
  'match.images': {
    ways: [
      [matching({ images: ['registry.example.com/**'] }), 'deny NotPinned'],
      [matching({ images: ['other.example.com/**'] }), 'not covered'],
    ],
  },
  'match.excludeImages': {
    ways: [
      [matching({ excludeImages: ['registry.example.com/test/**'] }), 'deny NotPinned'],
      [matching({ excludeImages: ['registry.example.com/shop/**'] }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchLabels': {
    asked: inProd,
    ways: [
      [matching({ namespaceSelector: { matchLabels: { env: 'prod' } } }), 'deny NotPinned'],
      [matching({ namespaceSelector: { matchLabels: { env: 'dev' } } }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].key': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'Exists' }), 'deny NotPinned'],
      [expression({ key: 'tier', operator: 'Exists' }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].operator': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'In', values: ['prod'] }), 'deny NotPinned'],
      [expression({ key: 'env', operator: 'NotIn', values: ['prod'] }), 'not covered'],
    ],
  },
  'match.namespaceSelector.matchExpressions[].values': {
    asked: inProd,
    ways: [
      [expression({ key: 'env', operator: 'In', values: ['dev', 'prod'] }), 'deny NotPinned'],
      [expression({ key: 'env', operator: 'In', values: ['dev'] }), 'not covered'],
    ],
  },
  enforcement: {
    ways: [
      [digest, 'deny NotPinned'],
      [{ ...digest, enforcement: 'Warn' }, 'warn NotPinned'],
      [{ ...digest, enforcement: 'Audit' }, 'allow NotPinned'],
    ],
  },
  onUnknown: {
    asked: { evidence: evidenceOf({ signatures: DARK }) },
    ways: [
      [signed({ from: ['release'] }), 'unknown RegistryUnavailable'],
      [{ ...signed({ from: ['release'] }), onUnknown: 'Warn' }, 'warn RegistryUnavailable'],
      [{ ...signed({ from: ['release'] }), onUnknown: 'Allow' }, 'allow RegistryUnavailable'],
    ],
  },
  'authorities[].name': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [
        { ...signed({ from: ['release'] }), authorities: [authority('ci', key)] },
        'problem spec.require.signatures.from[0]',
      ],
    ],
  },
  'authorities[].key.pem': {
    asked: signedByKey,
    ways: [
      [by({ pem: key.pem }), 'allow'],
      [by({ pem: other.pem }), 'deny Unsigned'],
    ],
  },
  ...Object.fromEntries(
    [
      ['secretRef', 'Secret.pub'],
      ['configMapRef', 'ConfigMap.pub'],
    ].flatMap(([field = '', entry]) => [
      [
        `authorities[].key.${field}.name`,
        {
          asked: signedByKey,
          ways: [
            [by({ [field]: { name: 'release-key', key: entry } }), 'allow'],
            [by({ [field]: { name: 'ci-key', key: entry } }), `problem spec.authorities[0].key.${field}`],
          ],
        },
      ],
      [
        `authorities[].key.${field}.key`,
        {
          asked: signedByKey,
          ways: [
            [by({ [field]: { name: 'release-key', key: entry } }), 'allow'],
            [by({ [field]: { name: 'release-key', key: 'x' } }), `problem spec.authorities[0].key.${field}`],
          ],
        },
      ],
    ]) as [string, Row][],
  ),
  'require.digest': {
    ways: [
      [digest, 'deny NotPinned'],
      [{ require: {} }, 'allow'],
    ],
  },
  'require.signatures.from': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [signed({ from: ['ci'] }), 'deny Unsigned'],
    ],
  },
  'require.signatures.atLeast': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release', 'ci'] }), 'allow'],
      [signed({ from: ['release', 'ci'], atLeast: 2 }), 'deny Unsigned'],
    ],
  },
  'require.signatures.annotations': {
    asked: signedByKey,
    ways: [
      [signed({ from: ['release'] }), 'allow'],
      [signed({ from: ['release'], annotations: { env: 'prod' } }), 'deny Unsigned'],
    ],
  },
  'require.quarantine.annotations[].key': {
    asked: held,
    ways: [
      [quarantine({ annotations: [{ key: 'com.example.hold', values: ['yes'] }] }), 'deny Quarantined'],
      [quarantine({}), 'allow'],
    ],
  },
  'require.quarantine.annotations[].values': {
    asked: held,
    ways: [
      [quarantine({ annotations: [{ key: 'com.example.hold', values: ['yes'] }] }), 'deny Quarantined'],
      [quarantine({ annotations: [{ key: 'com.example.hold' }] }), 'allow'],
    ],
  },
  'require.quarantine.artifactTypes': {
    asked: referred('application/vnd.example.hold'),
    ways: [
      [quarantine({ artifactTypes: ['application/vnd.example.hold'] }), 'deny Quarantined'],
      [quarantine({}), 'allow'],
    ],
  },
  'require.quarantine.images': {
    ways: [
      [quarantine({ images: ['**/shop/*'] }), 'deny Quarantined'],
      [quarantine({ images: ['**/quarantine/**'] }), 'allow'],
    ],
  },
  'require.quarantine.releasedBy': {
    asked: { evidence: { ...flagged, signatures: found([releasedBy(key)]) } },
    ways: [
      [quarantine({ releasedBy: ['release'] }), 'allow'],
      [quarantine({}), 'deny Quarantined'],
    ],
  },
  'require.lifecycle.refuse': {
    asked: {
      evidence: evidenceOf({ annotations: { 'dev.pratique.lifecycle.end-of-support': '2026-01-01' } }),
    },
    ways: [
      [lifecycle({}), 'allow'],
      [lifecycle({ refuse: 'EndOfSupport' }), 'deny PastEndOfSupport'],
    ],
  },
  'require.lifecycle.warnBefore': {
    asked: ending('2026-06-20'),
    ways: [
      [lifecycle({}), 'warn EndOfLifeNear'],
      [lifecycle({ warnBefore: '24h' }), 'allow'],
    ],
  },
  'require.lifecycle.gracePeriod': {
    asked: ending('2026-06-14'),
    ways: [
      [lifecycle({}), 'deny PastEndOfLife'],
      [lifecycle({ gracePeriod: '24h' }), 'warn EndOfLifeNear'],
    ],
  },
  'require.lifecycle.annotations[].key': {
    asked: own,
    ways: [
      [lifecycle({ annotations: [{ key: 'com.example.eol' }] }), 'deny PastEndOfLife'],
      [lifecycle({ annotations: [{ key: 'com.example.other' }] }), 'allow'],
    ],
  },
  'require.lifecycle.annotations[].says': {
    asked: own,
    ways: [
      [lifecycle({ annotations: [{ key: 'com.example.eol' }] }), 'deny PastEndOfLife'],
      [lifecycle({ annotations: [{ key: 'com.example.eol', says: 'EndOfSupport' }] }), 'allow'],
    ],
  },
  'require.lifecycle.artifactTypes': {
    asked: referred('application/vnd.example.life', { [EOL]: '2026-01-01' }),
    ways: [
      [lifecycle({ artifactTypes: ['application/vnd.example.life'] }), 'deny PastEndOfLife'],
      [lifecycle({}), 'allow'],
    ],
  },
  'require.lifecycle.required': {
    ways: [
      [lifecycle({ required: true }), 'deny LifecycleMissing'],
      [lifecycle({}), 'allow'],
    ],
  },
};

describe('every field of ImagePolicy', () => {
  for (const [field, { asked = {}, ways }] of Object.entries(ROWS)) {
    it(`B12: ${field} has effect`, () => {
      expect(ways.map(([spec]) => outcome(spec, { now: NOW, ...asked }))).to.deep.equal(
        ways.map(([, expected]) => expected),
      );
      expect(new Set(ways.map(([, expected]) => expected)).size).to.be.above(1);
    });
  }

  it('B12: has a row above', () => {
    expect(Object.keys(ROWS).sort()).to.deep.equal([...specFields(imagePolicyCrd())].sort());
  });
});
