import { expect } from 'chai';
import { extendManifest, addToListing } from '../../../src/core/model/extension.ts';
import { digestOf, MEDIA_TYPE } from '../../../src/core/model/index.ts';

const layer = (name: string, more: object = {}) => ({
  ...{ mediaType: 'application/octet-stream', digest: digestOf(name), size: 1 },
  ...more,
});
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const read = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

describe('a manifest with more layers', () => {
  const theirs = {
    ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, note: 'kept' },
    config: layer('config', { note: 'kept' }),
    layers: [layer('1', { urls: [], note: 'kept' })],
  };

  it('keeps every field of others, and adds layers of another manifest before new ones', () => {
    const ours = { ...theirs, layers: [layer('1'), layer('2', { note: 'kept' }), layer('3')] };
    const made = extendManifest({
      ...{ bytes: bytesOf(theirs), mediaType: MEDIA_TYPE.ociManifest },
      from: { bytes: bytesOf(ours), at: [1] },
      layers: [layer('4')],
      config: { digest: digestOf('other'), size: 5 },
    });
    if (!made.ok) throw new Error(JSON.stringify(made.problems));
    const { bytes, manifest } = made.value;
    expect(read(bytes)).to.deep.equal({
      ...theirs,
      config: { ...theirs.config, digest: digestOf('other'), size: 5 },
      layers: [theirs.layers[0], ours.layers[1], layer('4')],
    });
    expect([manifest.digest, manifest.size]).to.deep.equal([digestOf(bytes), bytes.byteLength]);
  });

  it('never keeps the bytes of the old config in the descriptor of the new one', () => {
    const old = { ...theirs, config: layer('{}', { data: 'e30=', note: 'kept' }) };
    const config = { digest: digestOf('other'), size: 5 };
    const made = extendManifest({ bytes: bytesOf(old), mediaType: MEDIA_TYPE.ociManifest, config });
    expect(made.ok && read(made.value.bytes)).to.deep.include({
      config: { ...layer('', { note: 'kept' }), ...config },
    });
  });

  for (const [what, bytes] of Object.entries({
    'is no JSON': Buffer.from('{'),
    'has no list of layers': bytesOf({ ...theirs, layers: {} }),
    'has too many values': Buffer.from(`{"layers":[${'[],'.repeat(700_000)}[]]}`),
    'is an index': bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] }),
  }))
    it(`is a problem where what is there ${what}`, () => {
      const asked = { bytes, mediaType: MEDIA_TYPE.ociManifest, layers: [layer('2')] };
      expect(extendManifest(asked).ok).to.equal(false);
    });

  it('is a problem where a layer of the other manifest is not there', () => {
    const from = { bytes: bytesOf(theirs), at: [3] };
    const asked = { bytes: bytesOf(theirs), mediaType: MEDIA_TYPE.ociManifest, from };
    expect(extendManifest(asked).ok).to.equal(false);
  });
});

describe('a listing with one more entry', () => {
  const entry = { ...layer('new'), mediaType: MEDIA_TYPE.ociManifest, annotations: {} };
  const index = (manifests: unknown, more: object = {}) =>
    bytesOf({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests, ...more });
  const written = { ...layer('new'), mediaType: MEDIA_TYPE.ociManifest };

  it('keeps what others wrote, each entry once', () => {
    const one = layer('1', { note: 'kept' });
    const made = addToListing({ bytes: index([one, one], { note: 'kept' }), entry });
    if (!made.ok || !made.value.bytes) throw new Error('no listing');
    expect(read(made.value.bytes)).to.deep.equal({
      ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, note: 'kept' },
      manifests: [one, written],
    });
  });

  it('is not written again where it has the entry', () => {
    const made = addToListing({ bytes: index([layer('new')]), entry });
    expect(made).to.deep.equal({ ok: true, value: { mediaType: MEDIA_TYPE.ociIndex } });
  });

  it('is a problem where what is there is no listing, or is empty', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('[]'), index({}), index([{}]), bytesOf({ layers: [] })])
      expect(addToListing({ bytes, entry }).ok).to.equal(false);
    const manifest = bytesOf({ mediaType: MEDIA_TYPE.ociManifest, manifests: [] });
    expect(addToListing({ bytes: manifest, contentType: MEDIA_TYPE.ociIndex, entry }).ok).to.equal(false);
  });

  it('is one by the word of the registry alone', () => {
    const bytes = bytesOf({ schemaVersion: 2, manifests: null });
    expect(addToListing({ bytes, contentType: MEDIA_TYPE.ociIndex, entry })).to.have.nested.property(
      'value.bytes',
    );
  });
});
