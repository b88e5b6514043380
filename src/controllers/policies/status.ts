import { conditionOf } from '../../core/model/index.ts';
import type { PolicyCondition, PolicyStatus } from '../../core/policy/index.ts';
import type { PolicyState } from './compile-set.ts';
import type { PolicyObject } from './ports.ts';

/** The fields of the status that the compiling controller writes. */
export type CompileStatus = Required<
  Pick<PolicyStatus, 'observedGeneration' | 'compiledHash' | 'conditions'>
>;

const IN_FORCE: Readonly<Record<PolicyState['inForce'], string>> = {
  'as written': 'The policy is in force as written.',
  'last good': 'The last good version stays in force.',
  nothing: 'It has never compiled: every image it covers is unknown.',
};

/**
 * The status that follows from what became of a policy. A condition that keeps its status keeps the time at which it last
 * changed; `undefined` when the object says all this already.
 */
export function compileStatus(
  object: PolicyObject,
  state: PolicyState,
  now: Date,
): CompileStatus | undefined {
  const before = statusOf(object);
  const ready = state.inForce === 'as written';
  const reason = ready ? 'Compiled' : 'PolicyBroken';
  const problems = state.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
  const message = [...(problems === '' ? [] : [`${problems}.`]), IN_FORCE[state.inForce]].join(' ');
  const about = { before: before.conditions, generation: state.generation, now };
  const condition = (type: 'Ready' | 'Stalled', holds: boolean): PolicyCondition =>
    conditionOf({ type, status: holds ? 'True' : 'False', reason, message }, about);
  const status = {
    observedGeneration: state.generation,
    compiledHash: state.hash,
    conditions: [condition('Ready', ready), condition('Stalled', !ready)],
  };
  return isSaid(before, status) ? undefined : status;
}

/** Only this controller writes the status, and the API server holds it to the schema. */
function statusOf({ status }: PolicyObject): PolicyStatus {
  return typeof status === 'object' && status !== null ? status : {};
}

function isSaid(before: PolicyStatus, now: CompileStatus): boolean {
  const same = (type: string): boolean => {
    const [a, b] = [before, now].map(({ conditions }) => conditions?.find((one) => one.type === type));
    return (
      a !== undefined &&
      b !== undefined &&
      (['status', 'observedGeneration', 'lastTransitionTime', 'reason', 'message'] as const).every(
        (field) => a[field] === b[field],
      )
    );
  };
  return (
    before.observedGeneration === now.observedGeneration &&
    before.compiledHash === now.compiledHash &&
    same('Ready') &&
    same('Stalled')
  );
}
