import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { objectOf, parsed, parseJson, problem } from '../../model/index.ts';
import type { KeyKind, Parsed, PublicKey } from '../../model/index.ts';

/** Shortest RSA modulus in bits; shorter ones are within reach of factoring (NIST SP 800-131A). */
const MIN_RSA_BITS = 2048;

const CURVES: Readonly<Record<string, KeyKind>> = {
  prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384',
  secp521r1: 'ecdsa-p521',
};

/**
 * Reads exactly one PEM block `PUBLIC KEY`, or one public JWK (RFC 7517) as JSON. Private keys, certificates and several
 * blocks are refused rather than guessed at: Node would derive a public key from each of them without a word. Problems
 * have an empty path.
 */
export function parsePublicKey(text: string): Parsed<PublicKey> {
  const read = text.trimStart().startsWith('{') ? readJwk(text) : readPem(text);
  if (!read.ok) return read;
  const key = read.value;
  const kind = kindOf(key);
  if (!kind.ok) return kind;
  const der = key.export({ type: 'spki', format: 'der' });
  return parsed({
    kind: kind.value,
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
    fingerprint: createHash('sha256').update(der).digest('hex'),
  });
}

function readPem(pem: string): Parsed<KeyObject> {
  const labels = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map((found) => found[1] ?? '');
  if (labels.length !== 1) return problem('', `holds ${labels.length} PEM blocks, one PUBLIC KEY is needed`);
  if (labels[0] !== 'PUBLIC KEY') return problem('', `holds a ${labels[0] ?? ''}, a PUBLIC KEY is needed`);
  try {
    // Indented, as YAML that is written by hand often has it: Node reads no such lines.
    return parsed(createPublicKey({ key: pem.replace(/^[ \t]+/gm, ''), format: 'pem' }));
  } catch {
    const why = pem.includes('\\n') ? ': its lines end with the two characters \\n, give it line breaks' : '';
    return problem('', `holds a PUBLIC KEY block that cannot be read${why}`);
  }
}

const jwk = z.looseObject({ kty: z.enum(['EC', 'RSA', 'OKP']), d: z.undefined().optional() });

function readJwk(json: string): Parsed<KeyObject> {
  const key = parseJson(json);
  if (key === undefined) return problem('', 'is a JWK that cannot be read');
  if (!jwk.safeParse(key).success)
    return problem('', 'is no public JWK: kty EC, RSA or OKP, and no private part');
  try {
    return parsed(createPublicKey({ key: objectOf(key), format: 'jwk' }));
  } catch {
    return problem('', 'is a JWK that cannot be read');
  }
}

function kindOf(key: KeyObject): Parsed<KeyKind> {
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = key;
  if (type === 'ed25519') return parsed(type);
  if (type === 'rsa') return rsa(details.modulusLength ?? 0);
  const what = details.namedCurve ?? type;
  const curve = type === 'ec' ? CURVES[what] : undefined;
  return curve === undefined
    ? problem('', `is a ${what} key; ECDSA P-256, P-384, P-521, RSA and Ed25519 are supported`)
    : parsed(curve);
}

function rsa(bits: number): Parsed<KeyKind> {
  if (bits >= MIN_RSA_BITS) return parsed('rsa');
  return problem('', `is an RSA key of ${bits} bits; at least ${MIN_RSA_BITS} are needed`);
}
