import fc from 'fast-check';
import { expect } from 'chai';
import type { ManifestContent } from '../../../../src/core/model/index.ts';
import { copyGraph, verifyTarget } from '../../../../src/core/promotion/copy/copy.ts';
import { countAttachments } from '../../../../src/core/promotion/graph/graph.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { gather } from '../graph/fixture.ts';
import { describedBy, fill, pinned, repositoryOf, soon, TARGET } from '../images.ts';

const TYPES = [
  'application/spdx+json',
  'application/vnd.pratique.quarantine.v1+json',
  'application/vnd.microsoft.artifact.lifecycle',
];

/** One object added to a graph: its subject among the earlier objects, and its kind. */
const addition = fc.record({
  kind: fc.constantFrom('image', 'index', 'referrer', 'sig', 'att', 'sbom'),
  at: fc.nat(20),
  type: fc.constantFrom(...TYPES),
});
const world = fc.record({
  additions: fc.array(addition, { minLength: 1, maxLength: 12 }),
  sourceApi: fc.boolean(),
  targetApi: fc.boolean(),
  poor: fc.boolean(),
  tagsAreDigests: fc.boolean(),
  sameRegistry: fc.boolean(),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

/** Builds the graph; its root is the last image or index made. */
function build(twin: RegistriesTwin, { additions }: World): ManifestContent {
  const put = fill(twin);
  let root = put.image('first');
  const made = [root];
  for (const [n, { kind, at, type }] of additions.entries()) {
    const one = made[at % made.length]!;
    if (kind === 'image') made.push((root = put.image(String(n), { layers: ['base', String(n)] })));
    else if (kind === 'index') made.push((root = put.index([describedBy(one), describedBy(root)])));
    else if (kind === 'referrer') made.push(put.referrer(one, type, { text: String(n) }));
    else put.cosign(one.manifest.digest, kind, [String(n)]);
  }
  return root;
}

describe('for any graph', () => {
  it('P03 the target lists exactly what was copied, and a second copy changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        const twin = createRegistriesTwin();
        const { sourceApi, targetApi, poor, tagsAreDigests } = given;
        const name = given.sameRegistry ? 'registry.example.com/golden/web' : TARGET;
        twin.manners('registry.example.com', { referrersApi: sourceApi, listsPoorly: poor, tagsAreDigests });
        if (!given.sameRegistry) twin.manners('golden.example.org', { referrersApi: targetApi });
        const root = build(twin, given);
        const graph = await gather(twin, root);
        const request = { graph, source: twin, target: twin, to: repositoryOf(name), targetIsNew: true };
        await copyGraph(request, soon());

        const arrived = await verifyTarget({ ...request, thorough: true }, soon());
        expect(arrived).to.deep.equal({ state: 'complete', counts: countAttachments(graph) });
        for (const { manifest } of graph.manifests) {
          const listed = await twin.referrers(pinned(name, manifest.digest), soon());
          const carried = graph.attachments.filter(
            ({ of, tag, left }) => of === manifest.digest && !tag && !left,
          );
          const parts = new Set(manifest.manifests.map(({ digest }) => digest));
          const theirs = listed.map(({ digest }) => digest).filter((digest) => !parts.has(digest));
          expect(theirs).to.include.members(carried.map(({ digest }) => digest));
          expect(graph.manifests.map((one) => one.manifest.digest)).to.include.members(theirs);
        }

        const before = twin.contents(name);
        await copyGraph({ ...request, targetIsNew: false }, soon());
        expect(twin.contents(name)).to.deep.equal(before);
        // And a graph gathered at the target holds the same again.
        const { counts } = await verifyTarget(request, soon());
        expect(counts).to.deep.equal(countAttachments(graph));
      }),
      { numRuns: 200 },
    );
  });
});
