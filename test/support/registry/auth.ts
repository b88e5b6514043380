import { randomUUID } from 'node:crypto';
import { failure, json, type RegistryRequest, type Reply } from './http.ts';

/** How the registry authenticates clients. */
export type AuthOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      readonly kind: 'bearer';
      /** Who gets tokens by GET; without a name every client does. */
      readonly username?: string;
      readonly password?: string;
      /** Who gets tokens by POST. */
      readonly identityToken?: string;
      /** The lifetime in seconds that a token response names; absent = none. Tokens are really valid until {@link Guard.revoke}. */
      readonly expiresIn?: number;
      /** Names another token endpoint in the challenge than the registry's own. */
      readonly realm?: string;
    };

/** Decides which requests are allowed. */
export interface Guard {
  /** The refusal of a request, or nothing when it may pass. */
  readonly check: (request: RegistryRequest, repository: string | undefined) => Reply | undefined;
  /** Whether the login of a request that passed is good for reading this repository too. */
  readonly mayPull: (request: RegistryRequest, repository: string) => boolean;
  /** The token endpoint, at `/token`. */
  readonly token: (request: RegistryRequest) => Promise<Reply>;
  /** Invalidates all issued tokens. */
  readonly revoke: () => void;
}

const SERVICE = 'embedded, "quoted" registry';

/** Makes the guard of one registry. `origin` is where its own token endpoint is. */
export function createGuard(auth: AuthOptions, origin: () => string): Guard {
  const granted = new Map<string, ReadonlySet<string>>();
  return {
    check: (request, repository) => {
      if (auth.kind === 'none') return undefined;
      const given = request.headers.authorization ?? '';
      if (auth.kind === 'basic') {
        return given === basic(auth.username, auth.password)
          ? undefined
          : refusal('Basic realm="embedded, registry"');
      }
      const scope = repository === undefined ? undefined : scopeOf(request.method, repository);
      const scopes = granted.get(given.replace(/^Bearer /, ''));
      if (scopes && coversOne(scopes, scope)) return undefined;
      return refusal(bearerChallenge(auth.realm ?? `${origin()}/token`, scope));
    },
    mayPull: ({ headers }, repository) => {
      const scopes = granted.get((headers.authorization ?? '').replace(/^Bearer /, ''));
      return (
        auth.kind !== 'bearer' || (scopes !== undefined && coversOne(scopes, scopeOf('GET', repository)))
      );
    },
    token: async (request) => {
      if (auth.kind !== 'bearer') return failure(404, 'NOT_FOUND');
      const scopes = await scopesFor(auth, request);
      if (scopes === undefined) return failure(401, 'UNAUTHORIZED');
      const token = randomUUID();
      granted.set(token, new Set(scopes));
      return json(200, { token, ...(auth.expiresIn !== undefined && { expires_in: auth.expiresIn }) });
    },
    revoke: () => {
      granted.clear();
    },
  };
}

function refusal(challenge: string): Reply {
  return failure(401, 'UNAUTHORIZED', { 'www-authenticate': challenge });
}

function bearerChallenge(realm: string, scope: string | undefined): string {
  const service = SERVICE.replaceAll('"', '\\"');
  return `Bearer realm="${realm}",service="${service}"${scope === undefined ? '' : `,scope="${scope}"`}`;
}

function coversOne(granted: ReadonlySet<string>, asked: string | undefined): boolean {
  return asked === undefined || [...granted].some((scope) => covers(scope, asked));
}

async function scopesFor(
  auth: Extract<AuthOptions, { kind: 'bearer' }>,
  request: RegistryRequest,
): Promise<string[] | undefined> {
  if (request.method === 'POST') {
    const form = new URLSearchParams((await request.body()).toString('utf8'));
    const known =
      form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === auth.identityToken;
    return known ? split(form.getAll('scope')) : undefined;
  }
  const { searchParams } = request.url;
  if (searchParams.get('service') !== SERVICE) return undefined;
  const open = auth.username === undefined && auth.identityToken === undefined;
  const known =
    auth.username !== undefined &&
    request.headers.authorization === basic(auth.username, auth.password ?? '');
  return open || known ? split(searchParams.getAll('scope')) : undefined;
}

function split(scopes: readonly string[]): string[] {
  return scopes.flatMap((scope) => scope.split(' '));
}

function scopeOf(method: string, repository: string): string {
  const actions =
    method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push';
  return `repository:${repository}:${actions}`;
}

function covers(granted: string, asked: string): boolean {
  const at = granted.lastIndexOf(':');
  const actions = new Set(granted.slice(at + 1).split(','));
  const cut = asked.lastIndexOf(':');
  if (granted.slice(0, at) !== asked.slice(0, cut)) return false;
  return (
    actions.has('*') ||
    asked
      .slice(cut + 1)
      .split(',')
      .every((action) => actions.has(action))
  );
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
