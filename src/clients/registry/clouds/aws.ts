import * as z from 'zod';
import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { jsonOf, type Ending, type Exchanging } from './question.ts';
import { REGION, roleOf, type AwsIdentity } from './aws-role.ts';
import { signed } from './sign.ts';

type Environment = Exchanging['environment'];

// A name has one owner from its end to its beginning: what only begins like a registry of ECR belongs to others.
const ECR =
  /^\d{12}\.dkr[.-]ecr(?<fips>-fips)?\.(?<region>[a-z]{2,3}(?:-[a-z]{2,12}){1,3}-\d{1,2})\.(?<domain>amazonaws\.com|amazonaws\.com\.cn|on\.aws|on\.amazonwebservices\.com\.cn)$/;
/** The domain of the API where a registry has a name for both kinds of addresses. */
const DUAL: Readonly<Record<string, string>> = {
  'on.aws': 'api.aws',
  'on.amazonwebservices.com.cn': 'api.amazonwebservices.com.cn',
};
/** How to log in to a registry of ECR; `undefined` when the identity does not cover it. */
export function awsLogin(identity: AwsIdentity, registry: string, environment: Environment) {
  const named = ECR.exec(registry)?.groups;
  if (!(identity.registries ? identity.registries.includes(registry) : named)) return undefined;
  const region = named?.region ?? identity.region ?? environment.AWS_REGION ?? '';
  const api = identity.endpoints?.ecr ?? apiOf(region, named);
  return { key: `ecr ${api}`, login: (parts: Exchanging) => ecrLogin({ identity, region, api }, parts) };
}

function apiOf(region: string, { fips = '', domain = 'amazonaws.com' }: Record<string, string> = {}): string {
  const dual = DUAL[domain];
  if (dual !== undefined) return `https://ecr${fips}.${region}.${dual}/`;
  return fips ? `https://ecr-fips.${region}.${domain}/` : `https://api.ecr.${region}.${domain}/`;
}

const tokens = z.object({
  authorizationData: z
    .array(z.object({ authorizationToken: z.string().min(1), expiresAt: z.number().positive() }))
    .min(1),
});

/** A token of ECR is a name and a password, good for twelve hours. */
async function ecrLogin(
  {
    identity,
    region,
    api,
  }: { readonly identity: AwsIdentity; readonly region: string; readonly api: string },
  parts: Exchanging,
): Promise<Ending<RegistryLogin>> {
  const { ask, once, now } = parts;
  if (!REGION.test(region)) throw ask.refuse('there is no region: neither `region` nor AWS_REGION names one');
  const role = await once('role', () => roleOf(identity, parts));
  const url = new URL(api);
  const body = '{}';
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
  };
  const all = signed({ url, headers, body, region, service: 'ecr', at: now() }, role);
  const answer = jsonOf(ask, await ask({ method: 'POST', url, headers: all, body }), tokens);
  const [{ authorizationToken, expiresAt } = { authorizationToken: '', expiresAt: 0 }] =
    answer.authorizationData;
  const [username = '', ...rest] = Buffer.from(authorizationToken, 'base64').toString('utf8').split(':');
  if (username === '' || rest.length === 0) throw ask.refuse('the token of ECR is no name with a password');
  const value = { kind: 'password', username, password: rest.join(':') } as const;
  return { value, endsAt: new Date(expiresAt * 1_000) };
}
