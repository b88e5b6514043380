import { expect } from 'chai';
import { pushArtifact } from '../../../../src/core/promotion/records/artifact.ts';
import { quarantineFlag } from '../../../../src/core/promotion/records/marks.ts';
import { digestOf, formatReference, type ImageRef } from '../../../../src/core/model/index.ts';
import { forever } from '../../../support/verification.ts';
import { AT, image, subject } from './made.ts';

const { registry: host, repository } = image;
const artifact = quarantineFlag(subject, AT);
const { digest } = artifact.content.manifest;

describe('pushing an artifact', () => {
  const pushTo = async (to: ImageRef): Promise<readonly string[]> => {
    const calls: string[] = [];
    const registry = {
      pushBlob: async (_to: ImageRef, bytes: Uint8Array) => {
        await Promise.resolve();
        calls.push(`blob ${digestOf(bytes)}`);
        return digestOf(bytes);
      },
      pushManifest: async (at: ImageRef) => void calls.push(`manifest ${formatReference(at)}`),
    };
    await pushArtifact(registry, to, artifact, forever());
    return calls;
  };

  it('pushes the manifest last, by its digest when it has no tag', async () => {
    expect(await pushTo({ registry: host, repository })).to.deep.equal([
      `blob ${digestOf('{}')}`,
      `manifest ${host}/${repository}@${digest}`,
    ]);
  });

  it('pushes the manifest under its tag when it has one', async () => {
    expect(await pushTo({ ...image, tag: 'mirror-history' })).to.include(
      `manifest ${host}/${repository}:mirror-history`,
    );
  });
});
