import { expect } from 'chai';
import { compilePolicy } from '../../../src/core/policy/index.ts';
import {
  createPolicyStore,
  type PolicyStore,
  type PolicyObject,
} from '../../../src/controllers/policies/policy-store.ts';
import { compileStatus } from '../../../src/controllers/policies/policy-status.ts';
import {
  inShort,
  NO_ROOTS,
  NOW,
  policyDocument,
  verdictOf,
  type WrittenSpec,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const key = signingKey();
const rotated = signingKey();
const fromSecret = {
  authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
  require: { signatures: { from: ['release'] } },
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A cluster's policies and Secrets, to be changed at will. */
function fixture(builtIn: Parameters<typeof createPolicyStore>[0]['builtIn'] = []) {
  const policies = new Map<string, PolicyObject>();
  const secrets = new Map<string, { data: Record<string, string> }>();
  let publicRoot = 'public-good';
  const changes: (readonly string[])[] = [];
  const held: PolicyStore = createPolicyStore({
    source: {
      policies: () => policies.values(),
      secret: (name) => secrets.get(name),
      configMap: () => undefined,
    },
    roots: { ...NO_ROOTS, publicGood: () => ({ fingerprint: publicRoot, json: '{}' }) },
    clock: () => NOW,
    builtIn,
    onChange: (names) => changes.push(names),
  });
  const write = (name: string, spec: WrittenSpec, generation = 1) => {
    const document = policyDocument(spec, name);
    policies.set(name, { ...document, metadata: { name, generation } });
  };
  return {
    held,
    changes,
    policies,
    secrets,
    write,
    setKey: (pem: string) => secrets.set('release-key', { data: { 'cosign.pub': base64(pem) } }),
    refreshRoot: () => (publicRoot = 'public-good-2'),
    fingerprints: () =>
      held
        .current()
        .flatMap(({ signatures }) =>
          (signatures?.from ?? []).map(({ signer }) => (signer.kind === 'key' ? signer.key.fingerprint : '')),
        ),
    state: (name: string) => {
      const state = held.states().get(name);
      if (!state) throw new Error(`no state of ${name}`);
      return state;
    },
  };
}

describe('policies of a cluster', () => {
  it('are compiled with the Secrets they name', () => {
    const { held, write, setKey, fingerprints, state } = fixture();
    write('production', fromSecret);
    setKey(key.pem);
    held.refresh();
    expect(fingerprints()).to.deep.equal([key.fingerprint]);
    expect(state('production')).to.deep.include({ inForce: 'as written', problems: [], generation: 1 });
  });

  it('T05: a key that is rotated in its Secret takes effect without a change of the policy', () => {
    const { held, write, setKey, fingerprints, state, changes } = fixture();
    write('production', fromSecret);
    setKey(key.pem);
    held.refresh();
    const before = state('production').hash;
    setKey(rotated.pem);
    held.refresh();
    expect(fingerprints()).to.deep.equal([rotated.fingerprint]);
    expect(state('production').hash).not.to.equal(before);
    expect(changes).to.deep.equal([['production'], ['production']]);
  });

  it('after the deletion of a Secret its last good key stays in force, and the status shows it', () => {
    const { held, write, setKey, fingerprints, state, secrets } = fixture();
    write('production', fromSecret);
    setKey(key.pem);
    held.refresh();
    const { hash } = state('production');
    secrets.clear();
    held.refresh();
    expect(fingerprints()).to.deep.equal([key.fingerprint]);
    expect(state('production')).to.deep.include({ inForce: 'last good', hash });
    expect(state('production').problems[0]?.path).to.equal('spec.authorities[0].key.secretRef');
    held.refresh();
    setKey(rotated.pem);
    held.refresh();
    expect(fingerprints()).to.deep.equal([rotated.fingerprint]);
    expect(state('production').inForce).to.equal('as written');
  });

  it('a policy that never compiled leaves its images unknown until it does', () => {
    const { held, write, setKey, state } = fixture();
    write('production', fromSecret);
    held.refresh();
    expect(state('production')).to.deep.include({ inForce: 'nothing', hash: '' });
    expect(inShort(verdictOf(held.current()))).to.equal('unknown PolicyBroken');
    setKey(key.pem);
    held.refresh();
    expect(inShort(verdictOf(held.current()))).to.equal('deny Unsigned');
  });

  it('a broken policy does not hide another', () => {
    const { held, write } = fixture();
    write('broken', fromSecret);
    write('held', { require: { quarantine: { images: ['**'] } } });
    held.refresh();
    expect(inShort(verdictOf(held.current()))).to.equal('deny PolicyBroken Quarantined');
  });

  it('are replaced as a whole: a set that a caller holds never changes', () => {
    const { held, write, policies } = fixture();
    write('a', { require: { digest: {} } });
    held.refresh();
    const before = held.current();
    write('b', { require: { digest: {} } });
    policies.delete('a');
    held.refresh();
    expect(before.map(({ name }) => name)).to.deep.equal(['a']);
    expect(held.current().map(({ name }) => name)).to.deep.equal(['b']);
    expect(held.states().has('a')).to.equal(false);
  });

  it('an unchanged policy is not compiled again, and no change is reported', () => {
    const { held, write, changes } = fixture();
    write('a', { require: { digest: {} } });
    held.refresh();
    const [before] = held.current();
    held.refresh();
    write('a', { require: { digest: {} } });
    held.refresh();
    expect(held.current()[0]).to.equal(before);
    expect(changes).to.have.lengthOf(1);
  });

  it('are compiled again when the public-good root is refreshed', () => {
    const { held, write, changes, refreshRoot } = fixture();
    write('a', { require: { digest: {} } });
    held.refresh();
    refreshRoot();
    held.refresh();
    expect(changes).to.have.lengthOf(2);
  });

  it('built-in policies come first and are never removed', () => {
    const document = policyDocument({ require: { digest: {} } }, 'built-in');
    const compiled = compilePolicy(document, { material: () => undefined, roots: NO_ROOTS });
    if (!compiled.ok) throw new Error('does not compile');
    const { held, write } = fixture([compiled.value]);
    expect(held.current().map(({ name }) => name)).to.deep.equal(['built-in']);
    write('a', { require: { digest: {} } });
    held.refresh();
    expect(held.current().map(({ name }) => name)).to.deep.equal(['built-in', 'a']);
  });
});

describe('status of a policy', () => {
  const LATER = new Date(NOW.getTime() + 60_000);
  const conditions = (status: ReturnType<typeof compileStatus>) =>
    Object.fromEntries((status?.conditions ?? []).map((one) => [one.type, one]));

  const setUp = (withKey: boolean) => {
    const opened = fixture();
    opened.write('production', fromSecret, 3);
    if (withKey) opened.setKey(key.pem);
    opened.held.refresh();
    const object = opened.policies.get('production');
    if (!object) throw new Error('no object');
    return { ...opened, object };
  };

  it('shows that the policy is in force as written, and for which generation', () => {
    const { object, state } = setUp(true);
    const status = compileStatus(object, state('production'), NOW);
    expect(status?.observedGeneration).to.equal(3);
    expect(status?.compiledHash).to.match(/^[0-9a-f]{64}$/);
    const { Ready, Stalled } = conditions(status);
    expect(Ready).to.deep.include({ status: 'True', reason: 'Compiled', observedGeneration: 3 });
    expect(Stalled).to.deep.include({ status: 'False' });
    expect(Ready?.lastTransitionTime).to.equal('2026-06-15T12:00:00Z');
  });

  it('names the field path that a person has to correct', () => {
    const { object, state } = setUp(false);
    const { Ready, Stalled } = conditions(compileStatus(object, state('production'), NOW));
    expect(Ready).to.deep.include({ status: 'False', reason: 'PolicyBroken' });
    expect(Stalled).to.deep.include({ status: 'True', reason: 'PolicyBroken' });
    expect(Stalled?.message).to.include('spec.authorities[0].key.secretRef');
  });

  it('is not written again when nothing in it changes', () => {
    const { object, state } = setUp(true);
    const status = compileStatus(object, state('production'), NOW);
    expect(compileStatus({ ...object, status }, state('production'), LATER)).to.equal(undefined);
    // What others write into the status is theirs.
    const more = { ...status, images: { judged: 1, denied: 0, warned: 0, unknown: 0 } };
    expect(compileStatus({ ...object, status: more }, state('production'), LATER)).to.equal(undefined);
  });

  it('keeps the time of the last transition while only the message changes', () => {
    const { object, state, secrets, held, write, policies } = setUp(true);
    const first = compileStatus(object, state('production'), NOW);
    write('production', { ...fromSecret, enforcement: 'Warn' }, 4);
    held.refresh();
    const now = { ...policies.get('production'), status: first } as PolicyObject;
    const second = conditions(compileStatus(now, state('production'), LATER));
    expect(second.Ready?.lastTransitionTime).to.equal('2026-06-15T12:00:00Z');
    secrets.clear();
    held.refresh();
    const third = conditions(compileStatus(now, state('production'), LATER));
    expect(third.Ready).to.deep.include({ status: 'False', lastTransitionTime: '2026-06-15T12:01:00Z' });
    expect(third.Ready?.message).to.include('last good');
  });

  it('has a bounded size for a policy in which every field is wrong', () => {
    const { object, state } = setUp(true);
    const problems = Array.from({ length: 500 }, () => ({ path: 'spec.require', message: 'is wrong' }));
    const status = compileStatus(object, { ...state('production'), problems, inForce: 'last good' }, NOW);
    expect(JSON.stringify(status).length).to.be.lessThan(10_000);
  });
});
