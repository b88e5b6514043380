import { createHash } from 'node:crypto';
import { bundleToJSON, type Bundle } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import {
  DSSEBundleBuilder,
  MessageSignatureBundleBuilder,
  RekorWitness,
  TSAWitness,
  type Witness,
} from '@sigstore/sign';
import { nameOf, parsed, type Parsed, type Problem } from '../../../core/model/index.ts';
import type { ArtifactSigner, Statement } from '../../../core/promotion/index.ts';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';
import { attachedAnnotations, timestampOf } from './attached-annotations.ts';
import { createCertifiedKey, type Asking } from './certified-key.ts';
import { signStatementAbout, simpleSigningPayload } from './claims.ts';
import { attestationAnnotations, envelopeJson, signatureAnnotation } from './forms.ts';
import { readIdentityToken } from './identity-token.ts';
import { signing } from './signing-fault.ts';

/** In whose name to sign, and who has to see it. */
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
    ...(rekorURL === undefined && tsaURL === undefined ? [NO_TIME] : []),
  ];
  if (!identity.ok || problems.length > 0) return { ok: false, problems };
  const { token, subject } = identity.value;
  return parsed(signerWith(subject, token, options));
}

const NO_TIME: Problem = {
  path: 'rekorURL',
  message: 'is needed, or tsaURL: without either nothing proves when it was signed',
};

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
  const authority =
    tsaURL === undefined ? undefined : new TSAWitness({ tsaBaseURL: bare(tsaURL), ...asking });
  const witnesses: Witness[] = [
    ...(rekorURL === undefined ? [] : [new RekorWitness({ rekorBaseURL: bare(rekorURL), ...asking })]),
    ...(authority ? [authority] : []),
  ];
  const signer = createCertifiedKey(bare(fulcioURL), token, asking);
  const seal = (statement: Statement): Promise<Bundle> =>
    new DSSEBundleBuilder({ signer, witnesses }).create({
      data: Buffer.from(JSON.stringify(statement)),
      type: STATEMENT_PAYLOAD_TYPE,
    });
  return {
    name: subject,
    signImage: (image, annotations, signal) =>
      signing(
        `sign ${nameOf(image)}@${image.digest}`,
        async () => {
          const layer = simpleSigningPayload(image, annotations);
          const bundle = await seal(signStatementAbout(image, annotations));
          const signed = await new MessageSignatureBundleBuilder({ signer, witnesses }).create({
            data: layer,
          });
          const attached = attachedAnnotations(signed, timestampOf(signed));
          return {
            bundle: json(bundleToJSON(bundle)),
            layer,
            layerAnnotations: { ...signatureAnnotation(signatureOf(signed)), ...attached },
          };
        },
        signal,
      ),
    signStatement: (statement, signal) =>
      signing(
        `sign a statement of type ${statement.predicateType}`,
        async () => {
          const bundle = await seal(statement);
          const layer = json(envelopeOf(bundle));
          const attached = attachedAnnotations(bundle, authority && (await timestamp(authority, layer)));
          return {
            bundle: json(bundleToJSON(bundle)),
            layer,
            layerAnnotations: { ...attestationAnnotations(statement.predicateType), ...attached },
          };
        },
        signal,
      ),
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

function envelopeOf(bundle: Bundle): object {
  const { content } = bundle;
  const payload = content.$case === 'dsseEnvelope' ? content.dsseEnvelope.payload : Buffer.alloc(0);
  return envelopeJson(payload, signatureOf(bundle));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
