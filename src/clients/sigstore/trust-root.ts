import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import * as z from 'zod';
import { parsed, problem, type Parsed, type Problem, type TrustRoot } from '../../core/model/index.ts';
import { parseJson } from './json.ts';
import { toRootMaterial } from './verify/root-material.ts';
import { rootProblems } from './trust-root-problems.ts';

/** Largest trust root in bytes; the public-good one has ten thousand. */
const MAX_ROOT_BYTES = 1024 * 1024;

/** Where the public-good instance serves its metadata: the name of its seed in @sigstore/tuf. */
const PUBLIC_GOOD_MIRROR = 'https://tuf-repo-cdn.sigstore.dev';
const TARGET = 'trusted_root.json';

/**
 * Reads a Sigstore trust root (`trusted_root.json`, v0.1 or v0.2): every certificate and key in it must be readable. All
 * problems at once, each with its path in the JSON. Unknown fields are ignored.
 */
export function readTrustRoot(json: string): Parsed<TrustRoot> {
  if (Buffer.byteLength(json) > MAX_ROOT_BYTES)
    return problem('', `is longer than ${MAX_ROOT_BYTES} bytes, too long for a trust root`);
  const body = parseJson(Buffer.from(json));
  if (typeof body !== 'object' || body === null) return problem('', 'is not JSON of an object');
  const problems = rootProblems(body);
  if (problems.length > 0) return { ok: false, problems };
  const fingerprint = createHash('sha256').update(json).digest('hex');
  return use(body, fingerprint) ?? parsed({ json, fingerprint });
}

/** Last of all the library has to be able to use it. */
function use(body: object, fingerprint: string): { ok: false; problems: readonly Problem[] } | undefined {
  try {
    toRootMaterial(TrustedRoot.fromJSON(body), fingerprint);
    return undefined;
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'no reason is given';
    return problem('', `cannot be used as a trust root: ${detail}`);
  }
}

const seeds = z.object({ [PUBLIC_GOOD_MIRROR]: z.object({ targets: z.object({ [TARGET]: z.base64() }) }) });

/** The root of the public-good instance as this version of @sigstore/tuf ships it: read from disk, without the network. */
export function publicGoodRoot(): TrustRoot {
  const file: unknown = createRequire(import.meta.url)('@sigstore/tuf/seeds.json');
  const target = seeds.parse(file)[PUBLIC_GOOD_MIRROR].targets[TARGET];
  const root = readTrustRoot(Buffer.from(target, 'base64').toString());
  if (root.ok) return root.value;
  throw new Error('the public-good trust root of @sigstore/tuf cannot be read');
}
