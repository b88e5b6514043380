import { expect } from 'chai';
import {
  brokenPolicy,
  decideByName,
  selectPolicies,
  type CompiledPolicy,
} from '../../../src/core/policy/index.ts';
import { authority, UNKNOWN_FACT, found, policyDocument, policyOf } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { createBench } from '../../support/verification.ts';

const NAME = 'registry.example.com/quarantine/web';
const quarantine = { images: ['**/quarantine/**'] };
const place = policyOf({ require: { quarantine } }, 'place');

const settledBy = (...policies: readonly CompiledPolicy[]) =>
  decideByName(selectPolicies(policies, NAME, found({})), NAME);

describe('a verdict by name alone', () => {
  it('is possible when the repository is in quarantine and no authority can release', () => {
    const settled = settledBy(policyOf({ require: { lifecycle: {} } }, 'other'), place);
    expect(settled?.kind).to.equal('deny');
    expect(settled?.findings).to.have.length(1);
    expect(settled?.findings[0]).to.include({ reason: 'Quarantined', policy: 'place', effect: 'deny' });
  });

  const release = authority('release', signingKey());
  const rows: readonly [string, CompiledPolicy][] = [
    [
      'while an authority could release it',
      policyOf({
        authorities: [release],
        require: { quarantine: { ...quarantine, releasedBy: ['release'] } },
      }),
    ],
    ['where the policy only warns', policyOf({ enforcement: 'Warn', require: { quarantine } })],
    ['where the policy only watches', policyOf({ enforcement: 'Audit', require: { quarantine } })],
    ['for another place', policyOf({ require: { quarantine: { images: ['**/elsewhere/**'] } } })],
    ['when a policy reads flags, and names no repository', policyOf({ require: { quarantine: {} } })],
    ['of a broken policy', brokenPolicy('broken', policyDocument({ require: { quarantine } }), [])],
  ];
  for (const [sentence, policy] of rows) {
    it(`is not possible ${sentence}`, () => expect(settledBy(policy)).to.equal(undefined));
  }

  it('is not possible for a policy that may not apply to the namespace', () => {
    const selecting = policyOf({
      match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } },
      require: { quarantine },
    });
    const selection = selectPolicies([selecting], NAME, UNKNOWN_FACT);
    expect(decideByName(selection, NAME)).to.equal(undefined);
  });

  it('needs no registry request, and is the same while the registry is down', async () => {
    const fixture = createBench();
    const image = fixture.registry.push(NAME, { tag: '1.0' });
    const judged = await fixture.judge([`${NAME}:1.0`, `${NAME}@${image}`], [place]);
    expect(judged.map(({ verdict }) => verdict.kind)).to.deep.equal(['deny', 'deny']);
    expect(fixture.registry.calls).to.deep.equal([]);
  });
});
