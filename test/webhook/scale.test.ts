import { expect } from 'chai';
import type { Fact } from '../../src/core/model/index.ts';
import { workloadTable } from '../../src/core/workload/index.ts';
import { review, type AdmissionPorts } from '../../src/webhook/index.ts';
import { ABSENT, found, policyOf } from '../support/policies.ts';
import { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { judgedImage, refused, testPorts, type Otherwise } from './ports.ts';

const GOOD = 'registry.example.com/shop/web:1.4';
const BAD = 'registry.example.com/bad:1';
const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
const scale = (replicas?: unknown) => ({ metadata: { name: 'web' }, spec: { replicas } });

const custom = workloadTable([
  { apiGroup: 'acme.example', kind: 'CloneSet', podSpec: 'spec.template.spec', replicas: 'spec.replicas' },
  { apiGroup: 'ci.acme.example', kind: 'Runner', podSpec: 'spec.pod' },
]);
const workloads = custom.ok ? custom.value : undefined;

/** A request to scale `PLURAL/GROUP/VERSION`, as the API server sends it. */
function scaling(resource: string, more: object = {}) {
  const [plural = '', group = '', version = ''] = resource.split('/');
  return podReview([], {
    kind: SCALE,
    resource: { group, version, resource: plural },
    subResource: 'scale',
    operation: 'UPDATE',
    object: scale(3),
    oldObject: scale(1),
    ...more,
  });
}

const parentOf = (kind: string, ...images: readonly string[]) => ({
  apiVersion: 'any/v1',
  kind,
  spec: {
    replicas: 1,
    template: {
      spec: {
        containers: images.map((image, index) => ({ name: `c${String(index)}`, image })),
        imagePullSecrets: [{ name: 'pull' }],
      },
    },
  },
});

async function answered(asked: ReturnType<typeof podReview>, otherwise: Otherwise = {}, budgetMs = 5_000) {
  const ports = testPorts({ ...(workloads && { workloads }), ...otherwise });
  const { answer } = await review({ body: Buffer.from(JSON.stringify(asked)), budgetMs }, ports);
  return { response: responseIn(answer, asked.request.uid), ports };
}

/** Returns this for every parent, and records the requests. */
function parent(fact: Fact<unknown>) {
  const asked: unknown[] = [];
  const read: AdmissionPorts['parent'] = async (address) => {
    asked.push(address);
    return fact;
  };
  return { asked, read };
}

describe('B03 scaling up by the subresource', () => {
  const kinds: readonly [string, string, object][] = [
    ['deployments/apps/v1', 'Deployment', { group: 'apps', version: 'v1', plural: 'deployments' }],
    ['replicasets/apps/v1', 'ReplicaSet', { group: 'apps', version: 'v1', plural: 'replicasets' }],
    ['statefulsets/apps/v1', 'StatefulSet', { group: 'apps', version: 'v1', plural: 'statefulsets' }],
    [
      'replicationcontrollers//v1',
      'ReplicationController',
      { group: '', version: 'v1', plural: 'replicationcontrollers' },
    ],
    ['clonesets/acme.example/v2', 'CloneSet', { group: 'acme.example', version: 'v2', plural: 'clonesets' }],
  ];
  for (const [resource, kind, address] of kinds) {
    it(`judges every image of the scaled ${kind}`, async () => {
      const { asked, read } = parent(found(parentOf(kind, GOOD, BAD)));
      const { response, ports } = await answered(scaling(resource), { parent: read });
      expect(asked).to.deep.equal([{ resource: address, namespace: 'shop', name: 'web' }]);
      const path = 'spec.template.spec.containers';
      expect(ports.judged).to.deep.equal([`${path}[0].image`, `${path}[1].image`]);
      expect(response.allowed).to.equal(false);
      expect(response.status?.message).to.include('Unsigned');
      expect(ports.decisions[0]).to.deep.include({ kind: 'Scale', verdict: 'deny', reasons: ['Unsigned'] });
    });
  }

  it('admits more pods of good images, with the logins of the scaled object', async () => {
    const logins: unknown[] = [];
    const { response } = await answered(scaling('deployments/apps/v1'), {
      parent: parent(found(parentOf('Deployment', GOOD))).read,
      judge: async ({ images, credentials }) => {
        logins.push(credentials);
        return images.map((image) => judgedImage(image, []));
      },
    });
    expect(response.allowed).to.equal(true);
    expect(logins).to.deep.equal([{ namespace: 'shop', pullSecrets: ['pull'], serviceAccount: 'default' }]);
  });

  it('reads the labels of the namespace when policies select by them', async () => {
    const { response } = await answered(scaling('deployments/apps/v1'), {
      parent: parent(found(parentOf('Deployment', GOOD))).read,
      policies: () => [policyOf({ match: { images: ['**'], namespaceSelector: {} }, require: {} })],
      namespaceLabels: async () => found({ env: 'production' }),
      judge: async ({ images, labels }) =>
        images.map((image) => judgedImage(image, labels.state === 'found' ? [refused()] : [])),
    });
    expect(response.allowed).to.equal(false);
  });

  const rising: readonly [string, object][] = [
    ['from none', { object: scale(1), oldObject: scale(0) }],
    ['from a count that is left out, which is none', { object: scale(1), oldObject: scale() }],
    ['without an old object', { oldObject: null }],
    ['from an old object that cannot be read', { oldObject: 'gone' }],
    ['from a count that cannot be read', { oldObject: scale('many') }],
    ['by a request that calls itself a creation', { operation: 'CREATE', oldObject: null }],
  ];
  for (const [what, more] of rising) {
    it(`is judged ${what}`, async () => {
      const { read } = parent(found(parentOf('Deployment', BAD)));
      const { response } = await answered(scaling('deployments/apps/v1', more), { parent: read });
      expect(response.allowed).to.equal(false);
    });
  }

  const unread: readonly [string, string, object][] = [
    ['scaling down', 'deployments/apps/v1', { object: scale(1), oldObject: scale(3) }],
    ['scaling to none', 'deployments/apps/v1', { object: scale(0), oldObject: scale(3) }],
    ['scaling to a count left out, which is none', 'deployments/apps/v1', { object: scale() }],
    ['scaling to none from nothing readable', 'deployments/apps/v1', { object: scale(0), oldObject: null }],
    ['staying as it is', 'statefulsets/apps/v1', { object: scale(1) }],
    ['what scales in a group without workloads', 'machines/infra.acme.example/v1', {}],
    ['what scales of a custom group that counts no pods', 'runners/ci.acme.example/v1', {}],
    ['a removal', 'deployments/apps/v1', { operation: 'DELETE' }],
  ];
  for (const [what, resource, more] of unread) {
    it(`allows ${what}, and reads nothing`, async () => {
      const { asked, read } = parent(found(parentOf('Deployment', BAD)));
      const { response, ports } = await answered(scaling(resource, more), { parent: read });
      expect(response.allowed).to.equal(true);
      expect(asked).to.deep.equal([]);
      expect(ports.judged).to.deep.equal([]);
    });
  }

  it('allows a kind without a pod spec, in a group with other kinds', async () => {
    const { read } = parent(found({ ...parentOf('Gauge', BAD) }));
    const { response } = await answered(scaling('gauges/acme.example/v1'), { parent: read });
    expect(response.allowed).to.equal(true);
  });

  it('uses the group from the request, whatever the object contains', async () => {
    const { read } = parent(found({ ...parentOf('Deployment', BAD), apiVersion: 'acme.example/v1' }));
    const { response } = await answered(scaling('deployments/apps/v1'), { parent: read });
    expect(response.allowed).to.equal(false);
  });

  const unreadable = (transient: boolean): Fact<unknown> => ({
    state: 'unknown',
    reason: { code: transient ? 'ClusterUnavailable' : 'ClusterDenied', detail: 'no answer' },
    transient,
  });
  const unknown: readonly [string, AdmissionPorts['parent'], number, boolean, string][] = [
    ['cannot be read now', parent(unreadable(true)).read, 503, true, 'ClusterUnavailable'],
    ['may not be read', parent(unreadable(false)).read, 403, false, 'ClusterDenied'],
    ['does not exist any more', parent(ABSENT).read, 503, true, 'not found'],
    ['cannot be read without a cluster client', undefined, 403, false, 'without access to the cluster'],
  ];
  for (const [what, read, code, temporary, says] of unknown) {
    it(`B13 is refused when the object ${what}`, async () => {
      const { response, ports } = await answered(
        scaling('deployments/apps/v1'),
        read ? { parent: read } : {},
      );
      expect(response.status).to.include({ code, reason: 'ParentUnknown' });
      expect(response.status?.message)
        .to.include('deployments.apps "web" in namespace shop')
        .and.include(says);
      expect(response.status?.message.includes('(temporary, try again)')).to.equal(temporary);
      expect(ports.decisions[0]).to.deep.include({
        allowed: false,
        verdict: 'unknown',
        reasons: ['ParentUnknown'],
      });
      expect(ports.reported).to.deep.equal([]);
    });
  }

  it('B13 is refused when reading throws an unexpected error, or does not end', async () => {
    const throwing = await answered(scaling('deployments/apps/v1'), {
      parent: () => Promise.reject(new Error('bug')),
    });
    expect(throwing.response.status).to.include({ code: 500, reason: 'InternalError' });
    expect(throwing.ports.reported).to.have.length(1);
    const endless = await answered(
      scaling('deployments/apps/v1'),
      { parent: () => new Promise(() => undefined) },
      30,
    );
    expect(endless.response.status?.reason).to.equal('DeadlineExceeded');
  });

  const broken: readonly [string, object, Fact<unknown>][] = [
    ['no object', { object: null }, found({})],
    ['a count that is a text', { object: scale('3') }, found({})],
    ['a count below zero', { object: scale(-1) }, found({})],
    ['no resource', { resource: null }, found({})],
    ['a parent without kind', {}, found({ spec: {} })],
    ['a parent that is a text', {}, found('web')],
    ['a parent whose template cannot be read', {}, found({ kind: 'Deployment', spec: { template: 7 } })],
  ];
  for (const [what, more, fact] of broken) {
    it(`B18 is refused with ${what}`, async () => {
      const { response, ports } = await answered(scaling('deployments/apps/v1', more), {
        parent: parent(fact).read,
      });
      expect(response.status).to.include({ code: 400, reason: 'InvalidRequest' });
      expect(ports.reported).to.deep.equal([]);
    });
  }
});
