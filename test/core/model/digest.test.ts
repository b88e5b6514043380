import { expect } from 'chai';
import {
  digestAlgorithm,
  digestHex,
  digestOf,
  matchesDigest,
  parseDigest,
} from '../../../src/core/model/index.ts';

// NIST FIPS 180-4 examples, message "abc".
const SHA256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const SHA512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';

describe('digest', () => {
  it('is computed from bytes, with sha256 or sha512', () => {
    expect(digestOf('abc')).to.equal(SHA256);
    expect(digestOf(Buffer.from('abc'), 'sha512')).to.equal(SHA512);
  });

  it('parse returns the canonical form', () => {
    expect([SHA256, SHA512].map(parseDigest)).to.deep.equal([SHA256, SHA512]);
  });

  for (const [title, text] of [
    ['nothing', ''],
    ['a short one', SHA256.slice(0, -1)],
    ['a long one', `${SHA256}0`],
    ['upper-case hex', `sha256:${SHA256.slice(7).toUpperCase()}`],
    ['an upper-case algorithm', SHA256.replace('sha', 'SHA')],
    ['letters that are no hex', `sha256:${'g'.repeat(64)}`],
    ['an unknown algorithm', `sha384:${'a'.repeat(96)}`],
    ['a sha512 of sha256 length', SHA256.replace('sha256', 'sha512')],
    ['a line break behind', `${SHA256}\n`],
    ['two in one', `${SHA256}@${SHA256}`],
    ['no text', undefined],
    ['a number', 256],
  ] as const) {
    it(`R03: refuses ${title}`, () => {
      expect(parseDigest(text)).to.be.undefined;
    });
  }

  it('is split into algorithm and hex', () => {
    const digest = digestOf('abc', 'sha512');
    expect([digestAlgorithm(digest), digestHex(digest)]).to.deep.equal(['sha512', SHA512.slice(7)]);
    expect(digestAlgorithm(digestOf('abc'))).to.equal('sha256');
  });

  it('T03: bytes match their own digest and no other', () => {
    const bytes = Buffer.from('abc');
    expect(matchesDigest(bytes, digestOf('abc'))).to.be.true;
    expect(matchesDigest(bytes, digestOf('abc', 'sha512'))).to.be.true;
    expect(matchesDigest(bytes, digestOf('abd'))).to.be.false;
  });
});
