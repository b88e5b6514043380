import { expect } from 'chai';
import { openKeylessSigner } from '../../../../src/clients/sigstore/index.ts';
import type { KeylessOptions } from '../../../../src/clients/sigstore/sign/keyless-signer.ts';
import {
  Fault,
  type PinnedRef,
  type SignatureCandidate,
  type Trust,
} from '../../../../src/core/model/index.ts';
import type { ArtifactSigner, SignedContent } from '../../../../src/core/promotion/ports.ts';
import { statementAbout } from '../../../../src/core/promotion/records/statement.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../../support/sigstore/fulcio.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import {
  identityToken,
  startServers,
  type Instead,
  type Party,
  type Servers,
} from '../../../support/sigstore/servers.ts';
import { forever } from '../../../support/verification.ts';
import { openVerifier, carrier, image, whyNot } from '../fixture.ts';

const web: PinnedRef = { registry: 'registry.example.com', repository: 'shop/web', digest: image };
const TESTED = 'https://acme.example.com/tests/v1';
const token = identityToken({ iss: OPENID_ISSUER, sub: WORKFLOW });

describe('keyless signing', () => {
  const ask = openVerifier();
  let sigstore: Sigstore;
  let servers: Servers;
  let trust: Trust;
  beforeEach(async () => {
    sigstore = await createSigstore();
    servers = await startServers(sigstore);
    trust = { keys: [], roots: [sigstore.root] };
  });
  afterEach(() => servers.stop());

  const open = (options: Partial<KeylessOptions> = {}): ArtifactSigner => {
    const { url } = servers;
    const both = { rekorURL: url, tsaURL: url };
    const opened = openKeylessSigner({
      identityToken: token,
      fulcioURL: url,
      ...both,
      retries: 0,
      ...options,
    });
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    return opened.value;
  };
  const openWith = (witnesses: Pick<KeylessOptions, 'rekorURL' | 'tsaURL'>): ArtifactSigner => {
    const only = { identityToken: token, fulcioURL: servers.url, ...witnesses };
    const opened = openKeylessSigner(only);
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    return opened.value;
  };
  const everything = async (signer: ArtifactSigner): Promise<readonly SignatureCandidate[]> => {
    const signed = await signer.signImage(web, { env: 'prod' }, forever());
    const attested = await signer.signStatement(statementAbout(web, TESTED, { passed: 12 }), forever());
    return [
      {
        form: 'simple-signing',
        digest: carrier,
        payload: signed.layer,
        annotations: signed.layerAnnotations,
      },
      bundled(signed),
      { form: 'envelope', digest: carrier, json: attested.layer, annotations: attested.layerAnnotations },
      bundled(attested),
    ];
  };

  it('signs images and statements so that log and timestamp authority prove signer and time, in both forms', async () => {
    const { fingerprint } = sigstore.root;
    const claims = [
      { kind: 'signature', annotations: { env: 'prod' } },
      { kind: 'signature', annotations: { env: 'prod' } },
      { kind: 'statement', predicateType: TESTED, predicate: { passed: 12 } },
      { kind: 'statement', predicateType: TESTED, predicate: { passed: 12 } },
    ];
    for (const [index, candidate] of (await everything(open())).entries())
      expect(await ask(candidate, trust)).to.deep.equal({
        state: 'proven',
        digest: carrier,
        signer: {
          kind: 'certificate',
          root: fingerprint,
          identity: { issuer: OPENID_ISSUER, subjects: [WORKFLOW], claims: {} },
        },
        loggedBy: [fingerprint],
        timestampedBy: [fingerprint],
        signedAt: sigstore.signedAt,
        says: claims[index],
      });
  });

  it('works with only a log, or with only a timestamp authority', async () => {
    const { url } = servers;
    const { fingerprint } = sigstore.root;
    for (const candidate of await everything(openWith({ rekorURL: url })))
      expect(await ask(candidate, trust)).to.deep.include({ loggedBy: [fingerprint], timestampedBy: [] });
    for (const candidate of await everything(openWith({ tsaURL: url })))
      expect(await ask(candidate, trust)).to.deep.include({ loggedBy: [], timestampedBy: [fingerprint] });
  });

  it('proves nothing with the trust root of another Sigstore', async () => {
    const strange: Trust = { keys: [], roots: [(await createSigstore()).root] };
    for (const candidate of await everything(open()))
      expect((await ask(candidate, strange)).state).to.equal('unproven');
  });

  it('has the name of the subject of its token, or of its e-mail address', async () => {
    const alice = { iss: OPENID_ISSUER, sub: '1234', email: 'alice@example.com', email_verified: true };
    expect(open().name).to.equal(WORKFLOW);
    const signer = open({ identityToken: `${identityToken(alice)}\n` });
    expect(signer.name).to.equal('alice@example.com');
    const [candidate] = await everything(signer);
    expect(await ask(candidate!, trust)).to.have.nested.property(
      'signer.identity.subjects[0]',
      'alice@example.com',
    );
  });

  it('requests one certificate for many signatures, and none before it signs', async () => {
    const signer = open();
    expect(servers.asked.fulcio).to.equal(0);
    await Promise.all([everything(signer), everything(signer)]);
    expect(servers.asked.fulcio).to.equal(1);
    expect(servers.tokens).to.deep.equal([token]);
  });

  it('requests another certificate when the current one is about to expire', async () => {
    servers.certificatesEnd(new Date(Date.now() + 30_000));
    const signer = open();
    await signer.signImage(web, {}, forever());
    const before = servers.asked.fulcio;
    await signer.signImage(web, {}, forever());
    expect(servers.asked.fulcio).to.be.greaterThan(before);
  });

  const failures: readonly [string, Party, Instead, boolean][] = [
    ['Fulcio refuses the token', 'fulcio', { status: 403 }, false],
    ['Fulcio is down', 'fulcio', { status: 503 }, true],
    ['Fulcio is busy', 'fulcio', { status: 429 }, true],
    ['Fulcio answers rubbish', 'fulcio', { status: 200, body: '<html>' }, true],
    ['Fulcio answers nothing useful', 'fulcio', { status: 200, body: '{}' }, true],
    ['Rekor refuses the entry', 'rekor', { status: 400 }, false],
    ['Rekor is down', 'rekor', { status: 500 }, true],
    ['Rekor answers rubbish', 'rekor', { status: 201, body: '[]' }, true],
    ['the authority refuses', 'tsa', { status: 400 }, false],
    ['the authority is down', 'tsa', { status: 502 }, true],
  ];
  for (const [what, party, instead, transient] of failures) {
    it(`fails when ${what}${transient ? ', and may be tried again' : ''}`, async () => {
      servers.instead(party, instead);
      const fault = await faultOf(open().signImage(web, {}, forever()));
      expect(fault).to.include({ code: 'SigningFailed', side: 'trust', transient });
      expect(JSON.stringify([fault.message, fault.cause])).not.to.include(token);
    });
  }

  it('fails when no server listens, and when a server does not answer in time', async () => {
    servers.instead('rekor', 'hang');
    expect(await faultOf(open({ timeoutMs: 50 }).signImage(web, {}, forever()))).to.include({
      code: 'SigningFailed',
      transient: true,
    });
    const signer = open();
    await servers.stop();
    expect(await faultOf(signer.signImage(web, {}, forever()))).to.include({ code: 'SigningFailed' });
  });

  it('signs again after a failure', async () => {
    const signer = open();
    servers.instead('fulcio', { status: 503 });
    await faultOf(signer.signImage(web, {}, forever()));
    servers.instead('fulcio', undefined);
    expect((await signer.signImage(web, {}, forever())).layer).to.have.length.greaterThan(0);
  });

  it('ends at once when the run ends', async () => {
    servers.instead('fulcio', 'hang');
    const run = new AbortController();
    const signed = faultOf(open().signImage(web, {}, run.signal));
    run.abort();
    expect(await signed).to.include({ code: 'DeadlineExceeded', transient: true });
    expect(await faultOf(open().signImage(web, {}, AbortSignal.abort()))).to.include({
      code: 'DeadlineExceeded',
    });
  });

  const refused: readonly [string, Partial<KeylessOptions>, readonly string[]][] = [
    ['no token', { identityToken: '' }, ['identityToken']],
    ['a token that is none', { identityToken: 'hunter2' }, ['identityToken']],
    ['a token of rubbish', { identityToken: 'a.b.c' }, ['identityToken']],
    ['a token in five parts', { identityToken: 'a.b.c.d.e' }, ['identityToken']],
    ['a token without subject', { identityToken: identityToken({ iss: OPENID_ISSUER }) }, ['identityToken']],
    [
      'an e-mail address that is not verified',
      { identityToken: identityToken({ sub: '1', email: 'eve@example.com' }) },
      ['identityToken'],
    ],
    ['an endless token', { identityToken: identityToken({ sub: 'x'.repeat(20_000) }) }, ['identityToken']],
    [
      'addresses that are none',
      { fulcioURL: 'fulcio', tsaURL: 'ftp://tsa.example.com' },
      ['fulcioURL', 'tsaURL'],
    ],
    ['an address with a login', { rekorURL: 'https://user:pass@rekor.example.com' }, ['rekorURL']],
    ['an address with a query', { fulcioURL: 'https://fulcio.example.com/?token=x' }, ['fulcioURL']],
  ];
  for (const [what, options, paths] of refused) {
    it(`refuses ${what}`, () => {
      const given = { identityToken: token, fulcioURL: 'https://fulcio.example.com' };
      const opened = openKeylessSigner({ ...given, rekorURL: 'https://rekor.example.com', ...options });
      expect(opened.ok ? [] : opened.problems.map(({ path }) => path)).to.deep.equal(paths);
      expect(JSON.stringify(opened)).not.to.match(/hunter2|user:pass/);
    });
  }

  it('refuses to sign without a log and without a timestamp authority', () => {
    const opened = openKeylessSigner({ identityToken: token, fulcioURL: 'https://fulcio.example.com' });
    expect(opened).to.have.nested.property('problems[0].path', 'rekorURL');
  });

  it('does not accept a certificate for another key', async () => {
    const [layer] = await everything(open());
    const [other] = await everything(open());
    if (layer?.form !== 'simple-signing' || other?.form !== 'simple-signing') throw new Error('no layers');
    const certificate = 'dev.sigstore.cosign/certificate';
    const mixed = { ...layer.annotations, [certificate]: other.annotations[certificate] ?? '' };
    expect(whyNot(await ask({ ...layer, annotations: mixed }, trust))).to.equal(
      'made by another key than that of its certificate',
    );
  });
});

function bundled({ bundle }: SignedContent): SignatureCandidate {
  return { form: 'bundle', digest: carrier, json: bundle };
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`);
  return error;
}
