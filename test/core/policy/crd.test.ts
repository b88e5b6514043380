import { Ajv } from 'ajv';
import { expect } from 'chai';
import { compilePolicy, imagePolicyCrd } from '../../../src/core/policy/index.ts';
import { imagePolicyReference } from '../../../src/core/policy/crd.ts';
import { schemaOf, specFields } from '../../support/crd.ts';
import { authority, NO_ROOTS, policyDocument, type WrittenSpec } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

// CEL rules and pruning are the API server's; here are the structural rules, which ajv knows.
const passesSchema = new Ajv({ strict: false, allErrors: true }).compile(schemaOf(imagePolicyCrd()));
const compiles = (document: unknown) =>
  compilePolicy(document, { material: () => undefined, roots: NO_ROOTS }).ok;

const key = signingKey();
const authorities = [authority('release', key)];
const signatures = { from: ['release'] };
const long = (length: number) => 'a'.repeat(length);
const many = <T>(length: number, value: T) => Array.from({ length }, () => value);

describe('CRD schema, accepted', () => {
  const samples: readonly [title: string, spec: WrittenSpec][] = [
    ['the smallest policy', { require: {} }],
    [
      'quarantine and lifecycle with their defaults',
      { enforcement: 'Warn', require: { quarantine: {}, lifecycle: {} } },
    ],
    [
      'every field',
      {
        match: {
          images: ['registry.example.com/**'],
          excludeImages: ['registry.example.com/sandbox/**'],
          namespaceSelector: {
            matchLabels: { env: 'prod' },
            matchExpressions: [{ key: 'tier', operator: 'In', values: ['gold'] }],
          },
        },
        enforcement: 'Audit',
        onUnknown: 'Allow',
        pinDigests: true,
        authorities,
        require: {
          digest: {},
          signatures: { ...signatures, atLeast: 1, annotations: { env: 'prod' } },
          quarantine: {
            annotations: [{ key: 'com.example.hold', values: ['yes'] }],
            artifactTypes: ['application/vnd.example.hold'],
            images: ['**/quarantine/**'],
            releasedBy: ['release'],
          },
          lifecycle: {
            refuse: 'EndOfSupport',
            warnBefore: '720h',
            gracePeriod: '1h30m',
            annotations: [{ key: 'vnd.myorganization.image.end-of-life', says: 'EndOfLife' }],
            artifactTypes: ['application/vnd.myorganization.image.lifecycle.metadata'],
            required: true,
          },
        },
      },
    ],
  ];
  for (const [title, spec] of samples) {
    it(title, () => {
      const document = policyDocument(spec);
      expect(passesSchema(document), JSON.stringify(passesSchema.errors)).to.be.true;
      expect(compiles(document)).to.be.true;
    });
  }
});

describe('CRD schema, refused', () => {
  const match = (block: WrittenSpec) => ({ match: block, require: {} });
  const selector = (block: WrittenSpec) => match({ images: ['**'], namespaceSelector: block });
  const labels = (block: WrittenSpec) => selector({ matchExpressions: [block] });
  const keyed = (by: WrittenSpec, name: unknown = 'a') => ({ authorities: [{ name, key: by }], require: {} });
  const signed = (block: WrittenSpec) => ({ authorities, require: { signatures: block } });
  const held = (quarantine: WrittenSpec) => ({ require: { quarantine } });
  const ending = (lifecycle: WrittenSpec) => ({ require: { lifecycle } });

  const table: readonly [title: string, spec: WrittenSpec][] = [
    ['no require', {}],
    ['B11: no images', match({})],
    ['B11: empty images', match({ images: [] })],
    ['B11: an empty pattern', match({ images: [''] })],
    ['too long a pattern', match({ images: [long(256)] })],
    ['too many patterns', match({ images: many(65, '**') })],
    ['too many exclusions', match({ images: ['**'], excludeImages: many(65, 'a/b') })],
    ['an unknown enforcement', { enforcement: 'deny', require: {} }],
    ['an unknown onUnknown', { onUnknown: 'Ignore', require: {} }],
    ['pinDigests as text', { pinDigests: 'true', require: {} }],
    ['too many authorities', { authorities: many(17, authorities[0]), require: {} }],
    ['B11: an authority without name', { authorities: [{ key: { pem: key.pem } }], require: {} }],
    ['B11: an authority with an empty name', keyed({ pem: key.pem }, '')],
    ['B11: an empty key', keyed({ pem: '' })],
    ['too long a key', keyed({ pem: long(8_193) })],
    ['a Secret without entry', keyed({ secretRef: { name: 'a' } })],
    ['a Secret with an empty name', keyed({ secretRef: { name: '', key: 'b' } })],
    ['a ConfigMap without name', keyed({ configMapRef: { key: 'b' } })],
    ['B11: signatures from an empty list', signed({ from: [] })],
    ['B11: signatures without from', signed({})],
    ['B11: signatures by an empty name', signed({ from: [''] })],
    ['B11: atLeast 0', signed({ ...signatures, atLeast: 0 })],
    ['atLeast 1.5', signed({ ...signatures, atLeast: 1.5 })],
    ['a signer annotation that is no text', signed({ ...signatures, annotations: { a: 1 } })],
    ['B11: a label expression without key', labels({ operator: 'Exists' })],
    ['B11: a label expression with an empty key', labels({ key: '', operator: 'Exists' })],
    ['a label expression with an unknown operator', labels({ key: 'a', operator: 'Gt', values: ['1'] })],
    ['a label value that is too long', selector({ matchLabels: { a: long(64) } })],
    ['a quarantine annotation without key', held({ annotations: [{ values: ['true'] }] })],
    ['B11: a quarantine annotation without values', held({ annotations: [{ key: 'a', values: [] }] })],
    ['B11: an empty artifact type', held({ artifactTypes: [''] })],
    ['an unknown lifecycle word', ending({ refuse: 'EndOfSales' })],
    ['a negative duration', ending({ warnBefore: '-1h' })],
    ['a duration without unit', ending({ gracePeriod: '30' })],
    ['a duration in days', ending({ warnBefore: '30d' })],
    ['B11: an empty duration', ending({ warnBefore: '' })],
    ['a duration with something behind', ending({ warnBefore: '1h\nx' })],
    ['required as text', ending({ required: 'yes' })],
    ['B11: an empty lifecycle key', ending({ annotations: [{ key: '' }] })],
  ];
  for (const [title, spec] of table) {
    it(`refuses ${title}`.replace(/^(refuses )([A-Z]\d\d: )/, '$2$1'), () => {
      const document = policyDocument(spec);
      expect(passesSchema(document)).to.be.false;
      expect(compiles(document)).to.be.false;
    });
  }

  // What the API server refuses by CEL, and by its field validation.
  const acrossFields: readonly [title: string, spec: WrittenSpec][] = [
    ['B11: an authority with neither key nor identity', { authorities: [{ name: 'a' }], require: {} }],
    ['B11: an authority with no kind of key', keyed({})],
    ['an authority with two kinds of key', keyed({ pem: key.pem, secretRef: { name: 'a', key: 'b' } })],
    ['B11: In without values', labels({ key: 'a', operator: 'In' })],
    ['B11: In with empty values', labels({ key: 'a', operator: 'In', values: [] })],
    ['B11: NotIn without values', labels({ key: 'a', operator: 'NotIn' })],
    ['Exists with values', labels({ key: 'a', operator: 'Exists', values: ['b'] })],
    ['an unknown field', { require: { signature: {} } }],
    ['an unknown field at the top', { require: {}, enforcment: 'Deny' }],
    ['an unknown field of a key', keyed({ pem: key.pem, kms: 'x' })],
    ['an unknown field below match', match({ images: ['**'], namespaces: ['a'] })],
  ];
  for (const [title, spec] of acrossFields) {
    it(`does not compile ${title}`.replace(/^(does not compile )([A-Z]\d\d: )/, '$2$1'), () => {
      expect(compiles(policyDocument(spec))).to.be.false;
    });
  }

  for (const [title, change] of [
    ['another version', { apiVersion: 'pratique.dev/v1' }],
    ['another kind', { kind: 'ImagePolicies' }],
    ['no name', { metadata: {} }],
    ['no spec', { spec: undefined }],
  ] as const) {
    it(`does not compile ${title}`, () => {
      expect(compiles({ ...policyDocument({ require: {} }), ...change })).to.be.false;
    });
  }
});

describe('CRD', () => {
  const text = JSON.stringify(imagePolicyCrd());

  it('is structural: it has no keywords that Kubernetes refuses', () => {
    expect(text).not.to.match(
      /"(?:\$ref|additionalProperties":false|propertyNames|const|oneOf|anyOf|\$schema)/,
    );
  });

  it('bounds every map, list and free text, so that the cost of its CEL rules can be estimated', () => {
    const bounds = { array: ['maxItems'], string: ['maxLength', 'enum'] };
    const unbounded = (node: unknown): boolean => {
      if (typeof node !== 'object' || node === null) return false;
      const type = 'type' in node ? node.type : undefined;
      const needed = type === 'array' || type === 'string' ? bounds[type] : undefined;
      if (needed && !needed.some((bound) => bound in node)) return true;
      if ('additionalProperties' in node && !('maxProperties' in node)) return true;
      return Object.values(node).some(unbounded);
    };
    expect(unbounded(schemaOf(imagePolicyCrd()).properties!.spec)).to.be.false;
  });

  it('every field is on the reference page', () => {
    const page = imagePolicyReference();
    for (const field of specFields(imagePolicyCrd())) expect(page).to.include(`| \`spec.${field}\` |`);
  });
});
