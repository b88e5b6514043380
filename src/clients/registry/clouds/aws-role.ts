import type { Ending, Exchanging } from './question.ts';
import { fromAgent } from './aws-agent.ts';
import type { AwsCredentials } from './sign.ts';

/** A role of AWS that a web identity may take (IAM roles for service accounts): its logins are for ECR. */
export interface AwsIdentity {
  readonly cloud: 'AWS';
  /** Registries that get its logins; absent = every private registry of ECR. */
  readonly registries?: readonly string[] | undefined;
  /** Where STS is asked, and the region of registries whose names have none; absent = `AWS_REGION`. */
  readonly region?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Addresses in place of AWS's own. */
  readonly endpoints?: { readonly sts?: string | undefined; readonly ecr?: string | undefined } | undefined;
}

/** What is put into the name of a host of AWS. */
export const REGION = /^[a-z0-9-]{1,40}$/;
/** How long credentials of a role are asked for, in seconds: an hour, which every role allows. */
const ROLE_SECONDS = 3_600;

/** The credentials of the role of this process: by a web identity, or else from the agent on the node. */
export function roleOf(identity: AwsIdentity, parts: Exchanging): Promise<Ending<AwsCredentials>> {
  const file = identity.tokenFile ?? parts.environment.AWS_WEB_IDENTITY_TOKEN_FILE ?? '';
  return file === '' ? fromAgent(parts) : assumeRole(identity, file, parts);
}

/** Takes a role with the token that the cluster has written for this process (STS, AssumeRoleWithWebIdentity). */
async function assumeRole(
  identity: AwsIdentity,
  file: string,
  { ask, environment }: Exchanging,
): Promise<Ending<AwsCredentials>> {
  const role = identity.roleArn ?? environment.AWS_ROLE_ARN;
  if (!role) throw ask.refuse('there is no role: neither `roleArn` nor AWS_ROLE_ARN names one');
  const form = new URLSearchParams({
    ...{
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: role,
      RoleSessionName: 'pratique',
    },
    ...{ DurationSeconds: String(ROLE_SECONDS), WebIdentityToken: await ask.file(file) },
  });
  const text = await ask({
    method: 'POST',
    url: new URL(identity.endpoints?.sts ?? stsOf(identity.region ?? environment.AWS_REGION ?? '')),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const credentials = credentialsIn(text);
  if (!credentials) throw ask.refuse('the answer of STS has no credentials');
  return credentials;
}

/** What STS answers, in XML; no value of it holds a character that XML would write in another way. */
function credentialsIn(text: string): Ending<AwsCredentials> | undefined {
  const read = (name: string): string => new RegExp(`<${name}>([^<>&]+)</${name}>`).exec(text)?.[1] ?? '';
  const value = { id: read('AccessKeyId'), secret: read('SecretAccessKey'), token: read('SessionToken') };
  const endsAt = new Date(read('Expiration'));
  return Object.values(value).includes('') || Number.isNaN(endsAt.getTime()) ? undefined : { value, endsAt };
}

/** Never chosen by the name of an image: this server receives the token of the web identity. */
function stsOf(region: string): string {
  if (!REGION.test(region)) return 'https://sts.amazonaws.com/';
  return `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;
}
