import {
  constants,
  createPublicKey,
  type KeyObject,
  publicDecrypt,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { ASN1Obj } from '@sigstore/core';
import type { KeyKind } from '../../../core/model/index.ts';
import type { SignedMaterial } from './material.ts';

/** Shortest RSA modulus in bits; shorter ones are within reach of factoring (NIST SP 800-131A). */
const MIN_RSA_BITS = 2048;

/**
 * Hashes tried per kind of key, the one cosign picks today first: the hash of the curve's size, before mid-2026 always
 * SHA-256. Signers choose another one freely: cert-manager signs by RSA with SHA-512, and so do keys of Google's KMS. All
 * of SHA-2 from 256 bits on is as good, and the key proves which one was meant. Ed25519 hashes by itself.
 */
const HASHES: Readonly<Record<KeyKind, readonly [string | null, ...string[]]>> = {
  'ecdsa-p256': ['sha256', 'sha384', 'sha512'],
  'ecdsa-p384': ['sha384', 'sha256', 'sha512'],
  'ecdsa-p521': ['sha512', 'sha256', 'sha384'],
  rsa: ['sha256', 'sha512', 'sha384'],
  ed25519: [null],
};

/** Hashes that are tried only to name them in the refusal: collisions of SHA-1 are made, SHA-224 and SHA-3 no signer of images uses. */
const REFUSED_HASHES: Readonly<Record<string, string>> = {
  sha1: 'SHA-1',
  sha224: 'SHA-224',
  'sha3-256': 'SHA3-256',
  'sha3-512': 'SHA3-512',
};
/** Largest signed text in bytes for which they are tried: each reads all of it, for every key. */
const MAX_NAMED_BYTES = 128 * 1024;

const KINDS: Readonly<Record<string, KeyKind>> = {
  prime256v1: 'ecdsa-p256',
  secp384r1: 'ecdsa-p384',
  secp521r1: 'ecdsa-p521',
};

/** How a key signs; `undefined` for keys that no signature is accepted from. */
export function kindOfKey(key: KeyObject): KeyKind | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'ed25519') return type;
  if (type === 'rsa') return (details.modulusLength ?? 0) >= MIN_RSA_BITS ? type : undefined;
  return type === 'ec' ? KINDS[details.namedCurve ?? ''] : undefined;
}

/** Whether OpenSSL can read a public key of one of these forms, DER. */
export function isPublicKey(key: Buffer, forms: readonly ('spki' | 'pkcs1')[]): boolean {
  return forms.some((type) => {
    try {
      createPublicKey({ key, format: 'der', type });
      return true;
    } catch {
      return false;
    }
  });
}

/** The hash to sign with, the one cosign picks today; `null` for Ed25519, which hashes by itself. */
export function signingHash(kind: KeyKind): string | null {
  return HASHES[kind][0];
}

/** Whether this key made the signature. Certificates, logs and timestamps play no part. */
export function isSignedBy({ covered, signature }: SignedMaterial, key: KeyObject): boolean {
  const kind = kindOfKey(key);
  if (kind === undefined) return false;
  if ('sha256' in covered) return verifyDigest(covered.sha256, key, signature);
  return HASHES[kind].some((hash) => isMadeWith(hash, covered.bytes, key, signature));
}

/** RSA signs with one of two paddings (RFC 8017): both are in use with one key, e.g. of Google's KMS. */
function isMadeWith(hash: string | null, bytes: Uint8Array, key: KeyObject, signature: Buffer): boolean {
  if (verify(hash, bytes, key, signature)) return true;
  if (key.asymmetricKeyType !== 'rsa') return false;
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
  return verify(hash, bytes, { key, padding, saltLength }, signature);
}

/** Why none of these keys made the signature in a way that is accepted, as one clause. */
export function whyNotSignedBy({ covered, signature }: SignedMaterial, keys: readonly KeyObject[]): string {
  if ('sha256' in covered)
    return 'made by another key, or with another hash than SHA-256, which needs the file itself';
  const { bytes } = covered;
  if (bytes.length > MAX_NAMED_BYTES) return 'made by another key';
  const hashing = keys.filter((key) => !['ed25519', undefined].includes(kindOfKey(key)));
  const [, name] =
    Object.entries(REFUSED_HASHES).find(([hash]) =>
      hashing.some((key) => isMadeWith(hash, bytes, key, signature)),
    ) ?? [];
  return name === undefined
    ? 'made by another key'
    : `made by this key with ${name}; SHA-256, SHA-384 and SHA-512 are accepted`;
}

/*
 * Verifies signatures over a SHA-256 whose input is not here. Node's crypto hashes by itself and takes no finished hash,
 * so ECDSA is computed here (FIPS 186-5, section 6.4.2): tens of milliseconds, for a person at a command line only.
 * Nothing secret takes part in it.
 */

/** DER of the DigestInfo before a SHA-256 (RFC 8017, section 9.2, note 1). */
const SHA256_DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** Whether `key` signed this SHA-256. Always `false` for Ed25519, which signs no hash. */
export function verifyDigest(sha256: Buffer, key: KeyObject, signature: Buffer): boolean {
  try {
    if (key.asymmetricKeyType === 'rsa') return verifyRsa(sha256, key, signature);
    return key.asymmetricKeyType === 'ec' && verifyEcdsa(sha256, key, signature);
  } catch {
    return false; // a signature that is no DER, or padding that is none
  }
}

function verifyRsa(sha256: Buffer, key: KeyObject, signature: Buffer): boolean {
  const opened = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
  const expected = Buffer.concat([SHA256_DIGEST_INFO, sha256]);
  return opened.length === expected.length && timingSafeEqual(opened, expected);
}

function verifyEcdsa(sha256: Buffer, key: KeyObject, signature: Buffer): boolean {
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const numbers = ASN1Obj.parseBuffer(Buffer.from(signature)).subs.map((part) => part.toInteger());
  const [r = 0n, s = 0n] = numbers;
  if (curve === undefined || numbers.length !== 2) return false;
  if (![r, s].every((one) => one > 0n && one < curve.n)) return false;
  const w = inverse(s, curve.n);
  const point = addPoints(
    multiplyPoint(curve.g, modulo(toNumber(sha256) * w, curve.n), curve),
    multiplyPoint(pointOf(key), modulo(r * w, curve.n), curve),
    curve,
  );
  return point !== undefined && modulo(point.x, curve.n) === r;
}

function pointOf(key: KeyObject): Point {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return { x: toNumber(Buffer.from(x, 'base64url')), y: toNumber(Buffer.from(y, 'base64url')) };
}

/** No curve here is shorter than the hash, so that no bit of it has to be cut off. */
function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** A point of a curve; the point at infinity is `undefined`. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** A prime curve y² = x³ − 3x + b (NIST SP 800-186, section 3.2.1). */
interface Curve {
  /** The field's prime. */
  readonly p: bigint;
  /** The order of `g`. */
  readonly n: bigint;
  readonly g: Point;
}

/** The curves by the names Node uses. `b` is not needed: points come from keys that OpenSSL has checked. */
const CURVES: Readonly<Record<string, Curve>> = {
  prime256v1: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
  },
  secp384r1: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
    },
  },
  secp521r1: {
    p: 2n ** 521n - 1n,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    g: {
      x: 0x00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
      y: 0x011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
    },
  },
};

function modulo(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

/** The multiplicative inverse, by Euclid's algorithm; `by` is prime and `value` no multiple of it. */
function inverse(value: bigint, by: bigint): bigint {
  let [a, b, u, v] = [modulo(value, by), by, 1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b, u, v] = [b - quotient * a, a, v - quotient * u, u];
  }
  return modulo(u, by);
}

function addPoints(a: Point | undefined, b: Point | undefined, { p }: Curve): Point | undefined {
  if (!a || !b) return a ?? b;
  if (a.x === b.x && modulo(a.y + b.y, p) === 0n) return undefined;
  const slope =
    a.x === b.x
      ? modulo((3n * a.x * a.x - 3n) * inverse(2n * a.y, p), p)
      : modulo((b.y - a.y) * inverse(b.x - a.x, p), p);
  const x = modulo(slope * slope - a.x - b.x, p);
  return { x, y: modulo(slope * (a.x - x) - a.y, p) };
}

/** A point taken `times` times, by doubling and adding. */
function multiplyPoint(point: Point, times: bigint, curve: Curve): Point | undefined {
  let sum: Point | undefined;
  let power: Point | undefined = point;
  for (let rest = times; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) sum = addPoints(sum, power, curve);
    power = addPoints(power, power, curve);
  }
  return sum;
}
