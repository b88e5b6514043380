import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { openKeylessSigner, openKeySigner } from '../../../src/clients/sigstore/index.ts';
import type { ArtifactSigner } from '../../../src/core/promotion/index.ts';
import { SIGN_PREDICATE_TYPE } from '../../../src/core/promotion/records/statement.ts';
import { cosignKey } from '../../support/private-keys.ts';
import { pushImage } from '../../support/registry/push.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../support/sigstore/fulcio.ts';
import { createSigstore } from '../../support/sigstore/instance.ts';
import { identityToken, startServers } from '../../support/sigstore/servers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import {
  attestAsBundle,
  attestByTag,
  signAsBundle,
  signByTag,
  TESTED,
  type By,
  type Signed,
} from '../support/cluster/attach.ts';
import { openCosign, type Cosign, type CosignProgram } from '../support/programs/cosign.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';

const RELEASE = 'https://pratique.dev/release/v1';
const PASSWORD = 'correct horse battery staple';

/** No log, no public instance, loopback over http. */
const VERIFY = ['--insecure-ignore-tlog', '--allow-http-registry'];

/** A signer, and the file with its public key. */
interface SignerOnDisk extends By {
  readonly publicKey: string;
}

describe('signatures of Pratique, verified by the real cosign', () => {
  const started: { stop(): Promise<unknown> }[] = [];
  let registries: Readonly<Record<'olareg' | 'distribution', Registry>>;
  let programs: Readonly<Record<CosignProgram, Cosign>>;
  let release: SignerOnDisk;
  let stranger: SignerOnDisk;
  let workflow: By;
  let trustedRoot: string;

  const keep = async <T extends { stop(): Promise<unknown> }>(start: Promise<T>): Promise<T> => {
    const running = await start;
    started.push(running);
    return running;
  };

  before(async () => {
    const [olareg, distribution, cosign, cosign2] = await Promise.all([
      keep(startOlareg()),
      keep(startDistribution()),
      keep(openCosign('cosign')),
      keep(openCosign('cosign2')),
    ]);
    registries = { olareg, distribution };
    programs = { cosign, cosign2 };
    release = await generated(cosign, 'release');
    stranger = await generated(cosign2, 'stranger');
    const sigstore = await createSigstore();
    const { url } = await keep(startServers(sigstore));
    workflow = { signer: openWorkflow(url) };
    const folder = await temporaryFolder();
    started.push({ stop: () => folder.remove() });
    trustedRoot = await folder.write('trusted_root.json', sigstore.rootJson);
  });

  after(() => Promise.all(started.map((each) => each.stop())));

  it('opens the keys of both generations of cosign only with their password', async () => {
    for (const name of ['cosign', 'cosign2'] as const) {
      const key = await programs[name].createKeyPair(`of-${name}`, PASSWORD);
      const pem = await readFile(key.privateKey, 'utf8');
      expect((await openKeySigner({ pem, password: PASSWORD })).ok).to.be.true;
      const wrong = await openKeySigner({ pem, password: 'wrong' });
      expect(wrong).to.have.nested.property('problems[0].path', 'password');
    }
  });

  for (const name of ['olareg', 'distribution'] as const) {
    const api = name === 'olareg' ? 'with the referrers API' : 'without the referrers API';
    describe(`in a registry ${api} (${name})`, () => {
      let count = 0;
      const push = async (): Promise<Signed> => {
        count += 1;
        const to = { registry: registries[name].host, repository: `golden/image-${count}`, tag: 'v1' };
        return { to, image: await pushImage(to, { salt: `${name} ${count}` }) };
      };

      it('cosign 3 verifies a signature that is a bundle, with its annotations, by the right key alone', async () => {
        const signed = await push();
        await signAsBundle(signed, release, { env: 'prod' });
        expect(await verify('cosign', signed, release, ['--annotations=env=prod'])).to.equal('yes');
        expect(await verify('cosign', signed, release, ['--annotations=env=test'])).to.equal('no');
        expect(await verify('cosign', signed, stranger)).to.equal('no');
      });

      for (const program of ['cosign', 'cosign2'] as const) {
        it(`${program} verifies a signature under its tag, with its annotations, by the right key alone`, async () => {
          const signed = await push();
          await signByTag(signed, release, { env: 'prod' });
          expect(await verify(program, signed, release, ['--annotations=env=prod'])).to.equal('yes');
          expect(await verify(program, signed, release, ['--annotations=env=test'])).to.equal('no');
          expect(await verify(program, signed, stranger)).to.equal('no');
        });

        it(`${program} verifies an attestation under its tag`, async () => {
          const signed = await push();
          await attestByTag(signed, release);
          expect(await verifyAttestation(program, signed, release)).to.deep.equal({ passed: 12 });
          expect(await verifyAttestation(program, signed, stranger)).to.equal('no');
        });
      }

      it('cosign 3 verifies attestations that are bundles, each by its type', async () => {
        const signed = await push();
        await attestAsBundle(signed, release, TESTED, { passed: 12 });
        await attestAsBundle(signed, release, RELEASE, { run: 'nightly' });
        expect(await verifyAttestation('cosign', signed, release)).to.deep.equal({ passed: 12 });
        expect(await verifyAttestation('cosign', signed, release, RELEASE)).to.deep.equal({ run: 'nightly' });
        expect(await verifyAttestation('cosign', signed, stranger)).to.equal('no');
      });

      it('cosign 3 shows all signatures and attestations in its tree', async () => {
        const signed = await push();
        await signAsBundle(signed, release, {});
        await signByTag(signed, release, {});
        await attestByTag(signed, release);
        const tree = await programs.cosign.run(['tree', '--allow-http-registry', signed.image.reference]);
        expect(tree).to.include(`${SIGN_PREDICATE_TYPE} artifacts via OCI referrer`);
        expect(tree).to.match(/Signatures for an image tag: .*\.sig/);
        expect(tree).to.match(/Attestations for an image tag: .*\.att/);
      });

      it('keeps signatures of cosign, made before and after', async () => {
        const signed = await push();
        const { cosign2 } = programs;
        const [first, last] = [
          await cosign2.createKeyPair(`${name}-first`),
          await cosign2.createKeyPair(`${name}-last`),
        ];
        await cosign2.sign(signed.image.reference, { key: first, format: 'legacy' });
        await signByTag(signed, release, {});
        await cosign2.sign(signed.image.reference, { key: last, format: 'legacy' });
        for (const publicKey of [first.publicKey, release.publicKey, last.publicKey])
          expect(await verify('cosign2', signed, { publicKey })).to.equal('yes');
      });

      for (const form of ['bundle', 'tag'] as const) {
        it(`cosign 3 verifies a signature by an identity (by ${form}), and of the right identity alone`, async () => {
          const signed = await push();
          await (form === 'bundle' ? signAsBundle : signByTag)(signed, workflow, {});
          expect(await verifyIdentity(['verify'], signed, WORKFLOW)).to.equal('yes');
          expect(await verifyIdentity(['verify'], signed, `${WORKFLOW}-of-another`)).to.equal('no');
          const attested = await push();
          const attest = ['verify-attestation', `--type=${TESTED}`];
          if (form === 'bundle') await attestAsBundle(attested, workflow, TESTED, { passed: 12 });
          else await attestByTag(attested, workflow);
          expect(await verifyIdentity(attest, attested, WORKFLOW)).to.equal('yes');
          expect(await verifyIdentity(attest, attested, `${WORKFLOW}-of-another`)).to.equal('no');
        });
      }

      const kinds: Readonly<Record<string, readonly [KeyObject, readonly string[]]>> = {
        'P-384': [
          generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
          ['--signature-digest-algorithm=sha384'],
        ],
        RSA: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, []],
        Ed25519: [generateKeyPairSync('ed25519').privateKey, []],
      };
      for (const [kind, [key, flags]] of Object.entries(kinds)) {
        it(`cosign 3 verifies signatures by a key of kind ${kind}, in both forms`, async () => {
          const by = await imported(programs.cosign, `${kind}-${name}`, key);
          const [bundled, tagged] = [await push(), await push()];
          await signAsBundle(bundled, by, {});
          await signByTag(tagged, by, {});
          expect(await verify('cosign', bundled, by, flags)).to.equal('yes');
          expect(await verify('cosign', tagged, by, flags)).to.equal('yes');
        });
      }
    });
  }

  async function verifyIdentity(
    command: readonly string[],
    { image }: Signed,
    identity: string,
  ): Promise<'yes' | 'no'> {
    const who = [`--certificate-identity=${identity}`, `--certificate-oidc-issuer=${OPENID_ISSUER}`];
    const args = [...command, '--allow-http-registry', `--trusted-root=${trustedRoot}`, ...who];
    return programs.cosign.run([...args, image.reference]).then(
      () => 'yes',
      () => 'no',
    );
  }

  async function verify(
    program: CosignProgram,
    { image }: Signed,
    { publicKey }: Pick<SignerOnDisk, 'publicKey'>,
    more: readonly string[] = [],
  ): Promise<'yes' | 'no'> {
    const args = ['verify', ...VERIFY, `--key=${publicKey}`, ...more, image.reference];
    return programs[program].run(args).then(
      () => 'yes',
      () => 'no',
    );
  }

  /** The predicate that cosign vouches for. */
  async function verifyAttestation(
    program: CosignProgram,
    { image }: Signed,
    { publicKey }: SignerOnDisk,
    type = TESTED,
  ): Promise<unknown> {
    const args = ['verify-attestation', ...VERIFY, `--key=${publicKey}`, `--type=${type}`, image.reference];
    const printed = await programs[program].run(args).catch(() => undefined);
    if (printed === undefined) return 'no';
    const [line = ''] = printed.split('\n').filter((each) => each.startsWith('{'));
    const { payload } = JSON.parse(line) as { payload: string };
    return (JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: unknown }).predicate;
  }
});

async function generated(cosign: Cosign, name: string): Promise<SignerOnDisk> {
  const key = await cosign.createKeyPair(name, PASSWORD);
  const pem = await readFile(key.privateKey, 'utf8');
  return { signer: await open(pem, PASSWORD), publicKey: key.publicKey };
}

async function imported(cosign: Cosign, name: string, key: KeyObject): Promise<SignerOnDisk> {
  const pair = await cosign.importKeyPair(name, key.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { signer: await open(cosignKey(key), ''), publicKey: pair.publicKey };
}

async function open(pem: string, password: string): Promise<ArtifactSigner> {
  const opened = await openKeySigner({ pem, password });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
  return opened.value;
}

function openWorkflow(url: string): ArtifactSigner {
  const token = identityToken({ iss: OPENID_ISSUER, sub: WORKFLOW });
  const opened = openKeylessSigner({ identityToken: token, fulcioURL: url, rekorURL: url, tsaURL: url });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
  return opened.value;
}
