import { expect } from 'chai';
import type { Evidence, Signature } from '../../../../src/core/model/index.ts';
import {
  ABSENT,
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  inShort,
  policyOf,
  provenBy,
  verdictOf,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';
import { statementOf, unsignedOf } from '../proven.ts';

const [key, stranger] = [signingKey(), signingKey()];
const TYPE = 'https://slsa.dev/provenance/v1';
const says = (finishedOn?: string, builder = 'ci') =>
  statementOf(TYPE, { builder, runDetails: { metadata: { finishedOn } } });
const by = (...given: Parameters<typeof says>) => provenBy(key, says(...given));
const many = (at: string, count: number) => Array.from({ length: count }, () => by(at, 'laptop'));
const logged = (at: string, stated?: string): Signature => ({
  ...(by(stated) as Extract<Signature, { state: 'proven' }>),
  signedAt: new Date(at),
});
const unread: Signature = { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true };
const [MAY, JUNE, JULY] = ['2026-05-01T00:00:00Z', '2026-06-14T00:00:00Z', '2026-07-01T00:00:00Z'];
const AGED = { maxAge: '72h' };
const cel = (text: string) => ({ conditions: [{ cel: text, message: 'build it on ci' }] });
const ON_CI = cel('predicate.builder == "ci"');

function verdict(signatures: readonly Signature[], more: WrittenSpec = {}, facts: Partial<Evidence> = {}) {
  const attestations = [{ predicateType: TYPE, from: ['ci'], ...more }];
  const policy = policyOf({ authorities: [authority('ci', key)], require: { attestations } });
  return verdictOf([policy], { evidence: evidenceOf({ signatures: found(signatures), ...facts }) });
}

describe('unattested', () => {
  const table: readonly [title: string, signatures: Signature[], expected: string, more?: WrittenSpec][] = [
    ['none', [], 'deny AttestationMissing'],
    ['one', [by()], 'allow'],
    ['S02: of another type', [provenBy(key, statementOf(`${TYPE}.1`))], 'deny AttestationMissing'],
    ['S02: a signature of the image', [provenBy(key)], 'deny AttestationMissing'],
    ['by a stranger', [provenBy(stranger, says())], 'deny AttestationMissing'],
    ['S01: one that is not signed', [unsignedOf(says())], 'deny AttestationMissing'],
    ['S12: too old', [by(MAY)], 'deny AttestationTooOld', AGED],
    ['S12: from the future', [by(JULY)], 'deny AttestationTooOld', AGED],
    ['S12: without time', [by()], 'deny AttestationTooOld', AGED],
    ['S12: with a time that cannot be read', [by('soon')], 'deny AttestationTooOld', AGED],
    ['recent', [by(JUNE)], 'allow', AGED],
    ['a proven time is believed, not a stated one', [logged(MAY, JUNE)], 'deny AttestationTooOld', AGED],
    ['a proven time is enough', [logged(JUNE)], 'allow', AGED],
    ['one that is good among several', [by(MAY), by(JUNE)], 'allow', AGED],
    ['a condition that holds', [by()], 'allow', ON_CI],
    ['a condition that does not hold', [by(JUNE, 'laptop')], 'deny AttestationRejected', ON_CI],
    ['a condition on a missing field', [by()], 'unknown UnreadableEvidence', cel('predicate.x == 1')],
    ['an older one behind eight newer ones', [...many(JUNE, 8), by(MAY)], 'deny AttestationRejected', ON_CI],
    ['an older one behind seven newer ones', [...many(JUNE, 7), by(MAY)], 'allow', ON_CI],
    ['H12: something unread beside a good one', [by(), unread], 'allow'],
    ['H12: something unread beside one too old', [by(MAY), unread], 'unknown RegistryUnavailable', AGED],
    ['H12: only something unread', [unread], 'unknown RegistryUnavailable'],
  ];
  for (const [title, signatures, expected, more] of table) {
    it(title, () => {
      expect(inShort(verdict(signatures, more))).to.equal(expected);
      expect(inShort(verdict(signatures.toReversed(), more))).to.equal(expected);
    });
  }

  for (const [title, type, predicate] of [
    ['a verification summary', 'https://slsa.dev/verification_summary/v1', { timeVerified: JUNE }],
    ['a simple verification result', 'https://in-toto.io/attestation/svr/v0.2', { timeCreated: JUNE }],
    ['OpenVEX', 'https://openvex.dev/ns', { timestamp: JUNE }],
    ['OpenVEX that was updated', 'https://openvex.dev/ns', { timestamp: MAY, last_updated: JUNE }],
    ["cosign's own", 'https://cosign.sigstore.dev/attestation/v1', { Data: 'hello', Timestamp: JUNE }],
    ['CSAF', 'https://example.com/csaf', { document: { tracking: { current_release_date: JUNE } } }],
    ['provenance with a start only', TYPE, { runDetails: { metadata: { startedOn: JUNE } } }],
  ] as const) {
    it(`maxAge finds the time that ${title} states`, () => {
      const aged = { predicateType: type, ...AGED };
      const at = (stated: unknown) => inShort(verdict([provenBy(key, statementOf(type, stated))], aged));
      expect(at(predicate)).to.equal('allow');
      expect(at(JSON.parse(JSON.stringify(predicate).replaceAll(JUNE, MAY)))).to.equal(
        'deny AttestationTooOld',
      );
      expect(at(JSON.parse(JSON.stringify(predicate).replaceAll(JUNE, JULY)))).to.equal(
        'deny AttestationTooOld',
      );
    });
  }

  for (const [wanted, stated, expected] of [
    ['https://spdx.dev/Document', 'https://spdx.dev/Document/v2.3', 'allow'],
    ['https://cyclonedx.org/bom', 'https://cyclonedx.org/bom/1.5', 'allow'],
    ['https://openvex.dev/ns', 'https://openvex.dev/ns/v0.2.0', 'allow'],
    ['https://spdx.dev/Document/v2.3', 'https://spdx.dev/Document', 'deny AttestationMissing'],
    ['https://spdx.dev/Document/v2.3', 'https://spdx.dev/Document/v2.2', 'deny AttestationMissing'],
    ['https://slsa.dev/provenance/v1', 'https://slsa.dev/provenance/v1/v2', 'deny AttestationMissing'],
    ['https://spdx.dev/Document', 'https://spdx.dev/Document/evil', 'deny AttestationMissing'],
    ['https://spdx.dev/Document', 'https://spdx.dev/Document/v2.3/evil', 'deny AttestationMissing'],
    ['https://spdx.dev/Document', 'https://spdx.dev/Documents/v1', 'deny AttestationMissing'],
  ] as const)
    it(`S02: of ${stated} where ${wanted} is wanted: ${expected}`, () => {
      expect(inShort(verdict([provenBy(key, statementOf(stated, {}))], { predicateType: wanted }))).to.equal(
        expected,
      );
    });

  const text = (...given: Parameters<typeof verdict>) => verdict(...given).findings[0]?.found;

  it('S01: the refusal mentions an unsigned attestation, and one with another signer', () => {
    expect(text([unsignedOf(says())])).to.equal(`no ${TYPE} by authority "ci"; 1 found that is not signed`);
    expect(text([provenBy(stranger, says())])).to.equal(
      `no ${TYPE} by authority "ci"; 1 found, made by another key`,
    );
  });

  it('the refusal names platforms that have the attestation where the index has none', () => {
    const near = [{ kind: 'platform', name: 'linux/amd64', signatures: found([by()]) } as const];
    expect(verdict([], {}, { near }).findings[0]?.found).to.equal(
      `no ${TYPE} by authority "ci"; none found; linux/amd64 in this index is attested, the index itself is not`,
    );
  });

  it('the refusal shows the message of the condition', () => {
    expect(text([by(JUNE, 'laptop')], ON_CI)).to.equal('build it on ci');
  });

  it('an image that does not exist is not found', () => {
    expect(inShort(verdict([by()], {}, { manifest: ABSENT }))).to.equal('deny ImageNotFound');
  });
});
