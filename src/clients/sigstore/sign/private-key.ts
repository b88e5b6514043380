import { createPrivateKey, type KeyObject } from 'node:crypto';
import { parsed, problem, type KeyKind, type Parsed } from '../../../core/model/index.ts';
import { kindOfKey } from '../verify/key-signature.ts';
import { splitPem, type PemBlock } from '../pem.ts';
import { decryptCosignKey } from './cosign-key.ts';

/** A private key as it lies in a file or Secret. */
export interface PrivateKeyText {
  /** PEM: an encrypted cosign key, or a plain one (PKCS #8, SEC 1, PKCS #1). */
  readonly pem: string;
  /** Of an encrypted key; default empty, as cosign itself has it. */
  readonly password?: string;
}

/** A key that signs, and how. */
export interface PrivateKey {
  readonly key: KeyObject;
  readonly kind: KeyKind;
}

/** Longest text in characters; an RSA key of 8,192 bits has about seven thousand. */
const MAX_PEM_LENGTH = 64 * 1024;

const COSIGN_LABELS: ReadonlySet<string> = new Set([
  'ENCRYPTED SIGSTORE PRIVATE KEY',
  'ENCRYPTED COSIGN PRIVATE KEY',
]);
const PLAIN_LABELS: Readonly<Record<string, 'pkcs8' | 'sec1' | 'pkcs1'>> = {
  'PRIVATE KEY': 'pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'pkcs1',
};

/** Reads a private key. No problem repeats anything of the text. */
export async function readPrivateKey({ pem, password = '' }: PrivateKeyText): Promise<Parsed<PrivateKey>> {
  if (pem.length > MAX_PEM_LENGTH) return problem('pem', `is longer than ${MAX_PEM_LENGTH} characters`);
  // OpenSSL puts the parameters of the curve in a block of their own before the key.
  const [block, ...more] = splitPem(pem).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (!block || more.length > 0) return problem('pem', 'is not one private key in PEM');
  const der = await derOf(block, password);
  return der.ok ? readDer(der.value) : der;
}

interface PrivateDer {
  readonly der: Uint8Array;
  readonly type: 'pkcs8' | 'sec1' | 'pkcs1';
}

async function derOf({ label, der }: PemBlock, password: string): Promise<Parsed<PrivateDer>> {
  const type = PLAIN_LABELS[label];
  if (type !== undefined) return parsed({ der, type });
  if (!COSIGN_LABELS.has(label))
    return problem('pem', 'is encrypted in a way that is not supported: cosign import-key-pair converts it');
  const plain = await decryptCosignKey(der, password);
  if (plain === 'unreadable') return problem('pem', 'is not an encrypted key as cosign writes it');
  if (plain === 'wrong password') return problem('password', 'does not open the key');
  return parsed({ der: plain, type: 'pkcs8' });
}

function readDer({ der, type }: PrivateDer): Parsed<PrivateKey> {
  const key = openDer({ der, type });
  if (key === undefined) return problem('pem', 'is not a private key that can be read');
  const kind = kindOfKey(key);
  return kind === undefined
    ? problem('pem', 'is neither ECDSA (P-256, P-384, P-521) nor RSA of 2048 bits or more nor Ed25519')
    : parsed({ key, kind });
}

function openDer({ der, type }: PrivateDer): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type });
  } catch {
    return undefined; // OpenSSL's words help nobody, and come from the key
  }
}
