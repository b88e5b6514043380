import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { requirePrograms } from './ensure.ts';
import { openWorkspace } from './workspace.ts';

/** The generations: `cosign` is 3, `cosign2` is 2. */
export type CosignProgram = 'cosign' | 'cosign2';

/**
 * `legacy`: the `.sig`/`.att` tag; `bundle`: a Sigstore bundle as a referrer of the image; `referrer`: what is under the
 * `.sig` tag otherwise, as a referrer, which only cosign 2 signs in and only on trial.
 */
export type SignatureFormat = 'legacy' | 'bundle' | 'referrer';

export interface KeyPair {
  /** Path of the private key; its password is empty if no other was given. */
  readonly privateKey: string;
  readonly publicKey: string;
  readonly publicPem: string;
}

export interface Signing {
  readonly key: KeyPair;
  readonly format: SignatureFormat;
  /** Where the signature is put, if not beside the image: host and repository. */
  readonly repository?: string;
}

/** The content of a signature besides the image. */
export interface SignOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Signs every platform of an index as well. */
  readonly recursive?: boolean;
}

/** The real cosign with a separate home folder and without internet access. */
export interface Cosign {
  createKeyPair(name?: string, password?: string): Promise<KeyPair>;
  /** Takes a private key (PKCS #8, PEM), for the kinds that cosign does not make itself. */
  importKeyPair(name: string, privatePem: string): Promise<KeyPair>;
  /** Signs an image, named by digest. */
  sign(ref: string, signing: Signing & SignOptions): Promise<void>;
  /** Attests a predicate; `type` is one of cosign's short names or a URI. */
  attest(ref: string, attestation: Signing & { type: string; predicate: object }): Promise<void>;
  /** Runs any other command; it must succeed. Returns its output. */
  run(args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** No transparency log, no signing configuration of the public instance, no questions, loopback over http. */
const offline = ['--tlog-upload=false', '--use-signing-config=false', '--allow-http-registry', '--yes'];

/** Makes a home folder for cosign; `stop` removes it with its keys. Both generations accept the same key files. */
export async function openCosign(program: CosignProgram = 'cosign'): Promise<Cosign> {
  const { [program]: command } = await requirePrograms([program]);
  const workspace = await openWorkspace(program);
  const env = {
    HOME: workspace.folder,
    TUF_ROOT: join(workspace.folder, 'tuf'),
    DOCKER_CONFIG: join(workspace.folder, 'docker'),
    COSIGN_PASSWORD: '',
  };
  const runWith = (args: readonly string[], more: Readonly<Record<string, string>>): Promise<string> =>
    succeed({ command, args, cwd: workspace.folder, env: { ...env, ...more } });
  const run = (args: readonly string[]): Promise<string> => runWith(args, {});
  const keyPair = async (args: readonly string[], name: string, password = ''): Promise<KeyPair> => {
    const prefix = join(workspace.folder, name);
    await runWith([...args, `--output-key-prefix=${prefix}`], { COSIGN_PASSWORD: password });
    const publicKey = `${prefix}.pub`;
    return { privateKey: `${prefix}.key`, publicKey, publicPem: await readFile(publicKey, 'utf8') };
  };
  let predicates = 0;
  return {
    run,
    createKeyPair: (name = 'cosign', password) => keyPair(['generate-key-pair'], name, password),
    importKeyPair: async (name, privatePem) => {
      const path = join(workspace.folder, `${name}.pem`);
      await writeFile(path, privatePem, { mode: 0o600 });
      return keyPair(['import-key-pair', `--key=${path}`], name);
    },
    sign: async (ref, { annotations = {}, recursive = false, ...signing }) => {
      const claims = Object.entries(annotations).map(([name, value]) => `--annotations=${name}=${value}`);
      await runWith(
        ['sign', ...flagsOf(signing), `--recursive=${recursive}`, ...claims, ref],
        environmentOf(signing),
      );
    },
    attest: async (ref, { type, predicate, ...signing }) => {
      predicates += 1;
      const path = join(workspace.folder, `predicate-${predicates}.json`);
      await writeFile(path, JSON.stringify(predicate));
      const statement = [`--type=${type}`, `--predicate=${path}`];
      await runWith(['attest', ...flagsOf(signing), ...statement, ref], environmentOf(signing));
    },
    stop: () => workspace.close(),
  };
}

function flagsOf({ format, key }: Signing): readonly string[] {
  const place = format === 'referrer' ? ['--registry-referrers-mode=oci-1-1'] : [];
  return [...offline, `--new-bundle-format=${format === 'bundle'}`, ...place, `--key=${key.privateKey}`];
}

function environmentOf({ format, repository }: Signing): Readonly<Record<string, string>> {
  return {
    ...(format === 'referrer' && { COSIGN_EXPERIMENTAL: '1' }),
    ...(repository !== undefined && { COSIGN_REPOSITORY: repository }),
  };
}
