import { clusterFault } from '../support/twins/cluster.ts';
import type { JsonObject } from '../../src/cli/index.ts';
import {
  base64,
  openDoctorFixture,
  PATH_SECRET,
  PROVEN,
  RULES,
  type Case,
  type DoctorFixture,
} from './doctor-fixture.ts';
import { expect } from 'chai';

const URL = `https://localhost/validate/${PATH_SECRET}`;

describe('pratique doctor, check by check', () => {
  let fixture: DoctorFixture;
  before(async () => {
    fixture = await openDoctorFixture();
  });

  const older = (crd: JsonObject) => {
    const object = structuredClone(crd) as {
      spec: { versions: { schema: { openAPIV3Schema: { description: string } } }[] };
    };
    object.spec.versions[0]!.schema.openAPIV3Schema.description = 'older';
    return object as unknown as JsonObject;
  };
  const rows: readonly [string, (fixture: DoctorFixture) => Case, readonly string[], number][] = [
    [
      'the API server cannot be reached',
      () => ({ version: () => Promise.reject(clusterFault()) }),
      ['unknown api server'],
      2,
    ],
    [
      'the CRD is missing',
      ({ ofPromotions }) => ({ objects: { crds: ofPromotions } }),
      ['failed crd imagepolicies.pratique.dev'],
      1,
    ],
    [
      'a CRD of promotions is missing',
      ({ crd, ofPromotions }) => ({ objects: { crds: [crd(), ...ofPromotions.slice(1)] } }),
      ['warning crd imagepromotions.pratique.dev'],
      0,
    ],
    [
      'a CRD of promotions is an older one',
      (fixture) => ({
        objects: {
          crds: [fixture.crd(), ...fixture.ofPromotions.slice(0, 2), older(fixture.ofPromotions[2]!)],
        },
      }),
      ['failed crd promotionapprovals.pratique.dev'],
      1,
    ],
    [
      'the CRD is an older one',
      ({ crd, ofPromotions }) => ({ objects: { crds: [older(crd()), ...ofPromotions] } }),
      ['failed crd imagepolicies.pratique.dev'],
      1,
    ],
    [
      'the CRD is not accepted',
      ({ crd, ofPromotions }) => ({ objects: { crds: [crd({ status: {} }), ...ofPromotions] } }),
      ['failed crd imagepolicies.pratique.dev'],
      1,
    ],
    ['the webhook is not registered', () => ({ objects: { validating: [] } }), ['failed webhook'], 1],
    [
      'another webhook has our name',
      (fixture) => fixture.changed({ name: 'other.example.com' }),
      ['failed webhook'],
      1,
    ],
    [
      'a kind is left out of the rules',
      (fixture) => fixture.changed({ rules: RULES.slice(0, 2) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'creation is left out',
      (fixture) => fixture.changed({ rules: RULES.map((one) => ({ ...one, operations: ['UPDATE'] })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'the rules name another version',
      (fixture) => fixture.changed({ rules: RULES.map((one) => ({ ...one, apiVersions: ['v2'] })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'rules are for objects without namespace',
      (fixture) => fixture.changed({ rules: RULES.map((one) => ({ ...one, scope: 'Cluster' })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'only scaling is left out',
      (fixture) =>
        fixture.changed({
          rules: RULES.map((one) => ({
            ...one,
            resources: one.resources.filter((name) => !name.endsWith('/scale')),
          })),
        }),
      ['warning webhook rules'],
      0,
    ],
    [
      'failures are ignored',
      (fixture) => fixture.changed({ failurePolicy: 'Ignore' }),
      ['failed webhook failurePolicy'],
      1,
    ],
    [
      'the timeout is short',
      (fixture) => fixture.changed({ timeoutSeconds: 2 }),
      ['warning webhook timeout'],
      0,
    ],
    [
      'objects choose themselves',
      (fixture) => fixture.changed({ objectSelector: { matchLabels: { checked: 'yes' } } }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'objects choose themselves by expression',
      (fixture) =>
        fixture.changed({ objectSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'there are match conditions',
      (fixture) => fixture.changed({ matchConditions: [{ name: 'a', expression: 'false' }] }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'other versions are missed',
      (fixture) => fixture.changed({ matchPolicy: 'Exact' }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'there is no CA',
      (fixture) => fixture.changed({ clientConfig: { url: URL } }),
      ['failed webhook caBundle'],
      1,
    ],
    [
      'the CA is another one',
      (fixture) => fixture.changed({ clientConfig: { url: URL, caBundle: base64(fixture.otherCa) } }),
      ['failed webhook caBundle'],
      1,
    ],
    ['there is no Secret', () => ({ objects: { secrets: [] } }), ['warning webhook caBundle'], 0],
    [
      'the Secret may not be read',
      () => ({ spoil: (twin) => twin.fail({ resource: 'secrets' }, clusterFault('ClusterDenied')) }),
      ['unknown webhook caBundle', 'unknown webhook path'],
      2,
    ],
    ['the Service is missing', () => ({ objects: { services: [] } }), ['failed webhook target'], 1],
    [
      'the Service is an ExternalName, which has no endpoints',
      (fixture) => ({
        objects: {
          slices: [],
          services: [fixture.named('hook', { spec: { externalName: 'example.com' } }, 'pratique')],
        },
      }),
      [],
      0,
    ],
    ['the Service has no endpoints', () => ({ objects: { slices: [] } }), ['failed webhook target'], 1],
    [
      'a namespace is exempt',
      (fixture) => ({
        objects: {
          namespaces: [fixture.namespace('shop')],
          validating: [fixture.configured({ namespaceSelector: { matchLabels: { guarded: 'yes' } } })],
        },
      }),
      ['warning exempt namespaces'],
      0,
    ],
    [
      'the pinning webhook has no CA',
      (fixture) => ({
        objects: {
          mutating: [fixture.named('pratique', { webhooks: [{ name: 'pins.images.pratique.dev' }] })],
        },
      }),
      ['failed pinning webhook'],
      1,
    ],
    [
      'the pinning webhook is another one',
      (fixture) => ({ objects: { mutating: [fixture.named('pratique', { webhooks: [] })] } }),
      ['failed pinning webhook'],
      1,
    ],
    ['there is no leader', () => ({ objects: { leases: [] } }), ['failed leader'], 1],
    [
      'the Lease of the leader has expired',
      (fixture) => ({ objects: { leases: [fixture.lease(60_000)] } }),
      ['failed leader'],
      1,
    ],
    [
      'the leader never renewed',
      (fixture) => ({ objects: { leases: [fixture.lease(0, { renewTime: 'never' })] } }),
      ['failed leader'],
      1,
    ],
    ['there is no policy', () => ({ objects: { policies: [] } }), ['warning policies'], 0],
    [
      'a policy does not compile',
      (fixture) => ({ objects: { policies: [fixture.policy('False')] } }),
      ['failed policy production'],
      1,
    ],
    [
      'a policy was changed and not seen',
      (fixture) => ({ objects: { policies: [fixture.policy('True', 0)] } }),
      ['unknown policy production'],
      2,
    ],
    ['there is no ServiceAccount', () => ({ objects: { accounts: [] } }), ['warning permissions'], 0],
    [
      'the controller may not patch',
      () => ({ may: (review) => !JSON.stringify(review).includes('"patch"') }),
      ['failed permissions'],
      1,
    ],
    [
      'the user may not check permissions',
      () => ({ may: () => 'subjectaccessreviews is forbidden' }),
      ['unknown permissions'],
      2,
    ],
    [
      'a canary slips through',
      () => ({
        selfTest: {
          state: 'not enforced',
          canaries: [...PROVEN.canaries, { id: 'Job volumes', outcome: 'not enforced', detail: 'admitted' }],
        },
      }),
      ['failed self-test', 'failed self-test Job volumes'],
      1,
    ],
    [
      'a canary may not be sent',
      () => ({
        selfTest: {
          state: 'cannot tell',
          canaries: [
            { id: 'Pod containers', outcome: 'cannot tell', detail: 'forbidden' },
            { id: 'Pod ephemeralContainers', outcome: 'not applicable', detail: 'none' },
          ],
        },
      }),
      ['unknown self-test', 'unknown self-test Pod containers'],
      2,
    ],
  ];
  for (const [sentence, given, expected, code] of rows) {
    it(`reports when ${sentence}`, async () => {
      const found = await fixture.read(given(fixture));
      expect(found.bad).to.deep.equal(expected);
      expect(found.code).to.equal(code);
    });
  }
});
