import { createHash, createHmac } from 'node:crypto';

/** Temporary credentials of AWS. */
export interface AwsCredentials {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
}

/** A request to sign; the names of its headers are in lower case. */
interface ToSign {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
  readonly service: string;
  readonly at: Date;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * The headers of a POST without query, signed as AWS asks for it (Signature Version 4: canonical request, text to sign, key of the
 * day).
 */
export function signed(
  { url, headers, body, region, service, at }: ToSign,
  { id, secret, token }: AwsCredentials,
): Record<string, string> {
  const time = at.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const own = { ...headers, 'x-amz-date': time, ...(token !== '' && { 'x-amz-security-token': token }) };
  const all = Object.entries({ ...own, host: url.host }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = all.map(([name]) => name).join(';');
  const lines = all.map(([name, value]) => `${name}:${value.trim()}\n`).join('');
  const canonical = ['POST', url.pathname, '', lines, names, sha256(body)].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, day));
  const signature = hmac(key, [ALGORITHM, time, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `${ALGORITHM} Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...own, authorization };
}
