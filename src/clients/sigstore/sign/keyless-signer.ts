import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { type Bundle, bundleToJSON } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import type * as Library from '@sigstore/sign';
import type { Signer, TSAWitness, Witness } from '@sigstore/sign';
import * as z from 'zod';
import {
  errorCode,
  Fault,
  nameOf,
  objectOf,
  parsed,
  type Parsed,
  parseShort,
  type Problem,
  problem,
} from '../../../core/model/index.ts';
import type { ArtifactSigner, Statement, WrittenStatement } from '../../../core/promotion/index.ts';
import { createMemo, unlessAborted, type Lasting } from '../../io/index.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';
import {
  attachedAnnotations,
  attestationAnnotations,
  jsonBytes,
  payloadOf,
  signatureAnnotation,
  signStatementAbout,
  simpleSigningPayload,
  timestampOf,
} from './claims.ts';
import { emptyEnvelope, signElsewhere, withPayload } from './envelope.ts';

/** In whose name to sign, and which servers record it. */
export interface KeylessOptions {
  /** An OpenID identity token (JWT) that Fulcio takes. */
  readonly identityToken: string;
  readonly fulcioURL: string;
  /** A transparency log (Rekor, version 1). At least this or `tsaURL`: nothing else proves when it was signed. */
  readonly rekorURL?: string;
  /** A timestamp authority. */
  readonly tsaURL?: string;
  /** Milliseconds for each request; default 10 seconds. */
  readonly timeoutMs?: number;
  /** Further tries of each request; default 2. */
  readonly retries?: number;
}

const TIMEOUT_MS = 10_000;
const RETRIES = 2;

/**
 * Opens a signer in the name of an OpenID identity: a key of its own for a few minutes, certified by Fulcio, every signature
 * logged by Rekor or timestamped or both. All problems with the options at once; none repeats the token. Sends no request
 * before something is signed; then a `Fault` is `SigningFailed` when a server fails, `DeadlineExceeded` when the signal ended
 * it. Its name is the subject of the token, which certificates of some issuers spell otherwise.
 */
export function openKeylessSigner(options: KeylessOptions): Parsed<ArtifactSigner> {
  const { identityToken, fulcioURL, rekorURL, tsaURL } = options;
  const identity = readIdentityToken(identityToken);
  const problems: readonly Problem[] = [
    ...(identity.ok ? [] : identity.problems),
    ...Object.entries({ fulcioURL, rekorURL, tsaURL }).flatMap(([path, url]) => urlProblems(path, url)),
    ...(rekorURL === undefined && tsaURL === undefined ? problem('rekorURL', NO_TIME).problems : []),
  ];
  if (!identity.ok || problems.length > 0) return { ok: false, problems };
  const { token, subject } = identity.value;
  return parsed(signerWith(subject, token, options));
}

const NO_TIME = 'is needed, or tsaURL: without either nothing proves when it was signed';

function urlProblems(path: string, text: string | undefined): readonly Problem[] {
  if (text === undefined) return [];
  const url = URL.parse(text);
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (isPlain && (url.protocol === 'https:' || url.protocol === 'http:')) return [];
  return [{ path, message: 'is not an http or https address without login and query' }];
}

function signerWith(subject: string, token: string, options: KeylessOptions): ArtifactSigner {
  const { fulcioURL, rekorURL, tsaURL, timeoutMs = TIMEOUT_MS, retries = RETRIES } = options;
  const asking: Asking = { retry: retries, timeout: timeoutMs };
  // It reads the variables of proxies when it is loaded, and they may come from settings.
  let opening: Promise<Opened> | undefined;
  const opened = (): Promise<Opened> => (opening ??= open());
  const open = async (): Promise<Opened> => {
    const library = await import('@sigstore/sign');
    const authority =
      tsaURL === undefined ? undefined : new library.TSAWitness({ tsaBaseURL: bare(tsaURL), ...asking });
    const log =
      rekorURL === undefined
        ? undefined
        : new library.RekorWitness({ rekorBaseURL: bare(rekorURL), ...asking });
    const witnesses: Witness[] = [log, authority].filter((one) => one !== undefined);
    const signer = createCertifiedKey(library.FulcioSigner, {
      fulcioBaseURL: bare(fulcioURL),
      token,
      asking,
    });
    const parts = { signer, witnesses };
    return {
      authority,
      seal: (statement) =>
        new library.DSSEBundleBuilder(parts).create({
          data: payloadOf(statement),
          type: STATEMENT_PAYLOAD_TYPE,
        }),
      sealBytes: (data) => new library.MessageSignatureBundleBuilder(parts).create({ data }),
    };
  };
  return {
    name: subject,
    signImage: (image, annotations, signal) =>
      signing(`sign ${nameOf(image)}@${image.digest}`, signal, async () => {
        const layer = simpleSigningPayload(image, annotations);
        const { seal, sealBytes } = await opened();
        const bundle = await seal(signStatementAbout(image, annotations));
        const signed = await sealBytes(layer);
        const attached = attachedAnnotations(signed, timestampOf(signed));
        return {
          bundle: jsonBytes(bundleToJSON(bundle)),
          layer,
          layerAnnotations: { ...signatureAnnotation(signatureOf(signed)), ...attached },
        };
      }),
    signStatement: (statement, signal) =>
      signing(`sign a statement of type ${statement.predicateType}`, signal, async () => {
        const { authority, seal } = await opened();
        const bundle = await seal(statement);
        const payload = payloadOf(statement);
        const layer = await withPayload(emptyEnvelope(signatureOf(bundle)), payload);
        const attached = attachedAnnotations(bundle, authority && (await timestamp(authority, layer)));
        return {
          bundle: await withPayload(withoutPayload(bundle), payload),
          layer,
          layerAnnotations: { ...attestationAnnotations(statement.predicateType), ...attached },
        };
      }),
  };
}

/** What signs and records, once the library is loaded. */
interface Opened {
  readonly authority: TSAWitness | undefined;
  readonly seal: (statement: Statement | WrittenStatement) => Promise<Bundle>;
  readonly sealBytes: (data: Buffer) => Promise<Bundle>;
}

/** How servers are asked: retries and time limit of each request, in milliseconds. */
type Asking = Readonly<{ retry: number; timeout: number }>;

/** Milliseconds a certificate must still be valid for: until then log and timestamp authority have to see the signature. */
const SPARE_MS = 60_000;

type Certified = Readonly<{ key: KeyObject; certificate: string }>;

/**
 * Signs with a key that is never stored, certified by Fulcio for the bearer of the token. One certificate serves every signature
 * of its few minutes: a run of many images would otherwise use up what an authority grants.
 */
function createCertifiedKey(
  FulcioSigner: (typeof Library)['FulcioSigner'],
  {
    fulcioBaseURL,
    token,
    asking,
  }: { readonly fulcioBaseURL: string; readonly token: string; readonly asking: Asking },
): Signer {
  const identityProvider = { getToken: () => Promise.resolve(token) };
  const certify = async (): Promise<Lasting<Certified>> => {
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const holder = { $case: 'publicKey', publicKey: pem } as const;
    const keyHolder: Signer = {
      sign: async (data) => ({ signature: await signElsewhere('sha256', data, key), key: holder }),
    };
    const fulcio = new FulcioSigner({ fulcioBaseURL, identityProvider, keyHolder, ...asking });
    // There is no other way to ask for the certificate alone; the signature over nothing is thrown away.
    const { key: certified } = await fulcio.sign(Buffer.alloc(0));
    if (certified.$case !== 'x509Certificate') throw new Error('Fulcio gave no certificate');
    const read = new X509Certificate(certified.certificate);
    if (!read.publicKey.equals(publicKey)) throw new Error('Fulcio certified another key');
    const until = new Date(read.validToDate.getTime() - SPARE_MS);
    return { value: { key, certificate: read.toString() }, until };
  };
  const certified = createMemo<Certified>(() => new Date(), { max: 1 });
  return {
    sign: async (data) => {
      const { key, certificate } = certified.known(token)?.value ?? (await certified.learn(token, certify));
      const signature = await signElsewhere('sha256', data, key);
      return { signature, key: { $case: 'x509Certificate', certificate } };
    },
  };
}

/** The library writes paths behind it. */
function bare(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Of an `.att` layer the envelope as it lies there is timestamped, not the signature inside it. */
async function timestamp(authority: TSAWitness, bytes: Buffer): Promise<Uint8Array | undefined> {
  const digest = createHash('sha256').update(bytes).digest();
  const messageSignature = { messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest }, signature: bytes };
  const seen = await authority.testify({ $case: 'messageSignature', messageSignature });
  return seen.rfc3161Timestamps[0]?.signedTimestamp;
}

function signatureOf({ content }: Bundle): Buffer {
  return content.$case === 'messageSignature'
    ? content.messageSignature.signature
    : (content.dsseEnvelope.signatures[0]?.sig ?? Buffer.alloc(0));
}

/** A bundle of a statement as JSON, with an empty payload. */
function withoutPayload(bundle: Bundle): object {
  const { content } = bundle;
  if (content.$case !== 'dsseEnvelope') return bundleToJSON(bundle);
  const dsseEnvelope = { ...content.dsseEnvelope, payload: Buffer.alloc(0) };
  const emptied = { ...bundle, content: { ...content, dsseEnvelope } } as Bundle;
  return { ...bundleToJSON(emptied), dsseEnvelope: emptyEnvelope(signatureOf(bundle)) };
}

/** Longest token in characters: those of CI systems have two thousand, and headers no room for more than this. */
const MAX_TOKEN_LENGTH = 16 * 1024;

const claims = z.object({
  sub: z.string().min(1),
  email: z.string().optional(),
  email_verified: z.union([z.boolean(), z.string()]).optional(),
});

/** Reads an OpenID identity token (JWT), which the certificate authority verifies. No problem repeats anything of it. */
function readIdentityToken(text: string): Parsed<Readonly<{ token: string; subject: string }>> {
  const token = text.trim();
  const [, payload, ...rest] = token.split('.');
  if (token.length > MAX_TOKEN_LENGTH || payload === undefined || rest.length !== 1)
    return problem('identityToken', 'is not an OpenID identity token');
  const read = claims.safeParse(parseShort(Buffer.from(payload, 'base64url')));
  if (!read.success) return problem('identityToken', 'is not an OpenID identity token with a subject');
  const { sub, email = '', email_verified: isVerified = false } = read.data;
  if (email === '') return parsed({ token, subject: sub });
  return isVerified === false
    ? problem('identityToken', 'has an e-mail address that its issuer did not verify')
    : parsed({ token, subject: email });
}

/** What failed, by the code of the library. */
const DETAILS: Readonly<Record<string, string>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: 'the certificate authority gave no certificate',
  TLOG_CREATE_ENTRY_ERROR: 'the transparency log did not take the signature',
  TLOG_FETCH_ENTRY_ERROR: 'the transparency log does not show the entry that it has',
  TSA_CREATE_TIMESTAMP_ERROR: 'the timestamp authority gave no timestamp',
};
const OTHER = 'a server gave an answer that cannot be used';

/** Codes of HTTP by which the same request may be answered later: a timeout, and too many requests. */
const RETRY_STATUS: ReadonlySet<number> = new Set([408, 429]);

/**
 * Does what asks others to sign, no longer than the signal allows; the library itself knows time limits of single requests
 * only, so what was under way then ends by itself. Throws a `Fault`, and nothing else.
 */
async function signing<T>(operation: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw outOfTime(operation);
  return unlessAborted(work(), signal, () => outOfTime(operation)).catch((error: unknown) => {
    throw error instanceof Fault ? error : signingFault(operation, error);
  });
}

function outOfTime(operation: string): Fault {
  const detail = 'the time ran out before it was signed';
  return new Fault({ code: 'DeadlineExceeded', operation, side: 'trust', transient: true, detail });
}

/** Without the error as its cause: messages of the library may hold the identity token and addresses with logins. */
function signingFault(operation: string, error: unknown): Fault {
  const { statusCode } = objectOf(error instanceof Error ? error.cause : undefined);
  const status = typeof statusCode === 'number' ? statusCode : undefined;
  const what = DETAILS[errorCode(error)] ?? OTHER;
  const transient = status === undefined || status >= 500 || RETRY_STATUS.has(status);
  const detail = status === undefined ? what : `${what} (HTTP ${status})`;
  return new Fault({ code: 'SigningFailed', operation, side: 'trust', transient, detail });
}
