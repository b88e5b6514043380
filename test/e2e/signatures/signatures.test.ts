import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import {
  addToFallbackTag,
  pushImage,
  pushIndex,
  pushManifest,
  pushTag,
  type Pushed,
  type Target,
} from '../../support/registry/push.ts';
import { policyDocument, type WrittenSpec } from '../../support/policies.ts';
import { RELEASE_PREDICATE_TYPE } from '../../support/signed-images.ts';
import { openChecker, type Checker } from '../support/installation/check.ts';
import {
  openCosign,
  type Cosign,
  type CosignProgram,
  type KeyPair,
  type SignatureFormat,
} from '../support/programs/cosign.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';

interface Form {
  readonly name: string;
  readonly program: CosignProgram;
  readonly format: SignatureFormat;
}

const LEGACY_3: Form = { name: 'cosign 3, by tag', program: 'cosign', format: 'legacy' };
const BUNDLE_3: Form = { name: 'cosign 3, as a bundle', program: 'cosign', format: 'bundle' };
const LEGACY_2: Form = { name: 'cosign 2, by tag', program: 'cosign2', format: 'legacy' };
const REFERRER_2: Form = { name: 'cosign 2, as a referrer', program: 'cosign2', format: 'referrer' };
const SIGNATURES = [LEGACY_3, BUNDLE_3, LEGACY_2, REFERRER_2];
/** Cosign 2 tries `oci-1-1` for signatures beside the image alone: not for attestations, nor in another repository. */
const MATURE = [LEGACY_3, BUNDLE_3, LEGACY_2];

const TESTS = 'https://acme.example.com/tests/v1';

const ALLOWED = '0 allow';
const UNSIGNED = '1 deny Unsigned';

const signed: WrittenSpec = { signatures: { from: ['release'] } };
const everyPlatformSigned: WrittenSpec = { signatures: { from: ['release'], platforms: 'EveryChild' } };
const released: WrittenSpec = { quarantine: { releasedBy: ['security'] } };
const tested: WrittenSpec = {
  attestations: [
    {
      predicateType: TESTS,
      from: ['release'],
      conditions: [{ cel: 'predicate.passed > 10', message: 'more tests have to pass' }],
    },
  ],
};

interface Attested {
  readonly image: Pushed;
  readonly type: string;
  readonly predicate: object;
}

type KeyName = 'release' | 'security' | 'stranger' | 'p384' | 'rsa';

describe('signatures by the real cosign, judged by the built product', () => {
  const started: { stop(): Promise<unknown> }[] = [];
  let registries: Readonly<Record<'olareg' | 'distribution', Registry>>;
  let programs: Readonly<Record<CosignProgram, Cosign>>;
  let keys: Readonly<Record<KeyName, KeyPair>>;
  let checker: Checker;

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
    checker = await keep(openChecker());
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const pem = { format: 'pem', type: 'pkcs8' } as const;
    keys = {
      release: await cosign.createKeyPair('release'),
      security: await cosign2.createKeyPair('security'),
      stranger: await cosign.createKeyPair('stranger'),
      p384: await cosign.importKeyPair('p384', p384.export(pem).toString()),
      rsa: await cosign2.importKeyPair('rsa', rsa.export(pem).toString()),
    };
  });

  after(() => Promise.all(started.map((each) => each.stop())));

  for (const name of ['olareg', 'distribution'] as const) {
    const api = name === 'olareg' ? 'with the referrers API' : 'without the referrers API';
    describe(`in a registry ${api} (${name})`, () => {
      let count = 0;
      const target = (): Target => {
        count += 1;
        return { registry: registries[name].host, repository: `shop/image-${count}`, tag: 'v1' };
      };
      const push = async (to = target(), annotations?: Readonly<Record<string, string>>) => {
        count += 1;
        const image = await pushImage(to, { salt: `${count}`, ...(annotations && { annotations }) });
        return { to, image, byTag: `${to.registry}/${to.repository}:${to.tag ?? ''}` };
      };
      const sign = (image: Pushed, { program, format }: Form, key: KeyName = 'release') =>
        programs[program].sign(image.reference, { key: keys[key], format });
      const attest = ({ program, format }: Form, by: KeyName, { image, ...statement }: Attested) =>
        programs[program].attest(image.reference, { key: keys[by], format, ...statement });
      const policies = (require: WrittenSpec, release: WrittenSpec = {}) => {
        const authorities = (['release', 'security', 'p384', 'rsa'] as const).map((each) => ({
          name: each,
          key: { pem: keys[each].publicPem },
          ...(each === 'release' && release),
        }));
        return [policyDocument({ authorities, require })];
      };
      const verdict = (image: string, require: WrittenSpec, release?: WrittenSpec) =>
        checker.check(image, policies(require, release));
      const verdicts = (require: WrittenSpec, ...images: readonly string[]) =>
        Promise.all(images.map((image) => verdict(image, require)));

      for (const form of SIGNATURES) {
        it(`counts a signature by the right key (${form.name}), by tag and by digest`, async () => {
          const { image, byTag } = await push();
          expect(await verdict(byTag, signed)).to.equal(UNSIGNED);
          await sign(image, form);
          expect(await verdicts(signed, byTag, image.reference)).to.deep.equal([ALLOWED, ALLOWED]);
        });

        it(`does not count a signature by another key (${form.name}), and finds the right one beside it`, async () => {
          const { image } = await push();
          await sign(image, form, 'stranger');
          expect(await verdict(image.reference, signed)).to.equal(UNSIGNED);
          await sign(image, form);
          expect(await verdict(image.reference, signed)).to.equal(ALLOWED);
        });

        it(`follows the digest, not the tag that moved to another image (${form.name})`, async () => {
          const { to, image, byTag } = await push();
          await sign(image, form);
          const other = await push({ ...to, tag: 'other' });
          await pushTag(to, 'v1', other.image);
          expect(await verdicts(signed, byTag, image.reference)).to.deep.equal([UNSIGNED, ALLOWED]);
        });

        it(`refuses a signature that was copied to another image (${form.name})`, async () => {
          const { to, image } = await push();
          await sign(image, form);
          const other = await push({ ...to, tag: 'other' });
          await copySignature(to, image, other.image);
          const [judged, found] = await Promise.all([
            verdict(other.image.reference, signed),
            checker.explain(other.image.reference, policies(signed)),
          ]);
          expect(judged).to.equal(UNSIGNED);
          const copies = found.filter((line) => line.startsWith('signatures: sha256:'));
          expect(copies.join(), 'the copy is found, and refused for what it says').to.match(
            /^signatures: sha256:\S+: does not count, [^,]+$/,
          );
        });

        it(`requires a signature of every platform when a policy sets that: sign, then sign -r (${form.name})`, async () => {
          const to = target();
          const platforms = [];
          for (const architecture of ['amd64', 'arm64']) {
            const platform = { os: 'linux', architecture };
            platforms.push({
              ...(await pushImage(to, { platform, salt: `${form.name}${to.repository}` })),
              platform,
            });
          }
          const index = await pushIndex(to, { manifests: platforms });
          await sign(index, form);
          const [one, every] = await Promise.all([
            verdict(index.reference, signed),
            verdict(index.reference, everyPlatformSigned),
          ]);
          expect([one, every]).to.deep.equal([ALLOWED, UNSIGNED]);
          const { program, format } = form;
          await programs[program].sign(index.reference, { key: keys.release, format, recursive: true });
          expect(await verdict(index.reference, everyPlatformSigned)).to.equal(ALLOWED);
        });

        for (const kind of ['p384', 'rsa'] as const) {
          it(`counts a signature by an imported key: ${kind} (${form.name})`, async () => {
            const { image } = await push();
            await sign(image, form, kind);
            const [by, byAnother] = await Promise.all([
              verdict(image.reference, { signatures: { from: [kind] } }),
              verdict(image.reference, signed),
            ]);
            expect([by, byAnother]).to.deep.equal([ALLOWED, UNSIGNED]);
          });
        }
      }

      for (const form of MATURE) {
        it(`looks for signatures in the repository that the authority names (${form.name})`, async () => {
          const { image } = await push();
          const { registry, repository } = target();
          const place = `${registry}/${repository}/signatures`;
          const { program, format } = form;
          await programs[program].sign(image.reference, { key: keys.release, format, repository: place });
          const [beside, there] = await Promise.all([
            verdict(image.reference, signed),
            verdict(image.reference, signed, { repository: place }),
          ]);
          expect({ beside, there }).to.deep.equal({ beside: UNSIGNED, there: ALLOWED });
        });

        it(`reads an attestation and its conditions (${form.name})`, async () => {
          const rows = [
            ['release', { passed: 11 }, ALLOWED],
            ['release', { passed: 10 }, '1 deny AttestationRejected'],
            ['release', {}, '2 unknown UnreadableEvidence'],
            ['stranger', { passed: 11 }, '1 deny AttestationMissing'],
          ] as const;
          const row = async ([by, predicate, expected]: (typeof rows)[number]) => {
            const { image } = await push();
            await attest(form, by, { image, type: TESTS, predicate });
            const detail = `${by} ${JSON.stringify(predicate)}`;
            expect(await verdict(image.reference, tested), detail).to.equal(expected);
            expect(await verdict(image.reference, signed), 'an attestation signs no image').to.equal(
              UNSIGNED,
            );
          };
          await Promise.all(rows.map(row));
        });

        it(`lifts a quarantine by the release of a permitted signer, and of no other (${form.name})`, async () => {
          const { image } = await push(target(), { 'dev.pratique.quarantine': 'true' });
          const release = { image, type: RELEASE_PREDICATE_TYPE, predicate: { source: image.reference } };
          expect(await verdict(image.reference, released)).to.equal('1 deny Quarantined');
          await attest(form, 'release', release);
          expect(await verdict(image.reference, released)).to.equal('1 deny Quarantined');
          await attest(form, 'security', release);
          expect(await verdict(image.reference, released)).to.equal(ALLOWED);
        });
      }
    });
  }
});

/** Copies the signature of one image to the tag of another, as a user with push rights can. */
async function copySignature(target: Target, from: Pushed, to: Pushed): Promise<void> {
  const tag = (image: Pushed, suffix: string) => `${image.digest.replace(':', '-')}${suffix}`;
  const legacy = await manifest(target, tag(from, '.sig'));
  if (legacy) {
    await pushManifest({ ...target, tag: tag(to, '.sig') }, legacy);
    return;
  }
  const listing = (await read(target, `referrers/${from.digest}`)) ?? (await manifest(target, tag(from, '')));
  const entries = (listing?.manifests ?? []) as { digest: string; artifactType?: string }[];
  expect(entries, 'signatures of the image').to.have.length(1);
  for (const { digest, artifactType } of entries) {
    const { mediaType, size } = to;
    const subject = { mediaType, digest: to.digest, size };
    const { registry, repository } = target;
    const copy = await pushManifest(
      { registry, repository },
      { ...(await manifest(target, digest)), subject },
    );
    if (copy.response.headers.has('oci-subject')) continue;
    const entry = { mediaType: copy.mediaType, digest: copy.digest, size: copy.size };
    await addToFallbackTag(target, to.digest, { ...entry, ...(artifactType && { artifactType }) });
  }
}

function manifest(target: Target, name: string): Promise<Record<string, unknown> | undefined> {
  return read(target, `manifests/${name}`);
}

async function read(
  { registry, repository }: Target,
  path: string,
): Promise<Record<string, unknown> | undefined> {
  const accept = ['manifest', 'index'].map((one) => `application/vnd.oci.image.${one}.v1+json`).join(', ');
  const answer = await fetch(`http://${registry}/v2/${repository}/${path}`, { headers: { accept } });
  return answer.ok ? ((await answer.json()) as Record<string, unknown>) : undefined;
}
