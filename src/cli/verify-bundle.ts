import { failed, inFile, oneLine, parseDigest, parsed } from '../core/model/index.ts';
import type { Digest, Parsed, Problem, PublicKey, Signer, TrustRoot } from '../core/model/index.ts';
import { parsePublicKey } from '../core/policy/index.ts';
import { BadInput, EXIT, must } from './exit.ts';
import type { AddCommand, BundleOutcome, BundleQuestion } from './ports.ts';

interface VerifyOptions {
  readonly bundle?: string;
  readonly trustedRoot?: string;
  readonly key?: string;
  readonly certificateIdentity?: string;
  readonly certificateOidcIssuer?: string;
}

/**
 * `pratique verify-bundle`: whether one sigstore bundle signs a file or digest. Same arguments as the client protocol of the
 * Sigstore conformance suite, so that anyone can run that suite against Pratique.
 */
export const addVerifyBundle: AddCommand = (program, tools, terminal, exit) => {
  program
    .command('verify-bundle')
    .description('verify a sigstore bundle against a file or digest')
    .argument('<file_or_digest>', 'the file, or sha256:… of it')
    .option('--bundle <file>', 'the sigstore bundle')
    .option('--trusted-root <file>', 'trusted_root.json (default: the public-good root, as shipped)')
    .option('--key <file>', 'public key, PEM')
    .option('--certificate-identity <identity>', 'subject of the certificate, exactly')
    .option('--certificate-oidc-issuer <url>', 'issuer of the certificate, exactly')
    .action(async (artifact: string, options: VerifyOptions) => {
      const outcome = must(await tools.verifyBundle(questionOf(artifact, options)));
      if (!outcome.ok) {
        terminal.err(`not verified: ${oneLine(outcome.why)}\n`);
      } else {
        const { signer, signedAt } = outcome;
        const madeBy = signedAt ? `, made by ${signedAt.toISOString()}` : '';
        terminal.out(`verified: ${describe(signer)}${madeBy}\n`);
      }
      exit(outcome.ok ? EXIT.ok : EXIT.refused);
    });
};

function describe(signer: Signer): string {
  if (signer.kind === 'key') return `by the key with SHA-256 ${signer.fingerprint}`;
  return `by ${signer.identity.subjects.join(', ')} (${signer.identity.issuer})`;
}

function questionOf(artifact: string, options: VerifyOptions): BundleQuestion {
  const { bundle, trustedRoot, key, certificateIdentity: subject, certificateOidcIssuer: issuer } = options;
  const problems = problemsIn(options);
  if (problems.length > 0 || bundle === undefined) throw new BadInput(problems);
  const identity = subject !== undefined && issuer !== undefined ? { subject, issuer } : undefined;
  return { bundle, artifact, trustedRoot, key, identity };
}

/** A key, or an identity with its issuer: never both, never half of one. */
function problemsIn({ bundle, key, ...options }: VerifyOptions): readonly Problem[] {
  const identity = {
    '--certificate-identity': options.certificateIdentity,
    '--certificate-oidc-issuer': options.certificateOidcIssuer,
  };
  const missing = Object.entries(identity).flatMap(([flag, value]) => (value === undefined ? [flag] : []));
  const two = key !== undefined && missing.length < Object.keys(identity).length;
  return [
    ...(bundle === undefined ? [{ path: '--bundle', message: 'is needed: the file with the bundle' }] : []),
    ...(two ? [{ path: '--key', message: `goes without ${Object.keys(identity).join(' and ')}` }] : []),
    ...(key === undefined ? missing.map((path) => ({ path, message: 'is needed, or --key' })) : []),
  ];
}

export interface BundleTools {
  readonly readBytes: (path: string) => Promise<Parsed<Uint8Array>>;
  readonly readText: (path: string) => Promise<Parsed<string>>;
  readonly readTrustRoot: (text: string) => Parsed<TrustRoot>;
  readonly publicGoodRoot: () => TrustRoot;
  readonly verify: (question: {
    readonly bundle: Uint8Array;
    readonly artifact: { readonly digest: Digest } | { readonly bytes: Uint8Array };
    readonly root: TrustRoot;
    readonly key?: PublicKey | undefined;
    readonly identity?: BundleQuestion['identity'];
  }) => BundleOutcome;
}

/** Verifies one bundle from files; a file that cannot be used is a problem, a signature that does not verify an answer. */
export async function verifyBundle(
  { bundle: file, artifact, key: keyFile, trustedRoot, identity }: BundleQuestion,
  { readBytes, readText, readTrustRoot, publicGoodRoot, verify }: BundleTools,
): Promise<Parsed<BundleOutcome>> {
  const digest = parseDigest(artifact);
  const readWith = async <T>(parse: (text: string) => Parsed<T>, path: string | undefined) => {
    if (path === undefined) return parsed(undefined);
    const text = await readText(path);
    if (!text.ok) return text;
    const read = parse(text.value);
    return read.ok ? read : ({ ok: false, problems: inFile(path, read.problems) } as const);
  };
  const [bundle, content, key, root] = await Promise.all([
    readBytes(file),
    digest ? parsed(new Uint8Array()) : readBytes(artifact),
    readWith(parsePublicKey, keyFile),
    readWith(readTrustRoot, trustedRoot),
  ]);
  if (!bundle.ok || !content.ok || !key.ok || !root.ok) return failed([bundle, content, key, root]);
  return parsed(
    verify({
      bundle: bundle.value,
      artifact: digest ? { digest } : { bytes: content.value },
      root: root.value ?? publicGoodRoot(),
      key: key.value,
      identity,
    }),
  );
}
