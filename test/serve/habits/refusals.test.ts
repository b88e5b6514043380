import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { promotionPath } from '../../support/promotions/promotion-path.ts';
import type { RegistryRequest, Reply } from '../../support/registry/index.ts';
import { pushReferrer } from '../../support/registry/push.ts';

const error = (status: number, code: string, message: string): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ errors: [{ code, message }] }),
});
const HARBOR =
  'adding 29.0 MiB of storage resource, which when updated to current usage of 152.4 MiB will exceed the configured upper limit of 10.0 MiB.';
const QUOTA = 'a quota there is used up';
const ROOM = 'it has no room left';

const blob = ({ method, url }: RegistryRequest) => method === 'PUT' && url.pathname.includes('/uploads/');
const manifest = ({ method, url }: RegistryRequest) =>
  method === 'PUT' && url.pathname.includes('/manifests/');

const isMount = ({ url }: RegistryRequest) => url.searchParams.has('mount');

const ROWS: readonly (readonly [string, (request: RegistryRequest) => boolean, Reply, string, string])[] = [
  ['a quota of Harbor for a blob', blob, error(403, 'DENIED', HARBOR), 'RegistryDenied', QUOTA],
  ['a quota of Harbor for a manifest', manifest, error(403, 'DENIED', HARBOR), 'RegistryDenied', QUOTA],
  ['the limit of images of ECR', manifest, error(400, 'TOO_MANY_IMAGES', 'x'), 'RegistryMisbehaved', QUOTA],
  [
    'a limit of storage',
    manifest,
    error(403, 'DENIED', 'You have reached the storage limit of 2 MiB'),
    'RegistryDenied',
    QUOTA,
  ],
  ['402', blob, { status: 402, headers: {}, body: '' }, 'RegistryDenied', 'wants to be paid'],
  ['a disk without room', blob, error(500, 'UNKNOWN', 'the disk is full'), 'RegistryUnavailable', ROOM],
  ['507', blob, { status: 507, headers: {}, body: '' }, 'RegistryUnavailable', ROOM],
  ['a full disk', blob, error(500, 'UNKNOWN', 'write: no space left on device'), 'RegistryUnavailable', ROOM],
  [
    '413 of a proxy',
    blob,
    { status: 413, headers: {}, body: '<html>' },
    'LimitExceeded',
    'nothing this large',
  ],
  [
    'an immutable tag',
    manifest,
    error(400, 'TAG_INVALID', 'the tag is immutable'),
    'RegistryMisbehaved',
    'immutable',
  ],
  [
    'a repository that has to be made first',
    ({ method }) => method === 'POST',
    error(404, 'NAME_UNKNOWN', 'x'),
    'RegistryDenied',
    'want it to be made first',
  ],
  [
    'a login that may not',
    manifest,
    error(403, 'DENIED', 'x'),
    'RegistryDenied',
    'this login may not change it',
  ],
];

describe('a target that refuses', () => {
  let fixture: PromotionFixture;
  const path = promotionPath(() => fixture);
  beforeEach(async () => {
    const pause = (): Promise<void> => Promise.resolve();
    fixture = await openPromotionFixture({}, {}, { opening: { pause } });
    await path.push('quarantine/app', '1.0.0');
  });
  afterEach(() => fixture.close());

  for (const [what, which, reply, code, words] of ROWS)
    it(`O51 by ${what} is reported as what it is`, async () => {
      fixture.registry.intercept((request) =>
        request.url.pathname.includes('/golden/') && (which(request) || isMount(request)) ? reply : undefined,
      );
      const [{ reason, message = '' } = { reason: '', message: '' }] = (
        await fixture.run({ spec: path.promote() })
      ).results;
      expect(reason).to.equal(code);
      expect(message).to.include(words);
      expect(message).not.to.include('MiB');
    }).timeout(20_000);

  it('O52 a listed referrer that is gone is named, and is not temporary', async () => {
    const subject = await path.push('quarantine/app', '2.0.0');
    const gone = await pushReferrer(path.place('quarantine/app'), {
      subject,
      artifactType: 'application/vnd.oci.empty.v1+json',
    });
    fixture.registry.intercept(({ url }) =>
      url.pathname.endsWith(gone.digest) ? { status: 404, headers: {}, body: '' } : undefined,
    );
    const policy = fixture.policy({ match: { images: ['**'] }, require: { quarantine: { releasedBy: [] } } });
    const image = `${fixture.registry.host}/quarantine/app:2.0.0`;
    const labels = { state: 'found', value: {}, seenAt: new Date() } as const;
    const [judged] = await fixture.judgeImages({
      ...{ images: [{ container: 'c', field: '', image }], policies: [policy], labels, owner: undefined },
      signal: AbortSignal.timeout(10_000),
    });
    const [finding] = judged?.verdict.findings ?? [];
    expect(finding?.reason).to.equal('UnreadableEvidence');
    expect(finding?.found).to.include(gone.digest);
    expect(JSON.stringify(finding)).not.to.include('try again');
  });
});
