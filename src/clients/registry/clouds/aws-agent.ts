import * as z from 'zod';
import { jsonOf, type Ending, type Exchanging } from './question.ts';
import type { AwsCredentials } from './sign.ts';

/** Hosts at which agents of AWS give credentials: EKS Pod Identity and ECS. Nothing else may have the token of this pod. */
const AGENTS: readonly string[] = [
  '169.254.170.23',
  '[fd00:ec2::23]',
  '169.254.170.2',
  '127.0.0.1',
  '[::1]',
  'localhost',
];
const agentAnswer = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
  Expiration: z.iso.datetime({ offset: true }),
});

/** Asks the agent on the node, which knows the role of this pod. */
export async function fromAgent({ ask, environment }: Exchanging): Promise<Ending<AwsCredentials>> {
  const agent = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!agent)
    throw ask.refuse('neither AWS_WEB_IDENTITY_TOKEN_FILE nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set');
  const url = URL.parse(agent);
  if (!url || !AGENTS.includes(url.hostname))
    throw ask.refuse('AWS_CONTAINER_CREDENTIALS_FULL_URI names no agent of AWS');
  const authorization = await ask.file(environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? '');
  if (!/^[\x21-\x7e]+$/.test(authorization)) throw ask.refuse('the token for the agent is not one');
  const answer = await ask({ method: 'GET', url, headers: { authorization }, isMetadata: true });
  const {
    AccessKeyId: id,
    SecretAccessKey: secret,
    Token: token,
    Expiration: end,
  } = jsonOf(ask, answer, agentAnswer);
  return { value: { id, secret, token }, endsAt: new Date(end) };
}
