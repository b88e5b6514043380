// The path of an image through one fixture, `public/app` → `quarantine/app` → `golden/app`, as tests of promotions write it down.
import { pushImage, type Pushed, type Target } from '../registry/push.ts';
import { shipKey, type PromotionFixture } from './promotion-fixture.ts';

const TAGS = { semver: ['*'] };

/** The key that signs, the Secret that holds it, and how a promotion names it. */
export function pathKeys() {
  const key = shipKey();
  return {
    key,
    secrets: { 'cosign-key': { 'cosign.key': key.pem } },
    sign: { secretRef: { name: 'cosign-key' } },
  };
}

/** Places, images and promotions of the fixture that is open when they are read. */
export function promotionPath(fixture: () => PromotionFixture) {
  const place = (path: string): Omit<Target, 'tag'> => ({
    registry: fixture().registry.host,
    repository: path,
  });
  const repository = (path: string) => ({ repository: `${fixture().registry.host}/${path}` });
  return {
    place,
    push: (path: string, tag: string): Promise<Pushed> =>
      pushImage({ ...place(path), tag }, { salt: path + tag }),
    mirror: (more: object = {}) => ({
      source: repository('public/app'),
      target: repository('quarantine/app'),
      tags: TAGS,
      mirror: {},
      ...more,
    }),
    promote: (rules: object = {}, more: object = {}) => ({
      source: repository('quarantine/app'),
      target: repository('golden/app'),
      tags: TAGS,
      promote: rules,
      ...more,
    }),
  };
}

/** The result for each image: its tag, the decision, and the reason if any. */
export function decisions({
  results,
}: {
  readonly results: readonly { tag: string; decision: string; reason?: string }[];
}): readonly (readonly string[])[] {
  return results.map(({ tag, decision, reason }) =>
    reason === undefined ? [tag, decision] : [tag, decision, reason],
  );
}
