import { clusterFault } from '../../support/twins/cluster.ts';
import type { JsonObject } from '../../../src/doors/cli/index.ts';
import { base64, openDoctorBench, PROVEN, RULES, type Case, type DoctorBench } from './doctor-bench.ts';
import { expect } from 'chai';

describe('pratique doctor, check by check', () => {
  let bench: DoctorBench;
  before(async () => {
    bench = await openDoctorBench();
  });

  const older = (crd: JsonObject) => {
    const object = structuredClone(crd) as {
      spec: { versions: { schema: { openAPIV3Schema: { description: string } } }[] };
    };
    object.spec.versions[0]!.schema.openAPIV3Schema.description = 'older';
    return object as unknown as JsonObject;
  };
  const rows: readonly [string, (bench: DoctorBench) => Case, readonly string[], number][] = [
    [
      'the API server cannot be reached',
      () => ({ version: () => Promise.reject(clusterFault()) }),
      ['unknown api server'],
      2,
    ],
    [
      'the CRD is not there',
      ({ ofPromotions }) => ({ objects: { crds: ofPromotions } }),
      ['failed crd imagepolicies.pratique.dev'],
      1,
    ],
    [
      'a CRD of promotions is not there',
      ({ crd, ofPromotions }) => ({ objects: { crds: [crd(), ...ofPromotions.slice(1)] } }),
      ['warning crd imagepromotions.pratique.dev'],
      0,
    ],
    [
      'a CRD of promotions is an older one',
      (bench) => ({
        objects: { crds: [bench.crd(), ...bench.ofPromotions.slice(0, 2), older(bench.ofPromotions[2]!)] },
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
      'another webhook stands under our name',
      (bench) => bench.changed({ name: 'other.example.com' }),
      ['failed webhook'],
      1,
    ],
    [
      'a kind is left out of the rules',
      (bench) => bench.changed({ rules: RULES.slice(0, 2) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'creation is left out',
      (bench) => bench.changed({ rules: RULES.map((one) => ({ ...one, operations: ['UPDATE'] })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'another version is asked for',
      (bench) => bench.changed({ rules: RULES.map((one) => ({ ...one, apiVersions: ['v2'] })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'rules are for objects without namespace',
      (bench) => bench.changed({ rules: RULES.map((one) => ({ ...one, scope: 'Cluster' })) }),
      ['failed webhook rules'],
      1,
    ],
    [
      'only scaling is left out',
      (bench) =>
        bench.changed({
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
      (bench) => bench.changed({ failurePolicy: 'Ignore' }),
      ['failed webhook failurePolicy'],
      1,
    ],
    ['the timeout is short', (bench) => bench.changed({ timeoutSeconds: 2 }), ['warning webhook timeout'], 0],
    [
      'objects choose themselves',
      (bench) => bench.changed({ objectSelector: { matchLabels: { checked: 'yes' } } }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'objects choose themselves by expression',
      (bench) => bench.changed({ objectSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'there are match conditions',
      (bench) => bench.changed({ matchConditions: [{ name: 'a', expression: 'false' }] }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'other versions are missed',
      (bench) => bench.changed({ matchPolicy: 'Exact' }),
      ['warning webhook selectors'],
      0,
    ],
    [
      'there is no CA',
      (bench) => bench.changed({ clientConfig: { url: 'https://localhost' } }),
      ['failed webhook caBundle'],
      1,
    ],
    [
      'the CA is another one',
      (bench) =>
        bench.changed({ clientConfig: { url: 'https://localhost', caBundle: base64(bench.otherCa) } }),
      ['failed webhook caBundle'],
      1,
    ],
    ['there is no Secret', () => ({ objects: { secrets: [] } }), ['warning webhook caBundle'], 0],
    [
      'the Secret may not be read',
      () => ({ spoil: (twin) => twin.fail({ resource: 'secrets' }, clusterFault('ClusterDenied')) }),
      ['unknown webhook caBundle'],
      2,
    ],
    ['the Service has gone', () => ({ objects: { services: [] } }), ['failed webhook target'], 1],
    [
      'the Service leads out of the cluster, where there are no endpoints to look at',
      (bench) => ({
        objects: {
          slices: [],
          services: [bench.named('hook', { spec: { externalName: 'example.com' } }, 'pratique')],
        },
      }),
      [],
      0,
    ],
    ['nobody stands behind the Service', () => ({ objects: { slices: [] } }), ['failed webhook target'], 1],
    [
      'a namespace is exempt',
      (bench) => ({
        objects: {
          namespaces: [bench.namespace('shop')],
          validating: [bench.configured({ namespaceSelector: { matchLabels: { guarded: 'yes' } } })],
        },
      }),
      ['warning exempt namespaces'],
      0,
    ],
    [
      'the pinning webhook has no CA',
      (bench) => ({
        objects: {
          mutating: [bench.named('pratique', { webhooks: [{ name: 'pins.images.pratique.dev' }] })],
        },
      }),
      ['failed pinning webhook'],
      1,
    ],
    [
      'the pinning webhook is another one',
      (bench) => ({ objects: { mutating: [bench.named('pratique', { webhooks: [] })] } }),
      ['failed pinning webhook'],
      1,
    ],
    ['nobody leads', () => ({ objects: { leases: [] } }), ['failed leader'], 1],
    [
      'the leader has gone',
      (bench) => ({ objects: { leases: [bench.lease(60_000)] } }),
      ['failed leader'],
      1,
    ],
    [
      'the leader never renewed',
      (bench) => ({ objects: { leases: [bench.lease(0, { renewTime: 'never' })] } }),
      ['failed leader'],
      1,
    ],
    ['there is no policy', () => ({ objects: { policies: [] } }), ['warning policies'], 0],
    [
      'a policy does not compile',
      (bench) => ({ objects: { policies: [bench.policy('False')] } }),
      ['failed policy production'],
      1,
    ],
    [
      'a policy was changed and not seen',
      (bench) => ({ objects: { policies: [bench.policy('True', 0)] } }),
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
      'who asks may not ask that',
      () => ({ may: () => 'subjectaccessreviews is forbidden' }),
      ['unknown permissions'],
      2,
    ],
    [
      'a canary slips through',
      () => ({
        selfTest: {
          state: 'not enforced',
          canaries: [...PROVEN.canaries, { id: 'Job volumes', outcome: 'not enforced', detail: 'let in' }],
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
    it(`tells when ${sentence}`, async () => {
      const found = await bench.read(given(bench));
      expect(found.bad).to.deep.equal(expected);
      expect(found.code).to.equal(code);
    });
  }
});
