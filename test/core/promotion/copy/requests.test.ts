import { expect } from 'chai';
import { anonymous, createRegistry, type Registry } from '../../../../src/clients/registry/index.ts';
import { parseDigest, pin, type ImageRef } from '../../../../src/core/model/index.ts';
import { copyGraph, type CopyRequest, verifyTarget } from '../../../../src/core/promotion/copy/copy.ts';
import { gatherGraph } from '../../../../src/core/promotion/graph/gather.ts';
import { pushShape, SHAPES, type Shape } from '../../../support/copy-shapes.ts';
import { startRegistry, type EmbeddedRegistry } from '../../../support/registry/index.ts';
import { ALL } from '../graph/fixture.ts';
import { soon } from '../images.ts';

/** Small layers, because these tests count requests. */
const LAYER_BYTES = 1_000;

let from: EmbeddedRegistry;
let into: EmbeddedRegistry;
let registry: Registry;

/** Pushes a shape and copies it into an empty registry; returns the requests to both registries. */
async function copyShape(shape: Shape, to: ImageRef = { registry: into.host, repository: 'gold/web' }) {
  const { digest } = await pushShape({ registry: from.host, repository: 'shop/web', tag: '1' }, shape, {
    bytes: LAYER_BYTES,
  });
  const image = pin({ registry: from.host, repository: 'shop/web' }, parseDigest(digest)!);
  const before = from.requests.length;
  const gathered = await gatherGraph(
    { image, source: registry, kind: 'promote', attachments: ALL, platforms: { keep: [], missing: 'Fail' } },
    soon(),
  );
  if (gathered.state === 'refused') throw new Error(gathered.reason.code);
  const request: CopyRequest = {
    graph: gathered.graph,
    source: registry,
    target: registry,
    to,
    targetIsNew: true,
  };
  await copyGraph(request, soon());
  return { request, source: from.requests.slice(before).map(({ method }) => method) };
}

function counted(methods: readonly string[]): Record<string, number> {
  return methods.reduce<Record<string, number>>((sum, one) => ({ ...sum, [one]: (sum[one] ?? 0) + 1 }), {});
}
const ofTarget = () => into.requests.map(({ method }) => method);

describe('the requests of a copy', () => {
  beforeEach(async () => {
    [from, into] = await Promise.all([startRegistry(), startRegistry()]);
    registry = createRegistry({ keychain: anonymous, now: () => new Date() });
  });
  afterEach(async () => {
    await registry.close();
    await Promise.all([from.close(), into.close()]);
  });

  for (const shape of ['image', 'index', 'attached'] as const) {
    const { manifests, blobs, listings } = SHAPES[shape];

    it(`are the minimum for ${shape}, to a new repository`, async () => {
      const { source } = await copyShape(shape);
      expect(counted(source)).to.deep.equal({ GET: manifests + blobs + listings + 1 });
      const tags = shape === 'attached' ? { HEAD: 2 } : {}; // the tags of cosign may hold content that must stay
      expect(counted(ofTarget())).to.deep.equal({ POST: blobs, PUT: blobs + manifests, ...tags });
    });

    it(`are a HEAD, and the requests for its attachments, for ${shape} that exists already`, async () => {
      const { request } = await copyShape(shape);
      const read = from.requests.length;
      const before = into.requests.length;
      await copyGraph({ ...request, targetIsNew: false }, soon());
      const attached = shape === 'attached';
      expect(counted(ofTarget().slice(before))).to.deep.equal(attached ? { HEAD: 3, GET: 1 } : { HEAD: 1 });
      expect(from.requests.length).to.equal(read);
    });

    it(`are a mount and its proof per blob for ${shape} within one registry`, async () => {
      const { source } = await copyShape(shape, { registry: from.host, repository: 'gold/web' });
      const tags = shape === 'attached' ? 2 : 0;
      expect(counted(source)).to.deep.equal({
        GET: manifests + listings + 1,
        POST: blobs,
        PUT: manifests,
        HEAD: blobs + tags,
      });
    });
  }

  it('are a HEAD and three for a new child, and none for the other children', async () => {
    const { request } = await copyShape('index');
    const [child] = request.graph.root.manifest.manifests;
    for (const gone of [child!.digest, request.graph.root.manifest.digest]) {
      await registry.deleteManifest(pin(request.to, gone), soon());
    }
    const before = into.requests.length;
    await copyGraph({ ...request, targetIsNew: false }, soon());
    expect(counted(ofTarget().slice(before))).to.deep.equal({ HEAD: 1 + 4 + 4, PUT: 2 });
  });

  it('are few for a second count: the image, a listing, a HEAD per tag', async () => {
    const { request } = await copyShape('attached');
    const before = into.requests.length;
    expect(await verifyTarget(request, soon())).to.deep.equal({
      state: 'complete',
      counts: { found: 4, carried: 4, leftByRule: 0 },
    });
    expect(counted(ofTarget().slice(before))).to.deep.equal({ HEAD: 3, GET: 1 });
  });

  it('copy everything also to a registry without the referrers API', async () => {
    await into.close();
    into = await startRegistry({ referrersApi: false });
    const { request } = await copyShape('attached');
    expect(await verifyTarget(request, soon())).to.include({ state: 'complete' });
    await copyGraph({ ...request, targetIsNew: false }, soon());
    expect(await verifyTarget(request, soon())).to.include({ state: 'complete' });
  });
});
