// Redirects, certificates and logins.
import type { Intercept, RegistryRequest } from '../../registry/index.ts';
import { failure, json } from '../../registry/http.ts';
import { answer, endlessBody, redirect, refuse, silence } from '../../registry/misbehave.ts';
import { everywhere, type Knob, type Stage } from '../knob.ts';
import { TOKEN } from '../secrets.ts';

type Which = (request: RegistryRequest) => boolean;

const SILENCE_MS = 5_000;
const to = (address: string) => (which: Which) => redirect(which, () => address);

/** Redirects to the foreign host, which answers as the registry would. */
function elsewhere(which: Which, { foreign, serveForeign }: Stage): Intercept {
  return (request, handle) => {
    if (!which(request)) return undefined;
    serveForeign((redirected) =>
      handle({ ...redirected, url: new URL(redirected.url.pathname, request.url) }),
    );
    return { status: 307, headers: { location: `${foreign.url}${request.url.pathname}` } };
  };
}

function challenge(realm: (stage: Stage) => string): Knob['login'] {
  return (stage) => () =>
    failure(401, 'UNAUTHORIZED', { 'www-authenticate': `Bearer realm="${realm(stage)}",service="bad"` });
}

const token =
  (body: unknown): Knob['login'] =>
  () =>
    answer('/token', json(200, body));
const HUGE = 1024 * 1024;

/** Redirects, and what asks for a login. */
export const REDIRECTS: readonly Knob[] = [
  ...everywhere('F08', 'redirect-loop', (which) => redirect(which, ({ url }) => url.pathname)),
  ...everywhere('F08', 'redirect-without-location', (which) => answer(which, { status: 307 })),
  ...everywhere('F08', 'redirect-to-a-foreign-host', elsewhere),
  ...everywhere('F09', 'redirect-to-a-private-address', to('http://10.0.0.1/v2/')),
  ...everywhere('F09', 'redirect-to-the-metadata-service', to('http://169.254.169.254/latest/meta-data/')),
  ...everywhere('F09', 'redirect-to-http', to('http://registry.example.com/v2/')),
  ...everywhere('F09', 'redirect-with-a-login', to('http://user:password@127.0.0.2/v2/')),
  ...everywhere('F09', 'redirect-to-a-file', to('file:///etc/passwd')),
  ...everywhere('F10', 'login-again-and-again', (which) =>
    refuse(which, 401, { 'www-authenticate': 'Basic realm="again"' }),
  ),
  {
    id: 'F10',
    name: 'foreign-realm',
    side: 'read',
    login: challenge(({ foreign }) => `${foreign.url}/token`),
  },
  {
    id: 'F10',
    name: 'realm-of-metadata',
    side: 'read',
    login: challenge(() => 'http://169.254.169.254/token'),
  },
  { id: 'F10', name: 'realm-of-nothing', side: 'read', login: challenge(() => '::') },
  {
    ...{ id: 'F10', name: 'realm-redirects', side: 'read' },
    login: ({ foreign }) => redirect('/token', () => `${foreign.url}/token`),
  },
  { id: 'F10', name: 'realm-hangs', side: 'read', hangs: true, login: () => silence('/token', SILENCE_MS) },
  { id: 'F10', name: 'realm-without-end', side: 'read', hangs: true, login: () => endlessBody('/token') },
  { id: 'F10', name: 'realm-refuses', side: 'read', login: () => refuse('/token', 403) },
  { id: 'F11', name: 'token-without-expiry', side: 'read', login: () => tokenOf({}) },
  { id: 'F11', name: 'token-that-expired', side: 'read', login: () => tokenOf({ expires_in: 1e-9 }) },
  { id: 'F11', name: 'token-for-ever', side: 'read', login: () => tokenOf({ expires_in: 1e300 }) },
  { id: 'F11', name: 'token-of-an-odd-life', side: 'read', login: () => tokenOf({ expires_in: 'soon' }) },
  { id: 'F11', name: 'token-of-one-mib', side: 'read', login: token({ token: 'x'.repeat(HUGE) }) },
  { id: 'F11', name: 'token-of-100-kib', side: 'read', login: token({ token: 'x'.repeat(100 * 1024) }) },
  { id: 'F11', name: 'token-that-is-a-number', side: 'read', login: token({ token: 42 }) },
  { id: 'F11', name: 'token-of-two-lines', side: 'read', login: token({ token: 'a\r\nhost: b' }) },
  { id: 'F11', name: 'no-token', side: 'read', login: token({}) },
];

/** The token that the registry takes, with other fields beside it. */
function tokenOf(fields: Readonly<Record<string, unknown>>): Intercept {
  return answer('/token', json(200, { token: TOKEN, ...fields }));
}
