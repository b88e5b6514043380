import { parsed, problem, type Parsed, isObject } from '../model/index.ts';
import { type Fields } from './fields.ts';
import type { Workload } from './kinds.ts';

/** The pod spec of an object; `undefined` where the kind allows that there is none. */
export function podSpecOf(object: unknown, { podSpec, optional = [] }: Workload): Parsed<Fields | undefined> {
  let fields = object;
  for (const [depth, step] of podSpec.entries()) {
    if (!isObject(fields)) return problem(podSpec.slice(0, depth).join('.'), 'is not an object');
    fields = fields[step];
    if ((fields === undefined || fields === null) && optional.includes(step)) return parsed(undefined);
  }
  return isObject(fields) ? parsed(fields) : problem(podSpec.join('.'), 'is not an object');
}
