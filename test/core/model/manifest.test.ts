import { expect } from 'chai';
import { parseManifestBytes } from '../../../src/core/model/manifest.ts';
import {
  artifactTypeOf,
  digestOf,
  isIndexType,
  MEDIA_TYPE,
  parseManifest,
} from '../../../src/core/model/index.ts';
import { isManifestType } from '../../../src/core/model/descriptor.ts';
import { MAX_MANIFEST_ENTRIES } from '../../../src/core/model/descriptor.ts';
import { MAX_JSON_VALUES } from '../../../src/core/model/json.ts';

const digest = digestOf('manifest');
const entry = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('layer'), size: 1 };
const config = { ...entry, mediaType: 'application/vnd.oci.image.config.v1+json' };
const image = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [entry] };
const child = {
  ...entry,
  mediaType: MEDIA_TYPE.ociManifest,
  platform: { os: 'linux', architecture: 'arm64' },
};
const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [child] };

const bytesOf = (body: unknown) => Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const read = (body: unknown, contentType?: string) => parseManifest(bytesOf(body), digest, contentType);
const value = (body: unknown, contentType?: string) => {
  const manifest = read(body, contentType);
  if (!manifest.ok) throw new Error(JSON.stringify(manifest.problems));
  return manifest.value;
};
const paths = (body: unknown, contentType?: string) => {
  const manifest = read(body, contentType);
  return manifest.ok ? undefined : manifest.problems.map(({ path }) => path);
};

describe('manifest', () => {
  for (const mediaType of [MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest]) {
    it(`reads an image, ${mediaType}`, () => {
      const manifest = value({ ...image, mediaType }, mediaType);
      expect(manifest).to.deep.include({ digest, mediaType, manifests: [] });
      expect(manifest.size).to.equal(bytesOf({ ...image, mediaType }).length);
      expect(manifest.config?.digest).to.equal(config.digest);
      expect(manifest.layers.map((layer) => layer.digest)).to.deep.equal([entry.digest]);
    });
  }

  for (const mediaType of [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerIndex]) {
    it(`reads an index, ${mediaType}`, () => {
      const manifest = value({ ...index, mediaType }, mediaType);
      expect(manifest).to.deep.include({ mediaType, layers: [] });
      expect(manifest.manifests[0]?.platform).to.deep.equal({ os: 'linux', architecture: 'arm64' });
    });
  }

  it('keeps subject, artifact type and annotations', () => {
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const manifest = value({ ...image, subject: child, artifactType: 'application/x', annotations });
    expect(manifest).to.deep.include({ annotations, artifactType: 'application/x' });
    expect(manifest.subject?.digest).to.equal(child.digest);
  });

  it('null is absent: annotations, subject, layers, platform', () => {
    const nulls = { ...image, annotations: null, subject: null, layers: null, manifests: null };
    expect(value(nulls)).to.deep.include({ annotations: {}, layers: [], manifests: [] });
    expect(value(nulls)).not.to.have.property('subject');
    const none = { ...index, manifests: [{ ...child, annotations: null, platform: null }] };
    expect(value(none).manifests[0]).not.to.have.property('platform');
  });

  it('keeps the variant of a platform', () => {
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
    expect(value({ ...index, manifests: [{ ...child, platform }] }).manifests[0]?.platform).to.deep.equal(
      platform,
    );
  });

  it('the artifact type is that of the config when none is named, and "" is none', () => {
    expect(artifactTypeOf(value(image))).to.equal(config.mediaType);
    expect(artifactTypeOf(value({ ...image, artifactType: '' }))).to.equal(config.mediaType);
    expect(artifactTypeOf(value({ ...image, artifactType: 'application/x' }))).to.equal('application/x');
    expect(artifactTypeOf(value(index))).to.be.undefined;
  });

  for (const [title, body, contentType, mediaType] of [
    ['the body says', image, 'application/json', MEDIA_TYPE.ociManifest],
    ['the body names, with no content type', index, undefined, MEDIA_TYPE.ociIndex],
    [
      'the registry names',
      { ...image, mediaType: undefined },
      `${MEDIA_TYPE.dockerManifest}; charset=utf-8`,
      MEDIA_TYPE.dockerManifest,
    ],
    ['the registry names in upper case', image, MEDIA_TYPE.ociManifest.toUpperCase(), MEDIA_TYPE.ociManifest],
    ['its config shows', { ...image, mediaType: undefined }, undefined, MEDIA_TYPE.ociManifest],
    ['its children show', { ...index, mediaType: undefined }, undefined, MEDIA_TYPE.ociIndex],
  ] as const) {
    it(`is what ${title}`, () => {
      expect(value(body, contentType).mediaType).to.equal(mediaType);
    });
  }

  it('knows the types it reads', () => {
    expect([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerIndex].every(isIndexType)).to.be.true;
    expect([MEDIA_TYPE.ociManifest, MEDIA_TYPE.empty].some(isIndexType)).to.be.false;
    expect(isManifestType(MEDIA_TYPE.dockerManifest)).to.be.true;
    expect(isManifestType(MEDIA_TYPE.empty)).to.be.false;
  });
});

describe('manifest, refused', () => {
  const many = (count: number) => Array.from({ length: count }, () => entry);
  const table: readonly [title: string, body: unknown, contentType: string | undefined, paths: string[]][] = [
    // CVE-2021-41190
    ['T03: an index that the registry calls an image', index, MEDIA_TYPE.ociManifest, ['mediaType']],
    ['T03: an image that the registry calls an index', image, MEDIA_TYPE.dockerIndex, ['mediaType']],
    ['T03: OCI that the registry calls Docker', image, MEDIA_TYPE.dockerManifest, ['mediaType']],
    ['T03: an image that is an index at once', { ...image, manifests: [child] }, undefined, ['mediaType']],
    ['T03: an index with layers', { ...index, layers: [entry] }, undefined, ['mediaType']],
    ['T03: an index with config', { ...index, config }, undefined, ['mediaType']],
    [
      'T03: both at once, with the type from the registry alone',
      { ...image, manifests: [child], mediaType: undefined },
      MEDIA_TYPE.ociIndex,
      ['mediaType'],
    ],
    ['an unknown type', { ...image, mediaType: 'application/x' }, undefined, ['mediaType']],
    ['Docker schema 1', { schemaVersion: 1, fsLayers: [] }, undefined, ['schemaVersion']],
    ['no schema version', { ...image, schemaVersion: undefined }, undefined, ['schemaVersion']],
    [
      'a layer with a bad digest',
      { ...image, layers: [{ ...entry, digest: 'sha256:ab' }] },
      undefined,
      ['layers[0].digest'],
    ],
    ['a negative size', { ...image, config: { ...config, size: -1 } }, undefined, ['config.size']],
    ['a broken size', { ...image, config: { ...config, size: 1.5 } }, undefined, ['config.size']],
    ['an annotation that is no text', { ...image, annotations: { a: 1 } }, undefined, ['annotations.a']],
    ['annotations in a list', { ...image, annotations: ['a'] }, undefined, ['annotations']],
    [
      'every problem at once',
      { ...image, config: 1, subject: { ...entry, size: '1' } },
      undefined,
      ['config', 'subject.size'],
    ],
    ['H04: too many layers', { ...image, layers: many(MAX_MANIFEST_ENTRIES + 1) }, undefined, ['layers']],
    [
      'H04: too many children',
      { ...index, manifests: many(MAX_MANIFEST_ENTRIES + 1) },
      undefined,
      ['manifests'],
    ],
    ['no JSON', '<html>', undefined, ['']],
    ['nothing', '', undefined, ['']],
    ['a list', [], undefined, ['']],
    ['null', null, undefined, ['']],
    ['H03: very deep nesting', '['.repeat(100_000), undefined, ['']],
  ];
  for (const [title, body, contentType, expected] of table) {
    it(`refuses ${title}`.replace(/^(refuses )([A-Z]\d\d: )/, '$2$1'), () => {
      expect(paths(body, contentType)).to.deep.equal(expected);
    });
  }

  it('refuses bytes that are no UTF-8', () => {
    expect(parseManifest(Buffer.from([0x7b, 0xff, 0x7d]), digest, undefined).ok).to.be.false;
  });

  it('a manifest with exactly the allowed number of entries is read', () => {
    expect(value({ ...image, layers: many(MAX_MANIFEST_ENTRIES) }).layers).to.have.lengthOf(
      MAX_MANIFEST_ENTRIES,
    );
  });

  const evil = { ...child, digest: digestOf('evil') };
  for (const [what, body, path] of [
    ['manifests', { ...index, Manifests: [evil] }, 'manifests'],
    ['manifests, by a letter that Go reads as s', { ...index, manifeſts: [evil] }, 'manifests'],
    ['digest', { ...index, manifests: [{ ...child, DIGEST: evil.digest }] }, 'digest'],
    ['platform', { ...index, manifests: [{ ...child, Platform: null }] }, 'platform'],
    [
      'os',
      { ...index, manifests: [{ ...child, platform: { os: 'a', OS: 'linux', architecture: 'b' } }] },
      'os',
    ],
    ['layers', { ...image, Layers: [entry] }, 'layers'],
    ['config', { ...image, CONFIG: config }, 'config'],
    ['the media type', { ...image, MediaType: MEDIA_TYPE.ociIndex }, 'mediaType'],
    ['the digest of a layer', { ...image, layers: [{ ...entry, Digest: evil.digest }] }, 'digest'],
  ] as const)
    it(`W09: refuses a field in another case, which Go reads as the same field: ${what}`, () => {
      expect(paths(body)).to.deep.equal([path]);
    });

  const DOUBLED = {
    path: '',
    message: 'has a field twice in one object, which programs read in different ways',
    reason: 'AmbiguousIndex',
  };
  const twice: readonly (readonly [string, object, string, string])[] = [
    ['the children', index, '"schemaVersion"', `"manifests":[${JSON.stringify(evil)}],"schemaVersion"`],
    ['a digest', index, '"digest":', `"digest":"${evil.digest}","digest":`],
    ['annotations', image, '"layers":', '"annotations":{"a":"b"},"annotations":{},"layers":'],
    ['by an escape', image, '"layers":', String.raw`"l\u0061yers":[],"layers":`],
    ['a field of others', image, '"layers":', '"x":{"y":1,"y":[]},"layers":'],
    ['the prototype', image, '"layers":', '"__proto__":{},"__proto__":{},"layers":'],
  ];
  for (const [what, body, at, put] of twice)
    it(`W13: refuses a field that is there twice, of which Go reads both: ${what}`, () => {
      const text = JSON.stringify(body);
      const doubled = text.replace(at, put);
      expect(doubled).not.to.equal(text);
      expect(paths(text)).to.equal(undefined);
      const { ok, ...failed } = read(doubled);
      expect([ok, failed]).to.deep.equal([false, { problems: [DOUBLED] }]);
    });

  for (const text of ['<a href=https://acme.example/login>', '{"layers":[{"size":', 'a: b', ''])
    it(`F06 what is no JSON is unreadable and not ambiguous, also with colons: ${text}`, () => {
      const { ok, ...failed } = read(text);
      expect([ok, failed]).to.deep.equal([false, { problems: [{ path: '', message: 'is not JSON' }] }]);
    });

  it('reads colons and quotes in text, and a field with the name of the prototype', () => {
    const annotations = { 'a:b': '":"', 'c"': ':\\', '\\': '{"d":1,"d":2}' };
    expect(value({ ...image, annotations }).annotations).to.deep.equal(annotations);
    expect(paths(JSON.stringify(image).replace('"layers":', '"__proto__":{"a":1},"layers":'))).to.equal(
      undefined,
    );
  });

  it('M15: deep nesting does not end the counting of values before too many', () => {
    const deep = `${'['.repeat(300)}${']'.repeat(300)}`;
    const rest = '1,'.repeat(MAX_JSON_VALUES);
    const read = parseManifest(Buffer.from(`{"deep":${deep},"many":[${rest}1]}`), digest, undefined);
    expect(read.ok ? [] : read.problems.map(({ isLimit }) => isLimit)).to.deep.equal([true]);
  });

  it('keeps annotations and fields of others in whatever case', () => {
    const annotations = { OS: 'x', Platform: 'y' };
    expect(value({ ...image, annotations, 'x-Custom': 1 }).annotations).to.deep.equal(annotations);
  });

  const artifact = {
    mediaType: 'application/vnd.oci.artifact.manifest.v1+json',
    artifactType: 'application/spdx+json',
    blobs: [{ mediaType: 'application/spdx+json', digest, size: 4 }],
    subject: { mediaType: MEDIA_TYPE.ociManifest, digest, size: 7 },
  };
  const readAs = (isReferrer: boolean, more: object = {}, contentType = artifact.mediaType) =>
    parseManifestBytes({
      ...{ bytes: Buffer.from(JSON.stringify({ ...artifact, ...more })), digest, contentType, isReferrer },
    });

  it('P27 an artifact manifest of early OCI 1.1 is read as a referrer, its blobs as layers', () => {
    const read = readAs(true);
    expect(read.ok && read.value.layers.map(({ size }) => size)).to.deep.equal([4]);
    expect(read.ok && read.value.subject?.size).to.equal(7);
  });

  it('P27 an artifact manifest is no image, and what could be taken for one is no artifact manifest', () => {
    const layers = [{ mediaType: 'a/b', digest, size: 1 }];
    expect(
      [
        readAs(false),
        readAs(true, { layers }),
        readAs(true, { config: layers[0] }),
        readAs(true, { manifests: [] }),
        readAs(true, { schemaVersion: 2 }),
        readAs(true, { subject: undefined }),
        readAs(true, { Blobs: [] }),
        readAs(true, {}, MEDIA_TYPE.ociManifest),
      ].map(({ ok }) => ok),
    ).to.deep.equal(Array.from({ length: 8 }, () => false));
  });
});
