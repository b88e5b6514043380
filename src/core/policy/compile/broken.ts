import { type Problem, objectOf } from '../../model/index.ts';
import { compileMatch, type CompiledPolicy } from './compile.ts';
import { imagePolicySpecSchema } from '../schema.ts';

/** The parts that say where a policy applies and how hard; read one by one, because another part is what is broken. */
const parts = imagePolicySpecSchema.shape;

/**
 * Stands in for a policy that does not compile: its images are `unknown`, never simply unmatched. As much of it as can be
 * read counts: its patterns, its namespaces, its enforcement. A part that cannot be read is taken at its strictest: every
 * image, every namespace, Deny.
 */
export function brokenPolicy(name: string, document: unknown, problems: readonly Problem[]): CompiledPolicy {
  const spec = objectOf(objectOf(document).spec);
  const match = parts.match.safeParse(spec.match);
  const unreadable: Problem[] = [];
  const compiled = match.success ? compileMatch(match.data, unreadable) : undefined;
  const broken = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
  return {
    name,
    broken,
    enforcement: parts.enforcement.safeParse(spec.enforcement).data ?? 'Deny',
    onUnknown: parts.onUnknown.safeParse(spec.onUnknown).data ?? 'Deny',
    pinDigests: parts.pinDigests.safeParse(spec.pinDigests).data ?? false,
    digest: false,
    attestations: [],
    ...(compiled && unreadable.length === 0 ? compiled : { coversImage: () => true }),
  };
}
