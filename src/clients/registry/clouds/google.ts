import * as z from 'zod';
import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { objectOf, parseJson, textOf } from '../../../core/model/index.ts';
import { isSecure, jsonOf, type AskCloud, type Ending, type Exchanging } from './question.ts';

/** A principal of Google Cloud: by workload identity federation, or as the metadata server names it. Its logins are for Artifact Registry. */
export interface GoogleIdentity {
  readonly cloud: 'Google';
  /** Registries that get its logins; absent = every `*-docker.pkg.dev` and `gcr.io`. */
  readonly registries?: readonly string[] | undefined;
  /** A configuration of the type `external_account`; absent = `GOOGLE_APPLICATION_CREDENTIALS`. */
  readonly credentialsFile?: string | undefined;
  /** Whether the metadata server is asked where there is no such file. */
  readonly metadataServer: boolean;
  /** Hosts that the configuration may send tokens to, besides those of googleapis.com. */
  readonly tokenHosts: readonly string[];
}

const ARTIFACT_REGISTRY = /^(?:[a-z0-9-]{1,60}-docker\.pkg\.dev|(?:(?:us|eu|asia)\.)?gcr\.io)$/;
const GOOGLE_APIS = /^[a-z0-9.-]{1,100}\.googleapis\.com$/;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const JSON_BODY = { 'content-type': 'application/json' };
const METADATA_HOST = 'metadata.google.internal';
const METADATA_PATH = '/computeMetadata/v1/instance/service-accounts/default/token';

/** How to log in to Artifact Registry; `undefined` when the identity does not cover it. */
export function googleLogin(identity: GoogleIdentity, registry: string) {
  const isCovered = identity.registries
    ? identity.registries.includes(registry)
    : ARTIFACT_REGISTRY.test(registry);
  if (!isCovered) return undefined;
  return { key: 'google', login: (parts: Exchanging) => tokenLogin(identity, parts) };
}

async function tokenLogin(identity: GoogleIdentity, parts: Exchanging): Promise<Ending<RegistryLogin>> {
  const { ask, environment } = parts;
  const file = identity.credentialsFile ?? environment.GOOGLE_APPLICATION_CREDENTIALS ?? '';
  if (file === '' && !identity.metadataServer)
    throw ask.refuse('GOOGLE_APPLICATION_CREDENTIALS is not set, and `metadataServer` is not true');
  const { value, endsAt } = file === '' ? await fromMetadata(parts) : await federated(file, identity, parts);
  return { value: { kind: 'password', username: 'oauth2accesstoken', password: value }, endsAt };
}

const token = z.string().regex(/^[\x21-\x7e]+$/);
const lasting = z.object({ access_token: token, expires_in: z.number().positive() });

async function fromMetadata({ ask, environment, now }: Exchanging): Promise<Ending<string>> {
  const url = new URL(METADATA_PATH, `http://${environment.GCE_METADATA_HOST ?? METADATA_HOST}`);
  const headers = { 'metadata-flavor': 'Google' };
  return endingIn(ask, await ask({ method: 'GET', url, headers, isMetadata: true }), now);
}

function endingIn(ask: AskCloud, text: string, now: Exchanging['now']): Ending<string> {
  const { access_token: value, expires_in: seconds } = jsonOf(ask, text, lasting);
  return { value, endsAt: new Date(now().getTime() + seconds * 1_000) };
}

// "External account credentials" (AIP-4117), as `gcloud iam workload-identity-pools create-cred-config` writes it.
const config = z.object({
  type: z.literal('external_account'),
  audience: z.string().min(1),
  subject_token_type: z.string().min(1),
  token_url: z.url(),
  service_account_impersonation_url: z.url().optional(),
  credential_source: z.object({
    file: z.string().min(1),
    format: z.object({ type: z.string(), subject_token_field_name: z.string().optional() }).optional(),
  }),
});
type Config = z.output<typeof config>;
const impersonated = z.object({ accessToken: token, expireTime: z.iso.datetime({ offset: true }) });

async function federated(
  file: string,
  { tokenHosts }: GoogleIdentity,
  { ask, now }: Exchanging,
): Promise<Ending<string>> {
  const read = config.safeParse(parseJson(await ask.file(file))).data;
  if (!read)
    throw ask.refuse(`${file} is no configuration of the type external_account with a token in a file`);
  const checked = (text: string): URL => {
    const url = new URL(text);
    const isKnown = url.protocol === 'https:' && url.port === '' && GOOGLE_APIS.test(url.hostname);
    if (isKnown || (isSecure(url) && tokenHosts.includes(url.host))) return url;
    throw ask.refuse(
      `${file} sends tokens to ${url.host}, which is not under googleapis.com, nor one of \`tokenHosts\``,
    );
  };
  const url = checked(read.token_url);
  const impersonation = read.service_account_impersonation_url;
  const as = impersonation === undefined ? undefined : checked(impersonation);
  const question = {
    grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
    ...{ audience: read.audience, scope: SCOPE, subjectTokenType: read.subject_token_type },
    requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    subjectToken: await subjectToken(ask, read.credential_source),
  };
  const body = JSON.stringify(question);
  const own = endingIn(ask, await ask({ method: 'POST', url, headers: JSON_BODY, body }), now);
  if (as === undefined) return own;
  const headers = { ...JSON_BODY, authorization: `Bearer ${own.value}` };
  const wanted = JSON.stringify({ scope: [SCOPE], lifetime: '3600s' });
  const answer = await ask({ method: 'POST', url: as, headers, body: wanted });
  const { accessToken, expireTime } = jsonOf(ask, answer, impersonated);
  return { value: accessToken, endsAt: new Date(expireTime) };
}

async function subjectToken(ask: AskCloud, { file, format }: Config['credential_source']): Promise<string> {
  const text = await ask.file(file);
  if (format?.type !== 'json') return text;
  const value = textOf(objectOf(parseJson(text))[format.subject_token_field_name ?? '']);
  if (value === '') throw ask.refuse(`the file ${file} has no token in the field that is named for it`);
  return value;
}
