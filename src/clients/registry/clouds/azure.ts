import * as z from 'zod';
import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { parseJson } from '../../../core/model/index.ts';
import { endpointOf } from '../endpoint.ts';
import { jsonOf, type Ending, type Exchanging } from './question.ts';

/** An application or managed identity of Entra that a token of the cluster stands for: its logins are for ACR. */
export interface AzureIdentity {
  readonly cloud: 'Azure';
  /** Registries that get its logins; absent = every registry of ACR. */
  readonly registries?: readonly string[] | undefined;
  /** Absent = `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_AUTHORITY_HOST`. */
  readonly clientId?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly authority?: string | undefined;
}

// CVE-2025-27403: a token of Entra that was offered to every host that an image named.
const ACR = /^[a-z0-9]{5,50}(?:-[a-z0-9]{1,32})?\.azurecr\.(?:io|cn|us)$/;
const AUTHORITY = 'https://login.microsoftonline.com/';
/** Good at registries only, and at nothing else of Azure. */
const SCOPE = 'https://containerregistry.azure.net/.default';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
/** How long a login is used whose token does not say when it ends, in milliseconds; they last three hours. */
const UNSTATED_MS = 60 * 60_000;

/** How to log in to a registry of ACR; `undefined` when the identity does not cover it. */
export function azureLogin(identity: AzureIdentity, registry: string) {
  const isCovered = identity.registries ? identity.registries.includes(registry) : ACR.test(registry);
  if (!isCovered) return undefined;
  const login = (parts: Exchanging) => acrLogin(identity, registry, parts);
  return { key: `acr ${registry}`, login };
}

const token = z.string().regex(/^[\x21-\x7e]+$/);
const accessToken = z.object({ access_token: token });
const refreshToken = z.object({ refresh_token: token });

/** The token of the cluster → a token of Entra → a refresh token of this one registry. */
async function acrLogin(
  identity: AzureIdentity,
  registry: string,
  { ask, environment, now }: Exchanging,
): Promise<Ending<RegistryLogin>> {
  const given = (field: 'clientId' | 'tenantId' | 'tokenFile', variable: string): string => {
    const value = identity[field] ?? environment[variable] ?? '';
    if (value === '') throw ask.refuse(`neither \`${field}\` nor ${variable} is set`);
    return value;
  };
  const tenant = given('tenantId', 'AZURE_TENANT_ID');
  const entra = new URLSearchParams({
    ...{ grant_type: 'client_credentials', client_id: given('clientId', 'AZURE_CLIENT_ID'), scope: SCOPE },
    client_assertion_type: ASSERTION,
    client_assertion: await ask.file(given('tokenFile', 'AZURE_FEDERATED_TOKEN_FILE')),
  });
  const authority = new URL(identity.authority ?? environment.AZURE_AUTHORITY_HOST ?? AUTHORITY);
  const url = new URL(`/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, authority);
  const first = await ask({ method: 'POST', url, headers: FORM, body: entra.toString() });
  const exchange = new URLSearchParams({
    ...{ grant_type: 'access_token', service: registry, tenant },
    access_token: jsonOf(ask, first, accessToken).access_token,
  });
  const at = new URL('/oauth2/exchange', endpointOf(registry, []).origin);
  const second = await ask({ method: 'POST', url: at, headers: FORM, body: exchange.toString() });
  const refresh = jsonOf(ask, second, refreshToken).refresh_token;
  return {
    value: { kind: 'identity', token: refresh },
    endsAt: endOf(refresh) ?? new Date(now().getTime() + UNSTATED_MS),
  };
}

const claims = z.object({ exp: z.number().positive() });

/** When a JWT ends by its own claim; it is only a hint of when to ask again. */
function endOf(jwt: string): Date | undefined {
  const body = Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8');
  const { data } = claims.safeParse(parseJson(body));
  return data && new Date(data.exp * 1_000);
}
