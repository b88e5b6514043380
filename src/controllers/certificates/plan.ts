import type { Certificates } from './make.ts';
import type { RegistrationSettings, WebhookConfiguration } from './ports.ts';
import { certificatesIn, decodeBase64, type CertificateReading, type Contents, type Pair } from './read.ts';

/**
 * One step. After a crash before, within or after it, the next check finds a state from which it can continue. At none of these
 * moments is a certificate served that the API server does not trust:
 *
 *     authority  a new one joins the bundle; what is served stays
 *     (the bundle is written into the configurations, on every look)
 *     issue      a certificate by the newest authority, which every configuration trusts by now
 *     bundle     authorities leave that nothing in use can have been signed by
 */
export type Step =
  | {
      readonly step: 'authority';
      readonly why: string;
      /** Authorities that stay trusted beside the new one. */
      readonly older: readonly Authority[];
      /** Issue: no authority is trusted yet, so nothing can break. None: one is issued once the new authority is trusted. */
      readonly leaf: 'keep' | 'issue' | 'none';
    }
  | {
      readonly step: 'issue';
      readonly why: string;
      readonly signer: Signer;
      readonly bundle: readonly Authority[];
    }
  | { readonly step: 'bundle'; readonly bundle: readonly Authority[] }
  /** Something is due, but not before every configuration trusts the newest authority. */
  | { readonly step: 'wait'; readonly why: string; readonly forMs: number }
  | { readonly step: 'none'; readonly forMs: number };

/** Milliseconds by which certificates begin before they are made: clocks of machines differ by minutes. */
export const SKEW_MS = 5 * 60_000;
/** Milliseconds an authority is known before it signs: every API server has to receive it, and they receive it by a watch. */
const SETTLE_MS = 10_000;
/** Milliseconds until the next check when there is more to do. */
export const SOON_MS = 1_000;
/** Milliseconds until the next check when there is nothing to do: another writer may remove the bundle from a configuration. */
const LATEST_MS = 3_600_000;
/** Authorities in a bundle: two while one takes over; more only when Secrets are lost again and again. */
const MAX_AUTHORITIES = 5;
/** Share of a life that is left when a successor is made: time to repair what keeps it from being made. */
const LEFT = 1 / 3;

/** Decides the one step that comes next. Pure: the same state gives the same step. */
export function plan(held: Held, settings: RegistrationSettings, now: Date): Step {
  const { signer, leaf } = held;
  if (!signer.sound) return takeOver(held, signer.why);
  if (now.getTime() >= dueOf(signer.value, settings.authorityLifetimeMs))
    return takeOver(held, 'two thirds of its life are over');
  const given = { held, settings, now, signer: signer.value };
  const bundle = bundleFor(given);
  if (!held.tidy || fingerprints(bundle) !== fingerprints(held.bundle)) return { step: 'bundle', bundle };
  const why = leaf.sound ? whyRenew(leaf.value, given) : leaf.why;
  if (why === undefined) return { step: 'none', forMs: untilNext(given) };
  const forMs = untilTrusted(given);
  return forMs === 0 ? { step: 'issue', why, signer: signer.value, bundle } : { step: 'wait', why, forMs };
}

interface Given {
  readonly held: Held;
  readonly settings: RegistrationSettings;
  readonly now: Date;
  readonly signer: Signer;
}

function takeOver({ leaf, bundle, trusted }: Held, why: string): Step {
  // What the configurations hold counts, too: when the Secret was lost, replicas still serve what was signed by these.
  const issuer = leaf.sound ? [leaf.value.issuer] : [];
  const older = distinct([...issuer, ...bundle, ...trusted.flat()]).slice(0, MAX_AUTHORITIES - 1);
  if (leaf.sound) return { step: 'authority', why, older, leaf: 'keep' };
  return { step: 'authority', why, older, leaf: isAnyCaTrusted(trusted) ? 'none' : 'issue' };
}

/** The newest first, then those by which something in use may have been signed. */
function bundleFor({ held: { bundle, leaf }, settings, now, signer }: Given): readonly Authority[] {
  const issuer = leaf.sound ? [leaf.value.issuer] : [];
  const isNeeded = (authority: Authority) =>
    !leaf.sound ||
    authority.fingerprint === leaf.value.issuer.fingerprint ||
    now.getTime() < droppedAt(signer, leaf.value, settings);
  return distinct([signer, ...[...bundle, ...issuer].filter(isNeeded)]);
}

/** By then every certificate of an older authority has expired, and replicas have received the new one. */
function droppedAt(signer: Authority, leaf: Leaf, { lifetimeMs }: RegistrationSettings): number {
  return Math.max(madeAt(signer) + lifetimeMs, madeAt(leaf) + SETTLE_MS);
}

function whyRenew(leaf: Leaf, { settings, now, signer }: Given): string | undefined {
  if (leaf.issuer.fingerprint !== signer.fingerprint) return 'the newest authority is trusted now';
  if (namesOf(leaf.hosts) !== namesOf(settings.hosts)) return 'it is for other hosts';
  // A certificate that ends with its authority is due after the authority's successor: it is never renewed without effect.
  if (now.getTime() >= dueOf(leaf, settings.lifetimeMs)) return 'two thirds of its life are over';
  return undefined;
}

function untilTrusted({ held: { trusted }, now, signer }: Given): number {
  if (!isAnyCaTrusted(trusted)) return 0;
  const isTrusted = trusted.every((list) =>
    list.some(({ fingerprint }) => fingerprint === signer.fingerprint),
  );
  const settlesInMs = madeAt(signer) + SETTLE_MS - now.getTime();
  return isTrusted && settlesInMs <= 0 ? 0 : Math.max(SOON_MS, settlesInMs);
}

function untilNext({ held: { leaf, bundle }, settings, now, signer }: Given): number {
  const moments = [
    dueOf(signer, settings.authorityLifetimeMs),
    ...(leaf.sound ? [dueOf(leaf.value, settings.lifetimeMs)] : []),
    ...(leaf.sound && bundle.length > 1 ? [droppedAt(signer, leaf.value, settings)] : []),
  ];
  return Math.min(LATEST_MS, Math.max(SOON_MS, Math.min(...moments) - now.getTime()));
}

function isAnyCaTrusted(trusted: Held['trusted']): boolean {
  return trusted.some((list) => list.length > 0);
}

function dueOf({ notAfter }: { readonly notAfter: Date }, lifetimeMs: number): number {
  return notAfter.getTime() - lifetimeMs * LEFT;
}

function madeAt({ notBefore }: { readonly notBefore: Date }): number {
  return notBefore.getTime() + SKEW_MS;
}

function fingerprints(authorities: readonly Authority[]): string {
  return authorities.map(({ fingerprint }) => fingerprint).join();
}

/** The same for lists that name the same hosts. */
function namesOf(hosts: readonly string[]): string {
  return [...new Set(hosts.map(canonical))].toSorted().join();
}

/** IPv6 addresses have many spellings. */
function canonical(host: string): string {
  const url = host.includes(':') ? URL.parse(`http://[${host}]`) : null;
  return url ? url.hostname.slice(1, -1) : host.toLowerCase();
}

/** An authority that has not expired; `cert` is the PEM of this one alone. */
interface Authority extends Omit<CertificateReading, 'hosts'> {
  readonly cert: string;
}

/** The authority whose key we hold. */
interface Signer extends Authority {
  readonly key: string;
}

/** A serving certificate that a client could trust. */
interface Leaf extends Pair, Omit<CertificateReading, 'fingerprint'> {
  readonly issuer: Authority;
}

/** Something that can be used, or one clause that says why it cannot. */
type Sound<T> = { readonly sound: true; readonly value: T } | { readonly sound: false; readonly why: string };

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

/** What {@link Held} is read from. Without contents there is no Secret. */
interface Sources {
  readonly contents: Contents | undefined;
  readonly configurations: readonly WebhookConfiguration[];
  readonly now: Date;
}

/** Reads the Secret and the configurations, and checks which parts can be used. */
export function readHeld({ contents, configurations, now }: Sources, inspect: Certificates): Held {
  const trusted = configurations.flatMap(({ webhooks }) =>
    webhooks.map(({ caBundle }) => authoritiesIn(decodeBase64(caBundle), now, inspect)),
  );
  if (!contents || Object.values(contents).every((text) => text === '')) {
    const nothing = no('there is none yet');
    return { bundle: [], tidy: true, signer: nothing, leaf: nothing, trusted };
  }
  const bundle = authoritiesIn(contents.bundle, now, inspect);
  return {
    bundle,
    tidy: contents.bundle === formatBundle(bundle),
    signer: signerOf(contents, bundle, inspect),
    leaf: leafOf(contents, { authorities: distinct([...bundle, ...trusted.flat()]), now }, inspect),
    trusted,
  };
}

/** A bundle as PEM. */
export function formatBundle(authorities: readonly Pick<Authority, 'cert'>[]): string {
  return authorities.map(({ cert }) => `${cert}\n`).join('');
}

/** Each authority once, in the same order. */
function distinct(authorities: readonly Authority[]): readonly Authority[] {
  const seen = new Map<string, Authority>();
  for (const authority of authorities)
    if (!seen.has(authority.fingerprint)) seen.set(authority.fingerprint, authority);
  return [...seen.values()];
}

/** Authorities in a PEM text that have not expired: no client trusts an expired one. */
function authoritiesIn(pem: string, now: Date, inspect: Certificates): readonly Authority[] {
  const read = certificatesIn(pem).flatMap((cert) => {
    const reading = inspect.readCertificate(cert);
    return reading && reading.notAfter > now ? [{ cert, ...reading }] : [];
  });
  return distinct(read);
}

function no(why: string): { readonly sound: false; readonly why: string } {
  return { sound: false, why };
}

function signerOf(
  { authorityKey: key }: Contents,
  bundle: readonly Authority[],
  { fits, isIssuedBy }: Certificates,
): Sound<Signer> {
  if (bundle.length === 0) return no('ca.crt holds no authority that is still good');
  // It must be self-signed: a certificate that is no authority, or another owner's authority, must not become ours.
  const own = bundle.find(({ cert }) => fits({ cert, key }) && isIssuedBy(cert, cert));
  return own
    ? { sound: true, value: { ...own, key } }
    : no('ca.key is not the key of an authority in ca.crt');
}

function leafOf(
  { cert, key }: Pair,
  given: { readonly authorities: readonly Authority[]; readonly now: Date },
  { readCertificate, fits, isIssuedBy }: Certificates,
): Sound<Leaf> {
  if (cert === '' && key === '') return no('there is none yet');
  const reading = readCertificate(cert);
  if (!reading || !fits({ cert, key })) return no('tls.crt and tls.key are not a pair');
  if (reading.notAfter <= given.now) return no('it has expired');
  const issuer = given.authorities.find((authority) => isIssuedBy(cert, authority.cert));
  return issuer
    ? { sound: true, value: { ...reading, cert, key, issuer } }
    : no('no authority in ca.crt has signed it');
}
