import { expect } from 'chai';
import type { Fact, ImageRef, Unknown } from '../../../src/core/model/index.ts';
import { pinReference, type Access } from '../../../src/core/evidence/index.ts';
import type { Login } from '../../../src/core/evidence/access.ts';
import { nameOf, parseReference } from '../../../src/core/model/index.ts';
import { ABSENT, authority, found, policyOf } from '../../support/policies.ts';
import { signingKey, simpleSigning } from '../../support/signing.ts';
import { createRegistryTwin, faultOf, type RegistryTwin } from '../../support/twins/registry.ts';
import { createBench, forever, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const key = signingKey();
const signed = policyOf({
  authorities: [{ ...authority('release', key), repository: 'registry.example.com/signatures' }],
  require: { signatures: { from: ['release'] } },
});

/** A registry that shows the signed image to one login only. */
function privateRegistry(): { registry: RegistryTwin; image: string } {
  const registry = createRegistryTwin();
  const digest = registry.push(WEB, { tag: '1' });
  pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
  return { registry, image: `${WEB}@${digest}` };
}

const login = (scope: string, registry: RegistryTwin): Access => {
  const fact: Fact<Login> = found({ scope, registry });
  return () => Promise.resolve(fact);
};

const REFUSED: Unknown = {
  state: 'unknown',
  reason: { code: 'PullSecretUnreadable', detail: 'Secret acme/pull is missing' },
  transient: true,
};

describe('T07: logins from the pull secrets of an object', () => {
  it('what one login may read is never returned to another login, or to none', async () => {
    const { judge } = createBench();
    const { registry, image } = privateRegistry();
    const empty = createRegistryTwin();
    const asTenant = (scope: string, view: RegistryTwin) =>
      judge([image], [signed], { access: login(scope, view) });
    expect(shortly(await asTenant('tenant-a', registry))).to.deep.equal(['allow']);
    const stranger = shortly(await asTenant('tenant-b', empty));
    expect(stranger[0]).to.match(/^deny/);
    expect(shortly(await judge([image], [signed]))[0]).to.match(/^deny/);
    expect(empty.calls).not.to.be.empty;
  });

  it('a login works after an anonymous request, and gets no answer of it', async () => {
    const fixture = createBench();
    const { registry, image } = privateRegistry();
    await fixture.judge([image], [signed]);
    const verdicts = await fixture.judge([image], [signed], { access: login('tenant-a', registry) });
    expect(shortly(verdicts)).to.deep.equal(['allow']);
  });

  it('equal logins share cached facts', async () => {
    const { judge } = createBench();
    const { registry, image } = privateRegistry();
    await judge([image], [signed], { access: login('team', registry) });
    const before = registry.calls.length;
    await judge([image], [signed], { access: login('team', registry) });
    expect(registry.calls).to.have.lengthOf(before);
  });

  it('an object without pull secrets uses the logins of the installation', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const verdicts = await judge([`${WEB}@${digest}`], [signed], { access: () => Promise.resolve(ABSENT) });
    expect(shortly(verdicts)).to.deep.equal(['allow']);
  });

  it('logins that are unknown make the image unknown, and no anonymous request is sent', async () => {
    const { registry, judge } = createBench();
    const { image } = privateRegistry();
    const verdicts = await judge([image], [signed], { access: () => Promise.resolve(REFUSED) });
    expect(shortly(verdicts)).to.deep.equal(['unknown PullSecretUnreadable']);
    expect(registry.calls).to.be.empty;
  });

  const without =
    (isOnly: boolean): Access =>
    () =>
      Promise.resolve({ ...ABSENT, unread: { why: REFUSED, isOnly } });

  it('an image that can be read without a pull secret is admitted, with the name of the secret in one warning', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    for (const image of [`${WEB}@${digest}`, `${WEB}:1`]) {
      const [judged] = await judge([image], [signed, signed], { access: without(true) });
      expect(judged?.verdict.kind).to.equal('warn');
      expect(judged?.verdict.findings).to.have.lengthOf(1);
      expect(judged?.verdict.findings[0]).to.include({ kind: 'notice', reason: 'PullSecretUnreadable' });
      expect(judged?.verdict.findings[0]?.found).to.contain('Secret acme/pull');
    }
  });

  it('T16 an image that is hidden or refused without a pull secret is unknown for want of it, never absent', async () => {
    for (const denied of [false, true]) {
      const { registry, judge, sources } = createBench();
      if (denied) registry.fail('manifest', faultOf('RegistryDenied', false));
      for (const image of [`${WEB}:1`, `${WEB}@sha256:${'a'.repeat(64)}`]) {
        const verdicts = await judge([image], [signed], { access: without(true) });
        expect(shortly(verdicts)).to.deep.equal(['unknown PullSecretUnreadable']);
      }
      const read = parseReference(`${WEB}:1`);
      const how = { signal: forever(), policies: [], owner: { namespace: 'acme' }, access: without(true) };
      const pinned = read.ok && (await pinReference(read.value, how, sources));
      expect(pinned && pinned.state === 'unknown' && pinned.reason.code).to.equal('PullSecretUnreadable');
    }
  });

  it('a registry that fails, or another login that is refused, is the reason beside the name of the secret', async () => {
    const { registry, judge } = createBench();
    registry.fail('manifest', faultOf('RegistryUnavailable'));
    const [away] = await judge([`${WEB}:1`], [signed], { access: without(true) });
    registry.fail('manifest', faultOf('RegistryDenied', false));
    const [refused] = await judge([`${WEB}:1`], [signed], { access: without(false) });
    const reasons = [away, refused].map((one) => one?.verdict.findings.map(({ reason }) => reason));
    expect(reasons).to.deep.equal([
      ['RegistryUnavailable', 'PullSecretUnreadable'],
      ['RegistryDenied', 'PullSecretUnreadable'],
    ]);
  });

  it('an unsigned image stays refused beside a pull secret that cannot be read', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    const [judged] = await judge([`${WEB}:1`], [signed], { access: without(true) });
    expect(judged?.verdict.kind).to.equal('deny');
    expect(judged?.verdict.findings.map(({ reason }) => reason)).to.deep.equal([
      'Unsigned',
      'PullSecretUnreadable',
    ]);
  });

  it('a keychain that fails makes the image unknown with its reason', async () => {
    const { judge } = createBench();
    const access = () => Promise.reject(faultOf('RegistryDenied', false));
    expect(shortly(await judge([`${WEB}:1`], [signed], { access }))).to.deep.equal([
      'unknown RegistryDenied',
    ]);
  });

  it('a login is requested for the image and for every repository of signatures', async () => {
    const { judge } = createBench();
    const asked: string[] = [];
    await judge([`${WEB}:1`], [signed], {
      access: (places) => {
        asked.push(...places.map(nameOf));
        return Promise.resolve(ABSENT);
      },
    });
    expect(asked).to.deep.equal([WEB, 'registry.example.com/signatures']);
  });

  it('no login is requested when no registry request is needed', async () => {
    const { judge } = createBench();
    const digest = policyOf({ require: { digest: {} } });
    const access = () => Promise.reject(new Error('asked'));
    expect(shortly(await judge([`${WEB}:1`], [digest], { access }))).to.deep.equal(['deny NotPinned']);
  });
});

describe('pinning a reference', () => {
  const ref = (text: string): ImageRef => {
    const read = parseReference(text);
    if (!read.ok) throw new Error(text);
    return read.value;
  };

  it('returns the current digest of the tag, with the tag', async () => {
    const { registry, sources } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    const pinned = await pinReference(
      ref(`${WEB}:1`),
      { signal: forever(), policies: [], owner: { namespace: 'acme' } },
      sources,
    );
    expect(pinned.state === 'found' && pinned.value).to.deep.equal({ ...ref(`${WEB}:1`), digest });
  });

  it('sends no request when the reference has a digest', async () => {
    const { registry, sources } = createBench();
    const use = ref(`${WEB}:1@sha256:${'a'.repeat(64)}`);
    const pinned = await pinReference(
      use,
      { signal: forever(), policies: [], owner: { namespace: 'acme' } },
      sources,
    );
    expect(pinned.state === 'found' && pinned.value).to.equal(use);
    expect(registry.calls).to.be.empty;
  });

  it('separates a tag that does not exist from a registry that cannot be read', async () => {
    const { registry, sources } = createBench();
    expect(
      (
        await pinReference(
          ref(`${WEB}:1`),
          { signal: forever(), policies: [], owner: { namespace: 'acme' } },
          sources,
        )
      ).state,
    ).to.equal('absent');
    registry.push(WEB, { tag: '2' });
    registry.fail('manifest', faultOf('RegistryUnavailable'));
    expect(
      (
        await pinReference(
          ref(`${WEB}:2`),
          { signal: forever(), policies: [], owner: { namespace: 'acme' } },
          sources,
        )
      ).state,
    ).to.equal('unknown');
  });
});
