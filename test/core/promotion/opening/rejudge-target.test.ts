import { expect } from 'chai';
import {
  digestOf,
  Fault,
  type Evidence,
  type Fact,
  type Signature,
} from '../../../../src/core/model/index.ts';
import type { ImageAtTarget } from '../../../../src/core/promotion/index.ts';
import { judgeTarget, type TargetLook } from '../../../../src/core/promotion/opening/rejudge-target.ts';

const digestFor = (tag: string) => digestOf(tag);
const place = (repository: string) => ({ registry: 'registry.example.com', repository });
const NOW = new Date('2026-03-02T12:00:00Z');
const down = () =>
  new Fault({
    code: 'RegistryUnavailable',
    operation: 'ask',
    side: 'target',
    transient: true,
    detail: 'down',
  });

interface Target {
  readonly tags?: readonly string[];
  readonly digestOf?: (tag: string) => Promise<ImageAtTarget['digest'] | undefined>;
  readonly manifest?: Fact<never>;
  readonly signs?: boolean;
}

/** Input for a target in which every image has these facts; records the requests. */
function lookAt({ tags = [], signs = true, ...target }: Target) {
  const asked: string[] = [];
  let paced = 0;
  const signatures: Fact<readonly Signature[]> = { state: 'absent', seenAt: NOW };
  const look: TargetLook = {
    rule: {
      scan: { failOn: 'High', fixableOnly: false, unknownSeverity: 'Block', unsupported: 'Unknown' },
      exceptions: [],
      reportsBy: [],
      releasesBy: signs
        ? [{ name: 'own', signer: { kind: 'key', key: KEY }, transparencyLog: false } as never]
        : [],
      source: place('quarantine/app'),
      target: place('golden/app'),
    },
    target: {
      tags: () => Promise.resolve(tags),
      tagDigest: ({ tag = '' }) => {
        asked.push(`tag ${tag}`);
        return target.digestOf ? target.digestOf(tag) : Promise.resolve(digestFor(tag));
      },
      manifest: () => Promise.reject(new Error('is not asked')),
    },
    judge: ({ tag = '' }) => {
      asked.push(`judge ${tag}`);
      const evidence = {
        manifest: target.manifest ?? { state: 'found', value: {}, seenAt: NOW },
        signatures,
      } as unknown as Evidence;
      return Promise.resolve({ evidence } as never);
    },
    pace: () => {
      paced += 1;
      return Promise.resolve();
    },
    clock: () => NOW,
  };
  return { look, asked, paced: () => paced };
}
const KEY = { kind: 'ecdsa-p256', pem: '', fingerprint: 'own' };
const signal = new AbortController().signal;
const known = (tag: string) => ({ tag, digest: digestFor(tag) });

describe('judging the images of a target', () => {
  it('reads every tag of an image and every known image, each once, at a limited rate', async () => {
    const { look, asked, paced } = lookAt({
      tags: ['1', '2', 'mirror-history', `sha256-${'a'.repeat(64)}.sig`],
    });
    const { judged, unseen } = await judgeTarget(look, [known('1'), known('0')], signal);
    expect(asked.toSorted()).to.deep.equal(['judge 0', 'judge 1', 'judge 2', 'tag 1', 'tag 2']);
    expect(paced()).to.equal(5);
    // An image without a release is not judged as promoted.
    expect(judged.map(({ tag, state }) => `${tag} ${state}`)).to.have.members([
      '1 unreported',
      '0 unreported',
    ]);
    expect(unseen).to.equal(0);
  });

  it('reads only known images when promotions are not signed', async () => {
    const { look, asked } = lookAt({ tags: ['1', '2'], signs: false });
    await judgeTarget(look, [known('0')], signal);
    expect(asked).to.deep.equal(['judge 0']);
  });

  it('judges a known image by its own digest, also when its tag has moved', async () => {
    const { look, asked } = lookAt({ tags: ['1'], digestOf: () => Promise.resolve(digestFor('other')) });
    await judgeTarget(look, [known('1')], signal);
    expect(asked).to.deep.equal(['tag 1', 'judge 1', 'judge 1']);
  });

  it('reports a deleted image', async () => {
    const { look } = lookAt({ manifest: { state: 'absent', seenAt: NOW } });
    const { judged } = await judgeTarget(look, [known('1')], signal);
    expect(judged).to.deep.equal([{ ...known('1'), state: 'gone' }]);
  });

  it('sends no more requests to a registry that fails again and again, and counts the unread images', async () => {
    const tags = Array.from({ length: 100 }, (_, index) => String(index));
    const { look, asked } = lookAt({ tags, digestOf: () => Promise.reject(down()) });
    const { judged, unseen, reason } = await judgeTarget(look, [known('0')], signal);
    expect(asked.length).to.be.within(8, 12);
    expect([unseen, reason?.code]).to.deep.equal([100, 'RegistryUnavailable']);
    expect(judged.map(({ state }) => state)).to.deep.equal(['unknown']);
  });

  it('also stops when image after image cannot be read', async () => {
    const unread = {
      state: 'unknown',
      reason: { code: 'RegistryUnavailable', detail: '' },
      transient: true,
    } as const;
    const { look, asked } = lookAt({ manifest: unread, signs: false });
    const all = Array.from({ length: 100 }, (_, index) => known(String(index)));
    const { judged } = await judgeTarget(look, all, signal);
    expect(asked.length).to.be.within(8, 12);
    expect(new Set(judged.map(({ state }) => state))).to.deep.equal(new Set(['unknown']));
    expect(judged).to.have.lengthOf(100);
  });

  it('continues after single failures', async () => {
    const tags = Array.from({ length: 50 }, (_, index) => String(index));
    const { look } = lookAt({
      tags,
      digestOf: (tag) => (Number(tag) % 5 === 0 ? Promise.reject(down()) : Promise.resolve(digestFor(tag))),
    });
    const { unseen } = await judgeTarget(look, [], signal);
    expect(unseen).to.equal(10);
  });

  it('reads 5,000 tags, and reports that there are more', async () => {
    const tags = Array.from({ length: 5_003 }, (_, index) => String(index));
    const { look } = lookAt({ tags, digestOf: () => Promise.resolve(undefined) });
    const { unseen, reason } = await judgeTarget(look, [], signal);
    expect([unseen, reason?.code]).to.deep.equal([3, 'LimitExceeded']);
  });

  it('throws on a bug, and when the tags cannot be listed', async () => {
    const broken = lookAt({ tags: ['1'], digestOf: () => Promise.reject(new Error('bug')) });
    const bug = await judgeTarget(broken.look, [], signal).catch((error: unknown) => error);
    expect(bug).to.be.instanceOf(Error).and.not.instanceOf(Fault);
    const { look } = lookAt({});
    const unread = { ...look, target: { ...look.target, tags: () => Promise.reject(down()) } };
    expect(await judgeTarget(unread, [], signal).catch((error: unknown) => error)).to.be.instanceOf(Fault);
  });
});
