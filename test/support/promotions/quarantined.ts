// An image of two platforms in a quarantine, with everything that says something about it.
import { expect } from 'chai';
import { artifactTypesAbout } from '../registry/listings.ts';
import { pushImage, pushIndex, pushReferrer, type Pushed } from '../registry/push.ts';
import { pushLegacySignature } from '../signed-images.ts';
import { signingKey } from '../signing.ts';
import type { PromotionFixture } from './promotion-fixture.ts';
import { promotionPath } from './promotion-path.ts';

/** Artifact type of the flag. */
export const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
/** Artifact type of what is attached beside the flag. */
export const SBOM = 'application/vnd.acme.sbom';

/** An index of an index of two platforms: all four are flagged and described, and the first is signed. */
export interface Quarantined {
  readonly root: Pushed;
  /** The root, the index in it, the platforms. */
  readonly nodes: readonly Pushed[];
}

/** Loads such an image as `quarantine/app:1.0.0` of the fixture that is open, and finds what is left of it. */
export function quarantine(fixture: () => PromotionFixture) {
  const { place } = promotionPath(fixture);
  const load = async (): Promise<Quarantined> => {
    const at = place('quarantine/app');
    const platforms = await Promise.all(
      ['amd64', 'arm64'].map((architecture) =>
        pushImage(at, { salt: architecture, platform: { os: 'linux', architecture } }),
      ),
    );
    const inner = await pushIndex(at, { manifests: platforms });
    const root = await pushIndex({ ...at, tag: '1.0.0' }, { manifests: [inner] });
    const nodes = [root, inner, ...platforms];
    for (const subject of nodes) {
      await pushReferrer(at, { subject, artifactType: QUARANTINE });
      await pushReferrer(at, { subject, artifactType: SBOM });
    }
    await pushLegacySignature(at, root, signingKey());
    return { root, nodes };
  };
  const isThere = async (name: string): Promise<boolean> =>
    (await fetch(`${fixture().registry.url}/v2/quarantine/app/manifests/${name}`)).ok;
  /** Fails when the source has an image without its flag. */
  const expectFlagged = async ({ nodes }: Quarantined, when: string): Promise<void> => {
    for (const { digest } of nodes) {
      if (!(await isThere(digest))) continue;
      const types = await artifactTypesAbout(place('quarantine/app'), digest);
      expect(types, `${digest} ${when}`).to.include(QUARANTINE);
    }
  };
  const signature = ({ root }: Quarantined) => `${root.digest.replace(':', '-')}.sig`;
  /** Everything that is left in the source. */
  const left = async ({ nodes, ...loaded }: Quarantined): Promise<readonly string[]> => {
    const names = [...nodes.map(({ digest }) => digest), signature({ nodes, ...loaded })];
    const tags = nodes.map(({ digest }) => digest.replace(':', '-'));
    const there = await Promise.all([...names, ...tags].map(isThere));
    return [...names, ...tags].filter((_, index) => there[index]);
  };

  return { load, isThere, expectFlagged, left };
}
