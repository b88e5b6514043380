import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { misfit } from '../../../../src/core/promotion/approval.ts';
import { gateHash, runScope } from '../../../../src/core/promotion/gates/gate.ts';
import { NOW } from '../../../support/policies.ts';
import { readSpec } from '../../../support/promotions/promotions.ts';

const spec = (more: object = {}, promote: object = {}) =>
  readSpec({
    source: { repository: 'registry.example.com/quarantine/app' },
    target: { repository: 'registry.example.com/staging/app' },
    tags: { explicit: ['1.0'] },
    promote: {
      ...{ approval: 'Always', policies: ['signed'], scan: {} },
      sign: { secretRef: { name: 'key' }, annotations: { a: '1', b: '2' } },
      ...promote,
    },
    ...more,
  });
const asked = {
  runUID: 'run-uid',
  promotionUID: 'promotion-uid',
  promotion: 'team-a/flow',
  spec: spec(),
  policies: [{ name: 'signed', fingerprint: digestOf('policy') }],
};
const hashOf = (more: Partial<typeof asked> = {}, tag = '1.0') =>
  gateHash({ tag, digest: digestOf('image'), scope: runScope({ ...asked, ...more }) }, undefined);

describe('what an approval is bound to', () => {
  const others: Readonly<Record<string, Partial<typeof asked>>> = {
    'a run of the same name with another UID': { runUID: 'again' },
    'a promotion of the same name with another UID': { promotionUID: 'again' },
    'another promotion': { promotion: 'team-b/flow' },
    'another target': { spec: spec({ target: { repository: 'registry.example.com/production/app' } }) },
    'another source': { spec: spec({ source: { repository: 'registry.example.com/other/app' } }) },
    'another name at the target': { spec: spec({ targetTag: '{tag}-production' }) },
    'another tag rule': { spec: spec({ tags: { explicit: ['1.0', '2.0'] } }) },
    'what replaces a tag': { spec: spec({ onTagExists: 'Backup' }) },
    'another approval mode': { spec: spec({}, { approval: 'OnBlock' }) },
    'another threshold': { spec: spec({}, { scan: { failOn: 'Critical' } }) },
    'no scan': { spec: spec({}, { scan: undefined }) },
    'one exception more': { spec: spec({}, { scan: { exceptions: [{ id: 'CVE-1', reason: 'x' }] } }) },
    'another signer': { spec: spec({}, { sign: { secretRef: { name: 'other' } } }) },
    'another annotation': {
      spec: spec({}, { sign: { secretRef: { name: 'key' }, annotations: { a: '2' } } }),
    },
    'a deleted source': { spec: spec({}, { deleteSource: true }) },
    'an end of life': { spec: spec({}, { supersede: { endOfLifeAfter: '1h' } }) },
    'no policy': { spec: spec({}, { policies: [] }), policies: [] },
    'a policy that was changed': { policies: [{ name: 'signed', fingerprint: digestOf('changed') }] },
  };
  for (const [what, more] of Object.entries(others))
    it(`A01 does not hold for ${what}`, () => {
      expect(hashOf(more)).not.to.equal(hashOf());
    });

  it('A01 does not hold for another tag of the same digest', () => {
    expect(hashOf({}, 'latest')).not.to.equal(hashOf());
  });

  it('is the same for fields in another order', () => {
    const annotations = { b: '2', a: '1' };
    const other = spec({}, { sign: { annotations, secretRef: { name: 'key' } } });
    const reversed = Object.fromEntries(Object.entries(other).toReversed()) as typeof other;
    expect(hashOf({ spec: reversed })).to.equal(hashOf());
  });
});

describe('why an approval does not count', () => {
  const wanted = { runName: 'flow-1', runUID: 'uid-1', digest: digestOf('a'), gateHash: 'hash', now: NOW };
  const approval = { ...wanted, until: NOW };

  it('A02 is given for another run, run of that name, digest, hash or time', () => {
    expect(misfit(approval, wanted)).to.equal(undefined);
    expect(misfit({ ...approval, runName: 'flow-2' }, wanted)).to.include('"flow-2"');
    expect(misfit({ ...approval, runUID: 'uid-0' }, wanted)).to.include('uid-0');
    expect(misfit({ ...approval, digest: digestOf('b') }, wanted)).to.include(digestOf('b'));
    expect(misfit({ ...approval, gateHash: 'other' }, wanted)).to.include('gate or finding');
    for (const until of [new Date(NOW.getTime() - 1), new Date(NaN)])
      expect(misfit({ ...approval, until }, wanted)).to.equal('it has expired');
  });

  it('A02 does not let the UID of a cluster count at a terminal', () => {
    expect(misfit(approval, { ...wanted, runUID: undefined })).to.include('uid-1');
  });
});
