import type { Evidence, Finding, ImageRef, Unknown } from '../../model/index.ts';
import type { CompiledPolicy } from '../compile/compile.ts';

/** What every check is given: the reference as the object names it, what is known, what is required, and when. */
export interface Given {
  readonly use: ImageRef;
  readonly evidence: Evidence;
  readonly policy: CompiledPolicy;
  readonly now: Date;
}

/** One way to be refused: looks at what is known and answers a finding, or nothing. Pure. */
export type Check = (given: Given) => Finding | undefined;

/** The finding that refuses an image: what was found and what to do next, each as one clause. */
export function refused(
  { name }: Pick<CompiledPolicy, 'name'>,
  reason: Finding['reason'],
  found: string,
  next: string,
): Finding {
  return { kind: 'refused', reason, found, next, policy: name, transient: false };
}

/** The finding that follows from a fact that could not be learned. */
export function unknownFinding({ name }: CompiledPolicy, { reason, transient }: Unknown): Finding {
  const other = transient ? 'try again in a moment' : 'ask the owner of the registry or of the policy';
  const next =
    reason.code === 'PullSecretUnreadable'
      ? 'create or correct the Secret, or take its name out of imagePullSecrets'
      : other;
  return { kind: 'unknown', reason: reason.code, found: reason.detail, next, policy: name, transient };
}

/** What near the image has what it lacks itself, as a clause with `; ` in front; empty where nothing has. */
export function nearMiss(
  near: Evidence['near'],
  has: (signatures: Evidence['signatures']) => boolean,
  what: string,
): string {
  const good = (near ?? []).filter(({ signatures }) => has(signatures));
  const names = (wanted: 'platform' | 'index') =>
    good.flatMap(({ kind, name }) => (kind === wanted ? [name] : [])).join(', ');
  const [platforms, indexes] = [names('platform'), names('index')];
  const be = platforms.includes(', ') ? 'are' : 'is';
  if (platforms !== '') return `; ${platforms} in this index ${be} ${what}, the index itself is not`;
  return indexes === '' ? '' : `; the index ${indexes} that lists it is ${what}, this image itself is not`;
}

export function notThere({ policy }: Given): Finding {
  const found = 'the registry has no such image, or hides it from this login';
  return refused(policy, 'ImageNotFound', found, 'check name, tag and pull access');
}
