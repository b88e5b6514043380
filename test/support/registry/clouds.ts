// The servers of three clouds that exchange identities for logins, on loopback. Each checks every request whole: method, path,
// headers, parameters, tokens and signature. What is not as it has to be is answered 400, and listed.
import { createHash, createHmac } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { json, type RegistryRequest, type Reply } from './http.ts';
import { startRegistry } from './index.ts';

/** What is secret on the way; none of it may be in a message. */
export const SECRETS = [
  'cluster-token',
  'role-secret',
  'role-session',
  'ecr-password',
  'entra-token',
  'sts-token',
  'iam-token',
  'node-token',
];
export const ROLE = 'arn:aws:iam::123456789012:role/pratique';
export const REGION = 'eu-west-1';
export const AUDIENCE =
  '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k';
export const IMPERSONATION =
  '/v1/projects/-/serviceAccounts/p@acme.iam.gserviceaccount.com:generateAccessToken';

/** A running stand-in. */
export interface Clouds {
  readonly host: string;
  readonly url: string;
  /** Paths that were asked, in their order. */
  readonly asked: string[];
  /** What was wrong with requests. */
  readonly problems: string[];
  /** Answers in place of a path. */
  readonly instead: Map<string, Reply | 'hang up'>;
  /** Seconds that logins last. */
  lastFor: number;
  /** Answers the exchange at a registry of this name. */
  readonly exchangeAt: (host: () => string) => (request: RegistryRequest) => Promise<Reply | undefined>;
  readonly close: () => Promise<void>;
}

/** A refresh token as ACR makes it: a JWT that states its end. */
export const refreshToken = (endsAt: Date): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ exp: Math.floor(endsAt.getTime() / 1_000) })}.entra-token-signature`;
};

export async function startClouds(now: () => Date): Promise<Clouds> {
  const end = () => new Date(now().getTime() + clouds.lastFor * 1_000);
  const form = 'application/x-www-form-urlencoded';
  const scope = 'https://www.googleapis.com/auth/cloud-platform';
  const lasting = (token: string) =>
    json(200, { access_token: token, expires_in: clouds.lastFor, token_type: 'Bearer' });

  const routes: Readonly<Record<string, (given: Given) => Reply>> = {
    'POST /sts/': (given) => {
      check(
        given,
        { 'content-type': form },
        {
          ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', DurationSeconds: '3600' },
          ...{ RoleArn: ROLE, RoleSessionName: 'pratique', WebIdentityToken: 'cluster-token' },
        },
      );
      const fields = {
        AccessKeyId: 'AKIAROLE',
        SecretAccessKey: 'role-secret',
        SessionToken: 'role-session/+=',
      };
      const xml = Object.entries({ ...fields, Expiration: end().toISOString() }).map(
        ([name, value]) => `<${name}>${value}</${name}>`,
      );
      const body = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>${xml.join('\n')}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
      return { status: 200, headers: { 'content-type': 'text/xml' }, body };
    },
    'POST /ecr/': (given) => {
      const date = now()
        .toISOString()
        .replace(/[-:]|\.\d{3}/g, '');
      const headers = {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
        ...{ 'x-amz-date': date, 'x-amz-security-token': 'role-session/+=' },
      };
      check(given, { ...headers, authorization: signatureOf(given, headers) }, {});
      const authorizationToken = Buffer.from('AWS:ecr-password').toString('base64');
      return json(200, {
        authorizationData: [
          { authorizationToken, expiresAt: end().getTime() / 1_000, proxyEndpoint: 'https://x' },
        ],
      });
    },
    'POST /tenant-1/oauth2/v2.0/token': (given) => {
      check(
        given,
        { 'content-type': form },
        {
          ...{ grant_type: 'client_credentials', client_id: 'client-1', client_assertion: 'cluster-token' },
          scope: 'https://containerregistry.azure.net/.default',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
      );
      return lasting('entra-token');
    },
    'POST /google/token': (given) => {
      check(
        given,
        { 'content-type': 'application/json' },
        {
          grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
          ...{ audience: AUDIENCE, scope, subjectToken: 'cluster-token' },
          subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
          requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
        },
      );
      return lasting('sts-token');
    },
    [`POST ${IMPERSONATION}`]: (given) => {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer sts-token' };
      check(given, headers, { scope: [scope], lifetime: '3600s' });
      return json(200, { accessToken: 'iam-token', expireTime: end().toISOString() });
    },
    'GET /v1/credentials': (given) => {
      check(given, { authorization: 'cluster-token' }, undefined);
      const fields = { AccessKeyId: 'AKIAROLE', SecretAccessKey: 'role-secret', Token: 'role-session/+=' };
      return json(200, { ...fields, AccountId: '1', Expiration: end().toISOString() });
    },
    'GET /computeMetadata/v1/instance/service-accounts/default/token': (given) => {
      check(given, { 'metadata-flavor': 'Google' }, undefined);
      return lasting('node-token');
    },
  };

  /** Compares headers that matter, and the parameters. */
  const check = (
    { request, body }: Given,
    headers: Readonly<Record<string, string>>,
    wanted: object | undefined,
  ): void => {
    const matter = Object.entries(request.headers).filter(([name]) => !USUAL.has(name));
    const sent =
      body === ''
        ? undefined
        : body.startsWith('{')
          ? (JSON.parse(body) as object)
          : Object.fromEntries(new URLSearchParams(body));
    for (const [what, is, should] of [
      ['headers', Object.fromEntries(matter), headers],
      ['parameters', sent, wanted],
    ] as const)
      if (!isDeepStrictEqual(is, should))
        throw new Error(
          `${request.url.pathname}: ${what} ${JSON.stringify(is)}, not ${JSON.stringify(should)}`,
        );
  };

  const answer = async (
    request: RegistryRequest,
    path: string,
    make: ((given: Given) => Reply) | undefined,
  ) => {
    clouds.asked.push(path);
    const body = (await request.body()).toString();
    try {
      if (!make || request.url.search !== '') throw new Error(`nothing is at ${request.method} ${path}`);
      const reply = make({ request, body });
      return clouds.instead.get(path) ?? reply;
    } catch (error) {
      clouds.problems.push(String(error));
      return json(400, { error: 'invalid_request' });
    }
  };
  const server = await startRegistry({
    intercept: (request) =>
      answer(request, request.url.pathname, routes[`${request.method} ${request.url.pathname}`]),
  });
  const clouds: Clouds = {
    ...{ host: server.host, url: server.url, asked: [], problems: [], instead: new Map(), lastFor: 3_600 },
    exchangeAt: (host) => async (request) => {
      if (request.url.pathname !== '/oauth2/exchange') return undefined;
      const reply = await answer(request, '/oauth2/exchange', (given) => {
        check(
          given,
          { 'content-type': form },
          {
            ...{
              grant_type: 'access_token',
              service: host(),
              tenant: 'tenant-1',
              access_token: 'entra-token',
            },
          },
        );
        return json(200, { refresh_token: refreshToken(end()) });
      });
      return reply === 'hang up' ? undefined : reply;
    },
    close: () => server.close(),
  };
  return clouds;
}

interface Given {
  readonly request: RegistryRequest;
  readonly body: string;
}

/** Headers that every request has. */
const USUAL: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'user-agent',
  'accept-encoding',
]);

/** The `Authorization` of Signature Version 4, from the rules and not from what is tested. */
function signatureOf({ request, body }: Given, signed: Readonly<Record<string, string>>): string {
  const sha = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
  const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const date = signed['x-amz-date'] ?? '';
  const day = date.slice(0, 8);
  const names = ['content-type', 'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target'];
  const lines = names.map(
    (name) => `${name}:${name === 'host' ? String(request.headers.host) : (signed[name] ?? '')}`,
  );
  const canonical = `POST\n${request.url.pathname}\n\n${lines.join('\n')}\n\n${names.join(';')}\n${sha(body)}`;
  const text = `AWS4-HMAC-SHA256\n${date}\n${day}/${REGION}/ecr/aws4_request\n${sha(canonical)}`;
  const key = mac(mac(mac(mac('AWS4role-secret', day), REGION), 'ecr'), 'aws4_request');
  return `AWS4-HMAC-SHA256 Credential=AKIAROLE/${day}/${REGION}/ecr/aws4_request, SignedHeaders=${names.join(';')}, Signature=${mac(key, text).toString('hex')}`;
}
