import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { platformOf } from '../../../src/core/promotion/mirror.ts';
import { contentOf } from './records/made.ts';

const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };
const child = contentOf({ schemaVersion: 2, config: empty, layers: [] }).manifest;

/** The name of a file about the one platform of an index that lists it so. */
function nameWith(platform?: object): string | undefined {
  const { mediaType, digest, size } = child;
  const index = 'application/vnd.oci.image.index.v1+json';
  const root = contentOf(
    { schemaVersion: 2, mediaType: index, manifests: [{ mediaType, digest, size, platform }] },
    index,
  ).manifest;
  expect(platformOf(root, root)).to.equal(undefined);
  return platformOf(root, child)?.name;
}

describe('the platform in the name of a file about it', () => {
  it('is written as the public workflows write it', () => {
    expect(nameWith({ os: 'linux', architecture: 'amd64' })).to.equal('linux-amd64');
    expect(nameWith({ os: 'linux', architecture: 'arm', variant: 'v7' })).to.equal('linux-arm-v7');
  });

  for (const os of ['../../../etc', '/etc/passwd', '..', 'a/b', 'c:\\d', '.ssh', '-rf', '']) {
    it(`P38: leads to no other folder and to no option with the platform ${JSON.stringify(os)}`, () => {
      expect(nameWith({ os, architecture: 'x' })).to.match(/^\w[\w.-]*$/);
    });
  }

  it('P38: is short however long its author made it, and the digest where there is none', () => {
    expect(nameWith({ os: 'x'.repeat(5_000), architecture: 'y' })).to.have.lengthOf(64);
    expect(nameWith()).to.equal(child.digest.slice('sha256:'.length).slice(0, 12));
  });
});
