import { expect } from 'chai';
import { review } from '../../src/webhook/index.ts';
import { workloadTable } from '../../src/core/workload/index.ts';
import { WRAPPINGS } from '../core/workload/objects.ts';
import { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { testPorts, type Otherwise } from './ports.ts';

const OLD = 'registry.example.com/shop/web:1.4';
const NEW = 'registry.example.com/shop/web:1.5';
const BAD = 'registry.example.com/bad:1';

/** What a request has to be judged for: the fields, or why it is refused unread. */
async function judgedIn(
  request: Readonly<Record<string, unknown>>,
  otherwise: Otherwise = {},
): Promise<readonly string[] | string> {
  const ports = testPorts(otherwise);
  const asked = podReview([], request);
  const body = Buffer.from(JSON.stringify(asked));
  const { answer } = await review({ body, budgetMs: 5_000 }, ports);
  const response = responseIn(answer, asked.request.uid);
  expect(ports.reported).to.deep.equal([]);
  expect(ports.decisions, 'every decision is reported').to.have.length(1);
  return response.status?.reason === 'InvalidRequest' ? response.status.message : ports.judged;
}

const pod = (spec: object, metadata: object = { name: 'web' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec,
});
const web = (image: string, name = 'web') => ({ name, image });
const deployment = (image: string, more: object = {}, metadata: object = { name: 'web' }) => ({
  metadata,
  spec: { replicas: 2, ...more, template: { spec: { containers: [web(image), web(OLD, 'sidecar')] } } },
});
const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment' };
const WHOLE = ['spec.template.spec.containers[0].image', 'spec.template.spec.containers[1].image'];

describe('which requests are judged', () => {
  for (const { kind, path, around } of WRAPPINGS) {
    const object = around({ containers: [web(OLD)] });
    const field = `${path}.containers[0].image`;
    it(`a ${kind.kind} on CREATE, on UPDATE without a readable old object, and never on DELETE or CONNECT`, async () => {
      expect(await judgedIn({ kind, operation: 'CREATE', object })).to.deep.equal([field]);
      for (const oldObject of [null, 'gone', { spec: 7 }, {}]) {
        const judged = await judgedIn({ kind, operation: 'UPDATE', object, oldObject });
        // A PodTemplate may lack its template, so {} is an old object that can be read; the image is new to it.
        expect(judged).to.deep.equal([field]);
      }
      expect(await judgedIn({ kind, operation: 'DELETE', object: null, oldObject: object })).to.deep.equal(
        [],
      );
      expect(await judgedIn({ kind, operation: 'CONNECT', object })).to.deep.equal([]);
      expect(await judgedIn({ kind, operation: 'UPDATE', object, oldObject: object })).to.deep.equal([]);
    });
    it(`a ${kind.kind} on CREATE and UPDATE is refused when it is null or broken`, async () => {
      for (const operation of ['CREATE', 'UPDATE']) {
        expect(await judgedIn({ kind, operation, object: null })).to.include('request.object is missing');
        expect(await judgedIn({ kind, operation, object: around({ containers: [7] }) })).to.include(
          `${path}.containers[0]`,
        );
      }
    });
  }

  it('no other kind, also not one of the same name in another group', async () => {
    for (const kind of [
      { group: '', version: 'v1', kind: 'ConfigMap' },
      { group: 'acme.example', version: 'v1', kind: 'Pod' },
      { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    ]) {
      expect(await judgedIn({ kind, object: pod({ containers: [web(BAD)] }) })).to.deep.equal([]);
    }
  });

  it('B18 subresources without a pod cause no crash and are not judged', async () => {
    const rows = [
      {
        subResource: 'scale',
        operation: 'UPDATE',
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        resource: { group: 'infra.acme.example', version: 'v1', resource: 'machines' },
        object: { spec: { replicas: 3 } },
      },
      {
        subResource: 'eviction',
        operation: 'CREATE',
        kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
        object: {},
      },
      {
        subResource: 'binding',
        operation: 'CREATE',
        kind: { group: '', version: 'v1', kind: 'Binding' },
        object: { target: {} },
      },
      {
        subResource: 'token',
        operation: 'CREATE',
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
        object: null,
      },
    ];
    for (const row of rows) expect(await judgedIn(row), row.subResource).to.deep.equal([]);
  });

  it('B02 custom kinds of the settings are judged, and a custom kind named Pod as a whole', async () => {
    const read = workloadTable([{ apiGroup: 'acme.example', kind: 'Pod', podSpec: 'spec' }]);
    const otherwise = read.ok ? { workloads: read.value } : {};
    const kind = { group: 'acme.example', version: 'v1', kind: 'Pod' };
    const object = pod({ containers: [web(BAD), web(OLD, 'side')] });
    const both = ['spec.containers[0].image', 'spec.containers[1].image'];
    expect(await judgedIn({ kind, object }, otherwise)).to.deep.equal(both);
    const oldObject = pod({ containers: [web(OLD), web(OLD, 'side')] });
    const update = { kind, operation: 'UPDATE', object, oldObject };
    expect(await judgedIn(update, otherwise)).to.deep.equal(both);
    expect(await judgedIn(update)).to.deep.equal([]);
  });

  it('subresources of a pod that cannot add an image are allowed', async () => {
    for (const subResource of ['status', 'resize', 'exec', 'attach', 'log']) {
      const object = pod({ containers: [web(BAD)] });
      expect(await judgedIn({ subResource, operation: 'UPDATE', object, oldObject: object })).to.deep.equal(
        [],
      );
    }
  });
});

describe('an UPDATE of a pod', () => {
  const update = (object: unknown, oldObject: unknown, more: object = {}) =>
    judgedIn({ operation: 'UPDATE', object, oldObject, ...more });

  it('judges the changed image only', async () => {
    const judged = await update(
      pod({ containers: [web(OLD), web(NEW, 'side')] }),
      pod({ containers: [web(OLD), web(OLD, 'side')] }),
    );
    expect(judged).to.deep.equal(['spec.containers[1].image']);
  });

  it('B01 judges a debug container in the subresource, with and without other changes', async () => {
    const oldObject = pod({ containers: [web(OLD)] });
    const ephemeralContainers = [{ ...web(BAD, 'debugger'), targetContainerName: 'web' }];
    const subResource = 'ephemeralcontainers';
    expect(
      await update(pod({ containers: [web(OLD)], ephemeralContainers }), oldObject, { subResource }),
    ).to.deep.equal(['spec.ephemeralContainers[0].image']);
    expect(
      await update(pod({ containers: [web(NEW)], ephemeralContainers }), oldObject, { subResource }),
    ).to.deep.equal(['spec.containers[0].image', 'spec.ephemeralContainers[0].image']);
  });

  it('B05 judges a changed image of a pod that is being deleted, and a new pod with a deletionTimestamp', async () => {
    const deleted = {
      name: 'web',
      deletionTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['acme.example/hold'],
    };
    const oldObject = pod({ containers: [web(OLD)] }, deleted);
    expect(await update(pod({ containers: [web(BAD)] }, deleted), oldObject)).to.deep.equal([
      'spec.containers[0].image',
    ]);
    expect(await judgedIn({ object: pod({ containers: [web(BAD)] }, deleted) })).to.deep.equal([
      'spec.containers[0].image',
    ]);
    const without = pod({ containers: [web(OLD)] }, { ...deleted, finalizers: [] });
    expect(await update(without, oldObject), 'removing a finalizer passes').to.deep.equal([]);
  });

  it('allows a change of labels', async () => {
    const spec = { containers: [web(BAD)] };
    expect(await update(pod(spec, { labels: { a: '2' } }), pod(spec, { labels: { a: '1' } }))).to.deep.equal(
      [],
    );
  });

  it('B06 judges a pod whatever owner it claims', async () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'borrowed', controller: true },
    ];
    const object = pod({ containers: [web(BAD)] }, { name: 'web', ownerReferences });
    expect(await judgedIn({ object })).to.deep.equal(['spec.containers[0].image']);
  });

  it('B07 judges a pod of a real owner too, whatever the verdict on the owner was', async () => {
    const ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'real', controller: true },
    ];
    for (const image of [BAD, OLD, OLD]) {
      const object = pod({ containers: [web(image)] }, { generateName: 'web-1-', ownerReferences });
      expect(await judgedIn({ object, name: '' })).to.deep.equal(['spec.containers[0].image']);
    }
  });

  it('B08 judges whatever claims the new or old object makes', async () => {
    const claims = {
      name: 'web',
      annotations: { 'pratique.dev/verified': 'true', 'pratique.dev/verdict': 'allow' },
      labels: { 'pratique.dev/skip': 'true' },
    };
    expect(await judgedIn({ object: pod({ containers: [web(BAD)] }, claims) })).to.have.length(1);
    const updated = await update(
      pod({ containers: [web(BAD)] }, claims),
      pod({ containers: [web(OLD)] }, claims),
    );
    expect(updated).to.have.length(1);
  });
});

describe('an UPDATE of a template', () => {
  const update = (object: unknown, oldObject: unknown) =>
    judgedIn({ kind: DEPLOYMENT, operation: 'UPDATE', object, oldObject });

  it('is judged as a whole when one image changes', async () => {
    expect(await update(deployment(NEW), deployment(OLD))).to.deep.equal(WHOLE);
  });

  it('is judged as a whole when its replicas rise, also from the default and to it', async () => {
    expect(await update(deployment(OLD, { replicas: 3 }), deployment(OLD))).to.deep.equal(WHOLE);
    expect(
      await update(deployment(OLD, { replicas: 2 }), deployment(OLD, { replicas: undefined })),
    ).to.deep.equal(WHOLE);
    expect(
      await update(deployment(OLD, { replicas: undefined }), deployment(OLD, { replicas: 0 })),
    ).to.deep.equal(WHOLE);
  });

  it('B04 is judged when it lowers replicas and changes an image in one request', async () => {
    expect(await update(deployment(NEW, { replicas: 0 }), deployment(OLD))).to.deep.equal(WHOLE);
  });

  it('is allowed when it scales down, changes labels or loses a finalizer', async () => {
    expect(await update(deployment(BAD, { replicas: 1 }), deployment(BAD))).to.deep.equal([]);
    expect(await update(deployment(BAD, {}, { labels: { a: '2' } }), deployment(BAD))).to.deep.equal([]);
    expect(
      await update(deployment(BAD, {}, {}), deployment(BAD, {}, { finalizers: ['acme.example/hold'] })),
    ).to.deep.equal([]);
  });

  it('B05 is judged when its image changes while it is being deleted', async () => {
    const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['acme.example/hold'] };
    expect(await update(deployment(NEW, {}, deleted), deployment(OLD, {}, deleted))).to.deep.equal(WHOLE);
  });
});
