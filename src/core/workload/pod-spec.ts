import { parsed, problem, type Parsed } from '../model/index.ts';
import { isFields, type Fields } from './fields.ts';
import type { Workload } from './kinds.ts';

/** The pod spec of an object; `undefined` where the kind allows that there is none. */
export function podSpecOf(object: unknown, { podSpec, optional = [] }: Workload): Parsed<Fields | undefined> {
  let fields = object;
  for (const [depth, step] of podSpec.entries()) {
    if (!isFields(fields)) return problem(podSpec.slice(0, depth).join('.'), 'is not an object');
    fields = fields[step];
    if ((fields === undefined || fields === null) && optional.includes(step)) return parsed(undefined);
  }
  return isFields(fields) ? parsed(fields) : problem(podSpec.join('.'), 'is not an object');
}
