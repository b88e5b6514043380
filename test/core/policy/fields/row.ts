import { createHash } from 'node:crypto';
import { parsed } from '../../../../src/core/model/index.ts';
import {
  compilePolicy,
  type CompiledPolicy,
  type Labels,
  type MaterialRef,
  type TrustRoots,
} from '../../../../src/core/policy/index.ts';
import {
  authority,
  evidenceOf,
  found,
  inShort,
  NO_ROOTS,
  policyDocument,
  provenBy,
  USE,
  verdictOf,
  type Asked,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';

/** One field, written in several ways that must end differently. */
export interface Row {
  readonly asked?: Asked;
  /** Values of the field, and the result of each. */
  readonly ways: readonly [WrittenSpec, string][];
  /** What is compared, if it is not the short verdict. */
  readonly look?: (policy: CompiledPolicy, asked: Asked) => string;
}

/** Rows by path of the field. */
export type Rows = Readonly<Record<string, Row>>;

export const key = signingKey();
export const other = signingKey();
export const authorities = [authority('release', key), authority('ci', other)];

/** A policy that requires signatures, and an image that `key` signed. */
export const signed = (signatures: WrittenSpec) => ({ authorities, require: { signatures } });
export const signedByKey: Asked = { evidence: evidenceOf({ signatures: found([provenBy(key)]) }) };

/** A trust root in the Secret or ConfigMap `root`, under its kind. */
export const ROOT_TEXT = '{"own":true}';
export const fingerprintOf = (json: string) => createHash('sha256').update(json).digest('hex');

function material({ kind, name, key: entry }: MaterialRef): string | undefined {
  if (name === 'release-key' && entry === `${kind}.pub`) return key.pem;
  return name === 'root' && entry === `${kind}.json` ? ROOT_TEXT : undefined;
}

const roots: TrustRoots = {
  ...NO_ROOTS,
  read: (json) => parsed({ fingerprint: fingerprintOf(json), json }),
};

/** The result of a policy: its problems, or its verdict, or that it does not cover the image. */
export function outcome(spec: WrittenSpec, asked: Asked, look?: Row['look']): string {
  const compiled = compilePolicy(policyDocument(spec), { material, roots });
  if (!compiled.ok) return `problem ${compiled.problems.map(({ path }) => path).join(' ')}`;
  const { coversImage, coversNamespace = () => true } = compiled.value;
  const labels: Labels = asked.labels?.state === 'found' ? asked.labels.value : {};
  if (!coversImage(`${USE.registry}/${USE.repository}`) || !coversNamespace(labels)) return 'not covered';
  return look ? look(compiled.value, asked) : inShort(verdictOf([compiled.value], asked));
}
