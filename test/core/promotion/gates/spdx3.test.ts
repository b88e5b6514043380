import { expect } from 'chai';
import { parseDigest } from '../../../../src/core/model/index.ts';
import { readSbom } from '../../../../src/core/promotion/gates/sboms.ts';

const IN_TOTO = 'application/vnd.in-toto+json';

describe('an SBOM in SPDX 3', () => {
  const PLAIN = 'application/spdx+json';
  const context = 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld';
  const about = parseDigest(`sha256:${'a'.repeat(64)}`) ?? 'sha256:';
  const graph = [
    { type: 'CreationInfo', specVersion: '3.0.1' },
    {
      type: 'software_Package',
      name: 'debian',
      software_packageVersion: '13',
      software_primaryPurpose: 'operatingSystem',
    },
    {
      type: 'software_Package',
      name: 'lodash',
      software_packageVersion: '4.17.0',
      software_packageUrl: 'pkg:npm/lodash@4.17.0',
    },
    {
      type: 'software_Package',
      name: 'musl',
      externalIdentifier: [{ externalIdentifierType: 'packageUrl', identifier: 'pkg:deb/debian/musl@1' }],
    },
    { type: 'software_File', name: 'a' },
  ];
  const read = (document: object, mediaType = PLAIN) => {
    const sbom = readSbom({ bytes: Buffer.from(JSON.stringify(document)), mediaType, about });
    return sbom.ok ? sbom.value : undefined;
  };

  it('is given to the scanner in a form that it reads', () => {
    const sbom = read({ '@context': context, '@graph': graph });
    expect(JSON.parse(Buffer.from(sbom?.bytes ?? []).toString())).to.deep.equal({
      ...{ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 },
      components: [
        { type: 'operating-system', name: 'debian', version: '13' },
        { type: 'library', name: 'lodash', version: '4.17.0', purl: 'pkg:npm/lodash@4.17.0' },
        { type: 'library', name: 'musl', purl: 'pkg:deb/debian/musl@1' },
      ],
    });
    expect(sbom).to.include({ predicateType: 'https://spdx.dev/Document', listsSystemPackages: true });
  });

  it('O53 is read in a statement about the image, and in no other', () => {
    const statementAbout = (hex: string) => ({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: hex } }],
      predicateType: 'https://spdx.dev/Document/v3.0',
      predicate: { '@context': context, '@graph': graph },
    });
    expect(read(statementAbout('a'.repeat(64)), IN_TOTO)?.predicateType).to.equal(
      'https://spdx.dev/Document',
    );
    expect(read(statementAbout('b'.repeat(64)), IN_TOTO)).to.equal(undefined);
  });

  for (const [what, document] of [
    ['without packages', { '@context': context, '@graph': graph.slice(0, 1) }],
    ['of another context', { '@context': 'https://schema.org', '@graph': graph }],
    ['without a graph', { '@context': context }],
  ] as const)
    it(`O53 is none ${what}: it would pass with nothing in it`, () => {
      expect(read(document)).to.equal(undefined);
    });
});
