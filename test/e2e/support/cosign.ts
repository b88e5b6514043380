import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { requirePrograms } from './ensure.ts';
import { openWorkspace } from './workspace.ts';

/** `legacy`: the `.sig`/`.att` tag; `bundle`: a Sigstore bundle as a referrer of the image. */
export type SignatureFormat = 'legacy' | 'bundle';

export interface KeyPair {
  /** Path of the private key; its password is empty. */
  readonly privateKey: string;
  readonly publicKey: string;
  readonly publicPem: string;
}

export interface Signing {
  readonly key: KeyPair;
  readonly format: SignatureFormat;
}

/** The real cosign with a home of its own and without any wish for the internet. */
export interface Cosign {
  createKeyPair(name?: string): Promise<KeyPair>;
  /** Signs an image, named by digest. */
  sign(ref: string, signing: Signing & { annotations?: Readonly<Record<string, string>> }): Promise<void>;
  /** Attests a predicate; `type` is one of cosign's short names or a URI. */
  attest(ref: string, attestation: Signing & { type: string; predicate: object }): Promise<void>;
  /** Runs any other command; it has to succeed. Returns what it prints. */
  run(args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** No transparency log, no signing configuration of the public instance, no questions, loopback over http. */
const offline = ['--tlog-upload=false', '--use-signing-config=false', '--allow-http-registry', '--yes'];

/** Makes a home for cosign; `stop` removes it with the keys in it. */
export async function openCosign(): Promise<Cosign> {
  const { cosign } = await requirePrograms(['cosign']);
  const workspace = await openWorkspace('cosign');
  const env = {
    HOME: workspace.folder,
    TUF_ROOT: join(workspace.folder, 'tuf'),
    DOCKER_CONFIG: join(workspace.folder, 'docker'),
    COSIGN_PASSWORD: '',
  };
  const run = (args: readonly string[]): Promise<string> =>
    succeed({ command: cosign, args, cwd: workspace.folder, env });
  let predicates = 0;
  return {
    run,
    createKeyPair: async (name = 'cosign') => {
      const prefix = join(workspace.folder, name);
      await run(['generate-key-pair', `--output-key-prefix=${prefix}`]);
      const publicKey = `${prefix}.pub`;
      return { privateKey: `${prefix}.key`, publicKey, publicPem: await readFile(publicKey, 'utf8') };
    },
    sign: async (ref, { key, format, annotations = {} }) => {
      const claims = Object.entries(annotations).map(([name, value]) => `--annotations=${name}=${value}`);
      await run(['sign', ...offline, ...formatFlags(format), `--key=${key.privateKey}`, ...claims, ref]);
    },
    attest: async (ref, { key, format, type, predicate }) => {
      predicates += 1;
      const path = join(workspace.folder, `predicate-${predicates}.json`);
      await writeFile(path, JSON.stringify(predicate));
      const statement = [`--type=${type}`, `--predicate=${path}`];
      await run(['attest', ...offline, ...formatFlags(format), `--key=${key.privateKey}`, ...statement, ref]);
    },
    stop: () => workspace.close(),
  };
}

function formatFlags(format: SignatureFormat): readonly string[] {
  return [`--new-bundle-format=${format === 'bundle'}`];
}
