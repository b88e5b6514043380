import { constants, publicDecrypt, timingSafeEqual, type KeyObject } from 'node:crypto';
import { ASN1Obj } from '@sigstore/core';
import { addPoints, CURVES, inverse, modulo, multiplyPoint, type Curve, type Point } from './curve.ts';

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
  if (curve === undefined || numbers.length !== 2 || ![r, s].every((one) => isScalar(one, curve)))
    return false;
  const w = inverse(s, curve.n);
  const point = addPoints(
    multiplyPoint(curve.g, modulo(toNumber(sha256) * w, curve.n), curve),
    multiplyPoint(pointOf(key), modulo(r * w, curve.n), curve),
    curve,
  );
  return point !== undefined && modulo(point.x, curve.n) === r;
}

function isScalar(value: bigint, { n }: Curve): boolean {
  return value > 0n && value < n;
}

function pointOf(key: KeyObject): Point {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return { x: fromBase64(x), y: fromBase64(y) };
}

function fromBase64(text: string): bigint {
  return toNumber(Buffer.from(text, 'base64url'));
}

/** No curve here is shorter than the hash, so that no bit of it has to be cut off. */
function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}
