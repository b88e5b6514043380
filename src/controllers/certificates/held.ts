import type { Inspection, Pair, WebhookConfiguration } from './ports.ts';
import { decodeBase64, type Contents } from './secret.ts';

/** An authority that has not expired. */
export interface Authority {
  /** PEM of this one alone. */
  readonly cert: string;
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The authority whose key we hold. */
export interface Signer extends Authority {
  readonly key: string;
}

/** A serving certificate that a client could trust. */
export interface Leaf extends Pair {
  readonly issuer: Authority;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly hosts: readonly string[];
}

/** Something that can be used, or one clause that says why it cannot. */
export type Sound<T> =
  { readonly sound: true; readonly value: T } | { readonly sound: false; readonly why: string };

/** What there is, in the Secret and in the webhook configurations. */
export interface Held {
  /** Authorities in the Secret, newest first. */
  readonly bundle: readonly Authority[];
  /** Whether `ca.crt` holds the bundle and nothing besides. */
  readonly tidy: boolean;
  readonly signer: Sound<Signer>;
  readonly leaf: Sound<Leaf>;
  /** Authorities that the API server trusts, one list per webhook. */
  readonly trusted: readonly (readonly Authority[])[];
}

/** Where {@link Held} is read from. */
export interface Sources {
  /** Absent = there is no Secret. */
  readonly contents: Contents | undefined;
  readonly configurations: readonly WebhookConfiguration[];
  readonly now: Date;
}

/** Reads the Secret and the configurations, and checks which parts can be used. */
export function readHeld({ contents, configurations, now }: Sources, inspect: Inspection): Held {
  const trusted = configurations.flatMap(({ webhooks }) =>
    webhooks.map(({ caBundle }) => authoritiesIn(decodeBase64(caBundle), now, inspect)),
  );
  if (!contents || Object.values(contents).every((text) => text === '')) {
    const nothing = { sound: false, why: 'there is none yet' } as const;
    return { bundle: [], tidy: true, signer: nothing, leaf: nothing, trusted };
  }
  const bundle = authoritiesIn(contents.bundle, now, inspect);
  return {
    bundle,
    tidy: contents.bundle === formatBundle(bundle),
    signer: signerOf(contents, bundle, inspect),
    leaf: leafOf({ contents, authorities: distinct([...bundle, ...trusted.flat()]), now }, inspect),
    trusted,
  };
}

/** A bundle as PEM. */
export function formatBundle(authorities: readonly Authority[]): string {
  return authorities.map(({ cert }) => `${cert}\n`).join('');
}

/** Each authority once, in the same order. */
export function distinct(authorities: readonly Authority[]): readonly Authority[] {
  const seen = new Map<string, Authority>();
  for (const authority of authorities)
    if (!seen.has(authority.fingerprint)) seen.set(authority.fingerprint, authority);
  return [...seen.values()];
}

/** Authorities in a PEM text that have not expired: no client trusts an expired one. */
export function authoritiesIn(pem: string, now: Date, inspect: Inspection): readonly Authority[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const read = blocks.flatMap((cert) => {
    const reading = inspect.readCertificate(cert);
    if (!reading || reading.notAfter <= now) return [];
    const { fingerprint, notBefore, notAfter } = reading;
    return [{ cert, fingerprint, notBefore, notAfter }];
  });
  return distinct(read);
}

function signerOf(
  { authorityKey }: Contents,
  bundle: readonly Authority[],
  { fits, isIssuedBy }: Inspection,
): Sound<Signer> {
  if (bundle.length === 0) return { sound: false, why: 'ca.crt holds no authority that is still good' };
  // It must be self-signed: a certificate that is no authority, or another owner's authority, must not become ours.
  const own = bundle.find(({ cert }) => fits({ cert, key: authorityKey }) && isIssuedBy(cert, cert));
  if (!own) return { sound: false, why: 'ca.key is not the key of an authority in ca.crt' };
  return { sound: true, value: { ...own, key: authorityKey } };
}

function leafOf(
  given: {
    readonly contents: Contents;
    readonly authorities: readonly Authority[];
    readonly now: Date;
  },
  { readCertificate, fits, isIssuedBy }: Inspection,
): Sound<Leaf> {
  const { cert, key } = given.contents;
  if (cert === '' && key === '') return { sound: false, why: 'there is none yet' };
  const reading = readCertificate(cert);
  if (!reading || !fits({ cert, key })) return { sound: false, why: 'tls.crt and tls.key are not a pair' };
  if (reading.notAfter <= given.now) return { sound: false, why: 'it has expired' };
  const issuer = given.authorities.find((authority) => isIssuedBy(cert, authority.cert));
  if (!issuer) return { sound: false, why: 'no authority in ca.crt has signed it' };
  const { notBefore, notAfter, hosts } = reading;
  return { sound: true, value: { cert, key, issuer, notBefore, notAfter, hosts } };
}
