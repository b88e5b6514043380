import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { SIGN_PREDICATE_TYPE, signingKey, statement } from '../../../support/signing.ts';
import { openVerifier, carrier, image, keysOnly, whyNot } from '../fixture.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const SARIF = 'application/sarif+json';
const RELEASE = 'https://pratique.dev/release/v1';

describe('plain', () => {
  const ask = openVerifier();
  const read = (json: Uint8Array, mediaType: string) =>
    ask({ form: 'plain', digest: carrier, json, mediaType }, keysOnly(signingKey()));
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value));

  it('S01: an unsigned statement is reported as unsigned, and proves nothing', async () => {
    const json = statement({ digest: image, predicateType: RELEASE, predicate: { by: 'a stranger' } });
    expect(await read(json, IN_TOTO)).to.deep.equal({
      state: 'unsigned',
      digest: carrier,
      says: { kind: 'statement', predicateType: RELEASE, predicate: { by: 'a stranger' } },
    });
  });

  it('S01: an unsigned statement with the type of a signature proves nothing', async () => {
    const signature = await read(statement({ digest: image, predicateType: SIGN_PREDICATE_TYPE }), IN_TOTO);
    expect(signature.state === 'unsigned' && signature.says).to.include({
      kind: 'statement',
      predicateType: SIGN_PREDICATE_TYPE,
    });
  });

  for (const mediaType of [IN_TOTO, 'application/vnd.in-toto.provenance+json', 'application/json']) {
    it(`S02: a statement about another image is ignored (${mediaType})`, async () => {
      const json = statement({ digest: digestOf('other'), predicateType: RELEASE });
      expect(whyNot(await read(json, mediaType))).to.equal('about another digest');
    });
  }

  it('a report is reported by its media type', async () => {
    const report = { version: '2.1.0', runs: [] };
    expect(await read(encode(report), SARIF)).to.deep.equal({
      state: 'unsigned',
      digest: carrier,
      says: { kind: 'statement', predicateType: SARIF, predicate: report },
    });
  });

  const refused: readonly [string, Uint8Array, string, string][] = [
    ['that is not JSON', Buffer.from('<xml/>'), SARIF, 'a report that is not JSON'],
    ['that is a number', encode(7), SARIF, 'a report that is not JSON'],
    ['nested absurdly', Buffer.from('['.repeat(201) + ']'.repeat(201)), SARIF, 'a report that is not JSON'],
    ['of the in-toto type that is no statement', encode({}), IN_TOTO, 'a statement that cannot be read'],
  ];
  for (const [title, json, mediaType, why] of refused) {
    it(`S07: refuses a report ${title}`, async () => {
      expect(whyNot(await read(json, mediaType))).to.equal(why);
    });
  }

  it('counts no brackets inside of text', async () => {
    expect(await read(encode({ text: `"${'[{'.repeat(500)}\\` }), SARIF)).to.include({ state: 'unsigned' });
  });

  it('M04: reads a report of a megabyte on another thread, and keeps only what was read of it', async () => {
    const report = { results: Array.from({ length: 20_000 }, (_, id) => ({ id, text: 'x'.repeat(40) })) };
    const signature = await read(encode(report), SARIF);
    expect(signature.state === 'unsigned' && signature.says.large).to.include.keys('digest', 'report');
  });
});
