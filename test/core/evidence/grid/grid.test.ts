import { expect } from 'chai';
import { openSignatureVerifier } from '../../../support/threads.ts';
import { problem } from '../../../../src/core/model/index.ts';
import { compilePolicy, type CompiledPolicy } from '../../../../src/core/policy/index.ts';
import type { SignatureVerifier } from '../../../../src/core/evidence/index.ts';
import { authority, policyDocument } from '../../../support/policies.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../../support/sigstore/fulcio.ts';
import { createBench, shortly } from '../../../support/verification.ts';
import { CELLS, POSSIBLE, titleOf, whyImpossible, type Cell } from './cells.ts';
import { cellsOnPage, signaturesPage } from './page.ts';
import { ELSEWHERE, pushSigned } from './fixture.ts';
import { createSigners, PREDICATE_TYPE, type Signers, type Who } from './signed-things.ts';

/** The policy that requires the signature of the cell. */
function policyFor({ by, says, where, about }: Cell, { key, sigstore }: Signers): CompiledPolicy {
  const signer =
    by === 'key'
      ? authority('release', key)
      : { name: 'release', keyless: { issuer: OPENID_ISSUER, subject: WORKFLOW } };
  const from = ['release'];
  const platforms = about === 'every platform' ? 'EveryChild' : 'Index';
  const compiled = compilePolicy(
    policyDocument({
      authorities: [{ ...signer, ...(where === 'elsewhere' && { repository: ELSEWHERE }) }],
      require:
        says === 'signature'
          ? { signatures: { from, platforms } }
          : { attestations: [{ predicateType: PREDICATE_TYPE, from }] },
    }),
    {
      material: () => undefined,
      roots: { read: () => problem('', 'is not read here'), publicGood: () => sigstore.root },
    },
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

/** Verifies equal inputs once: the result for the same bytes and digest does not depend on their place. */
function rememberingAnswers(verify: SignatureVerifier): SignatureVerifier {
  const answers = new Map<string, ReturnType<SignatureVerifier>>();
  return (candidate, digest, trust) => {
    const key = JSON.stringify([candidate, digest, trust]);
    const answer = answers.get(key) ?? verify(candidate, digest, trust);
    answers.set(key, answer);
    return answer;
  };
}

describe('signed evidence is found', () => {
  const verifier = openSignatureVerifier();
  const verifySignature = rememberingAnswers(verifier.verify);
  const ran = new Set<string>();
  let signers: Signers;

  before(async () => {
    signers = await createSigners();
  });
  after(() => verifier.close());
  after('every cell of docs/signatures.md has run', function () {
    // With only some cells selected (`--grep`), the others are not checked.
    if (process.argv.some((word) => /^(-g|-f|--grep|--fgrep)/.test(word))) return;
    expect(ran.size).to.equal(cellsOnPage(signaturesPage()));
    expect([...ran]).to.have.members(POSSIBLE.map(titleOf));
  });

  const verdict = async (cell: Cell, who: Who) => {
    const { registry, judge, sources, reported } = createBench();
    Object.assign(sources, { verifySignature });
    const image = await pushSigned(registry, cell, who, signers);
    const answer = shortly(await judge([image], [policyFor(cell, signers)]));
    expect(reported).to.deep.equal([]);
    return answer;
  };

  for (const cell of POSSIBLE) {
    const title = titleOf(cell);
    it(title, async () => {
      const [good, stranger] = await Promise.all([verdict(cell, 'good'), verdict(cell, 'stranger')]);
      expect(good).to.deep.equal(['allow']);
      expect(stranger).to.deep.equal([
        cell.says === 'signature' ? 'deny Unsigned' : 'deny AttestationMissing',
      ]);
      ran.add(title);
    });
  }
});

describe('the grid', () => {
  it('has a test or a reason for every combination, and every name only once', () => {
    expect(CELLS).to.have.lengthOf(2 * 2 * 5 * 6 * 2 * 4);
    expect(new Set(POSSIBLE.map(titleOf)).size).to.equal(POSSIBLE.length);
    expect(CELLS.filter((cell) => whyImpossible(cell) === undefined)).to.have.lengthOf(POSSIBLE.length);
  });
});
