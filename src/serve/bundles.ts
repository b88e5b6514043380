import { readBytes, readText } from '../clients/files/index.ts';
import { publicGoodRoot, readTrustRoot, verifyArtifactBundle } from '../clients/sigstore/index.ts';
import { parseDigest, parsed, type Parsed } from '../core/model/index.ts';
import { parsePublicKey } from '../core/policy/index.ts';
import type { BundleOutcome, BundleQuestion } from '../cli/index.ts';

/** Verifies one bundle from files; a file that cannot be used is a problem, a signature that does not verify an answer. */
export async function verifyBundle(question: BundleQuestion): Promise<Parsed<BundleOutcome>> {
  const { artifact, identity } = question;
  const digest = parseDigest(artifact);
  const [bundle, content, key, root] = await Promise.all([
    readBytes(question.bundle),
    digest ? parsed(new Uint8Array()) : readBytes(artifact),
    readWith(parsePublicKey, question.key),
    readWith(readTrustRoot, question.trustedRoot),
  ]);
  if (!bundle.ok || !content.ok || !key.ok || !root.ok) {
    return {
      ok: false,
      problems: [bundle, content, key, root].flatMap((one) => (one.ok ? [] : one.problems)),
    };
  }
  return parsed(
    verifyArtifactBundle({
      bundle: bundle.value,
      artifact: digest ? { digest } : { bytes: content.value },
      root: root.value ?? publicGoodRoot(),
      ...(key.value && { key: key.value }),
      ...(identity && { identity }),
    }),
  );
}

/** Reads a file and what is in it; nothing for no file, problems name the file. */
async function readWith<T>(
  parse: (text: string) => Parsed<T>,
  file: string | undefined,
): Promise<Parsed<T | undefined>> {
  if (file === undefined) return parsed(undefined);
  const text = await readText(file);
  if (!text.ok) return text;
  const read = parse(text.value);
  if (read.ok) return read;
  const problems = read.problems.map(({ path, message }) => ({
    path: `${file}${path && `: ${path}`}`,
    message,
  }));
  return { ok: false, problems };
}
