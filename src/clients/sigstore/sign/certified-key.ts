import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { FulcioSigner, type Signer } from '@sigstore/sign';

/** How servers are asked: retries and time limit of each request, in milliseconds. */
export interface Asking {
  readonly retry: number;
  readonly timeout: number;
}

/** Milliseconds a certificate must still be valid for: until then log and timestamp authority have to see the signature. */
const SPARE_MS = 60_000;

interface Certified {
  readonly key: KeyObject;
  readonly certificate: string;
  /** Milliseconds since the epoch. */
  readonly usableUntil: number;
}

/**
 * Signs with a key that is never stored, certified by Fulcio for the bearer of the token. One certificate serves every signature
 * of its few minutes: a run of many images would otherwise use up what an authority grants.
 */
export function createCertifiedKey(fulcioBaseURL: string, token: string, asking: Asking): Signer {
  const identityProvider = { getToken: () => Promise.resolve(token) };
  const certify = async (): Promise<Certified> => {
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const keyHolder: Signer = {
      sign: (data) =>
        Promise.resolve({
          signature: sign('sha256', data, key),
          key: { $case: 'publicKey', publicKey: pem },
        }),
    };
    const fulcio = new FulcioSigner({ fulcioBaseURL, identityProvider, keyHolder, ...asking });
    // There is no other way to ask for the certificate alone; the signature over nothing is thrown away.
    const { key: certified } = await fulcio.sign(Buffer.alloc(0));
    if (certified.$case !== 'x509Certificate') throw new Error('Fulcio gave no certificate');
    const read = new X509Certificate(certified.certificate);
    if (!read.publicKey.equals(publicKey)) throw new Error('Fulcio certified another key');
    return { key, certificate: read.toString(), usableUntil: read.validToDate.getTime() - SPARE_MS };
  };
  let current: Promise<Certified> | undefined;
  const usable = async (): Promise<Certified> => {
    const held = current;
    const certified = await held?.catch(() => undefined);
    if (certified && Date.now() < certified.usableUntil) return certified;
    // Unless another caller has asked for one meanwhile.
    if (current === held) current = undefined;
    current ??= certify();
    return current;
  };
  return {
    sign: async (data) => {
      const { key, certificate } = await usable();
      return { signature: sign('sha256', data, key), key: { $case: 'x509Certificate', certificate } };
    },
  };
}
