import { expect } from 'chai';
import {
  digestOf,
  type ChildEvidence,
  type Evidence,
  type Fact,
  type Signature,
} from '../../../../src/core/model/index.ts';
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
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';

const [key, stranger] = [signingKey(), signingKey()];
const good = found<readonly Signature[]>([provenBy(key)]);
const foreign = found<readonly Signature[]>([provenBy(stranger)]);

function child(platform: string, signatures: Fact<readonly Signature[]>): ChildEvidence {
  return { platform, digest: digestOf(platform), signatures };
}

function verdict(
  children: Evidence['children'],
  platforms = 'EveryChild',
  signatures: Evidence['signatures'] = good,
  near: Evidence['near'] = [],
) {
  const policy = policyOf({
    authorities: [authority('ci', key)],
    require: { signatures: { from: ['ci'], platforms } },
  });
  return verdictOf([policy], { evidence: evidenceOf({ signatures, children, near }) });
}

describe('platforms: EveryChild', () => {
  const table: readonly [title: string, children: Evidence['children'], expected: string][] = [
    ['an image of one platform', ABSENT, 'allow'],
    ['every platform is signed', found([child('linux/amd64', good), child('linux/arm64', good)]), 'allow'],
    [
      'one platform is not',
      found([child('linux/amd64', good), child('linux/arm64', ABSENT)]),
      'deny Unsigned',
    ],
    ['one platform is signed by a stranger', found([child('linux/amd64', foreign)]), 'deny Unsigned'],
    ['the platforms could not be learned', UNKNOWN_FACT, 'unknown RegistryUnavailable'],
    [
      'the signatures of one could not be',
      found([child('linux/amd64', good), child('', UNKNOWN_FACT)]),
      'unknown RegistryUnavailable',
    ],
  ];
  for (const [title, children, expected] of table) {
    it(`S11: ${title}`, () => {
      expect(inShort(verdict(children))).to.equal(expected);
      expect(inShort(verdict(children, 'Index'))).to.equal('allow');
    });
  }

  it('S11: signatures of the platforms do not replace one of the index', () => {
    expect(inShort(verdict(found([child('linux/amd64', good)]), 'EveryChild', ABSENT))).to.equal(
      'deny Unsigned',
    );
  });

  it('the refusal names the platform, or its digest', () => {
    const text = (platform: string) => verdict(found([child(platform, ABSENT)])).findings[0]?.found;
    expect(text('linux/arm64')).to.equal('linux/arm64: no signature by authority "ci"; none found');
    expect(text('')).to.match(/^sha256:[0-9a-f]{12}: no signature by authority "ci"/);
  });

  it('the refusal does not say that a signed index is not signed, and asks for the platforms', () => {
    const near = [{ kind: 'platform', name: 'linux/amd64', signatures: good } as const];
    const children = found([child('linux/amd64', good), child('linux/arm64', ABSENT)]);
    const [finding] = verdict(children, 'EveryChild', good, near).findings;
    expect(finding?.found).to.equal('linux/arm64: no signature by authority "ci"; none found');
    expect(finding?.next).to.equal('have authority "ci" sign each platform of this index');
    const [own] = verdict(children, 'EveryChild', ABSENT, near).findings;
    expect(own?.found).to.contain('linux/amd64 in this index is signed, the index itself is not');
    expect(own?.next).to.equal('have authority "ci" sign this digest');
  });
});
