import type { Digest, PlainCandidate, StatementClaim } from '../../../core/model/index.ts';
import { parseJson } from '../json.ts';
import { MAX_JSON_BYTES } from './material.ts';
import { readUnsignedStatement } from './statement.ts';

/**
 * Reads something that nobody signed. It tells, and proves nothing: taking such a referrer for evidence let anybody who
 * may push pass a policy of another project. A report names no image, its subject does.
 */
export function readPlain({ json, mediaType }: PlainCandidate, digest: Digest): StatementClaim | string {
  if (json.length > MAX_JSON_BYTES) return `a report of ${json.length} bytes`;
  const body = parseJson(json);
  if (typeof body !== 'object' || body === null) return 'a report that is not JSON';
  if (isStatement(body, mediaType)) return readUnsignedStatement(body, digest);
  return { kind: 'statement', predicateType: mediaType, predicate: body };
}

function isStatement(body: object, mediaType: string): boolean {
  if (mediaType.startsWith('application/vnd.in-toto')) return true;
  return '_type' in body && typeof body._type === 'string' && body._type.startsWith('https://in-toto.io/');
}
