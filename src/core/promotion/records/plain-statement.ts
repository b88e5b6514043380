import { type Annotations, type Descriptor, rfc3339 } from '../../model/index.ts';
import type { Statement } from '../ports.ts';
import { buildArtifact, CREATED, encodeJson, findRecord, type Artifact } from './artifact.ts';
import { STATEMENT_ANNOTATION } from './claims.ts';
import { statementDigest } from './statement.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'in-toto.io/predicate-type';

/** An unsigned statement, beside its image. */
export function plainStatement(
  statement: Statement,
  {
    subject,
    at,
    annotations,
  }: { readonly subject: Descriptor; readonly at: Date; readonly annotations: Annotations },
): Artifact {
  const hint = { [PREDICATE_TYPE]: statement.predicateType };
  return buildArtifact({
    artifactType: IN_TOTO,
    subject,
    layers: [{ mediaType: IN_TOTO, bytes: encodeJson(statement), annotations: hint }],
    annotations: {
      ...annotations,
      ...hint,
      [STATEMENT_ANNOTATION]: statementDigest(statement),
      [CREATED]: rfc3339(at),
    },
  });
}

/** An unsigned statement of this type among the referrers, with these annotations. */
export function findPlainStatement(
  referrers: readonly Descriptor[],
  predicateType: string,
  annotations: Annotations,
): Descriptor | undefined {
  return findRecord(referrers, {
    artifactType: IN_TOTO,
    annotations: { ...annotations, [PREDICATE_TYPE]: predicateType },
  });
}

/** The annotations that have a value. */
export function present(annotations: Readonly<Record<string, string | undefined>>): Annotations {
  return Object.fromEntries(
    Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
