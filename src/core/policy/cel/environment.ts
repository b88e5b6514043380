import { Environment } from '@marcbachmann/cel-js';
import { parseTime } from '../time.ts';
import { MAX_CONDITION_DEPTH, MAX_CONDITION_NODES, MAX_DURATION_LENGTH } from './limits.ts';
import { MAX_LITERAL_ELEMENTS, ROUND_WORK, STEPS_PER_UNIT } from './limits.ts';
import { Stop, textWork, Work } from './work.ts';

/** Shortest timestamp of RFC 3339: a date alone is none. */
const SHORTEST_TIMESTAMP = '2026-01-01T00:00:00Z'.length;
const SYNC = { async: false };
/** JSON mixes what is in a list; so may a condition: `predicate.x in ['a', predicate.y]`. */
const MIXED = { homogeneousAggregateLiterals: false };

/** What people write conditions in: six variables, `re2` and `matches`, and limits on the text itself. */
export function writtenEnvironment(): Environment {
  const environment = new Environment({
    ...MIXED,
    limits: {
      maxAstNodes: MAX_CONDITION_NODES,
      maxDepth: MAX_CONDITION_DEPTH,
      maxListElements: MAX_LITERAL_ELEMENTS,
      maxCallArguments: 3,
    },
  });
  return withVariables(environment)
    .registerFunction('re2(string, string): bool', () => false, SYNC)
    .registerFunction('matches(string, string): bool', () => false, SYNC);
}

/** What is evaluated: the same variables, and the functions by which a metered condition accounts for its work. */
export function meteredEnvironment(): Environment {
  // What the meter adds to a condition is no reason to refuse it.
  const limits = { maxAstNodes: MAX_CONDITION_NODES * 16, maxDepth: MAX_CONDITION_DEPTH * 64 };
  return withVariables(new Environment({ ...MIXED, limits }))
    .registerType('Work', Work)
    .registerVariable('__work', 'Work')
    .registerFunction('__round(Work, int): bool', startRound, SYNC)
    .registerFunction('__each(Work, A): A', charge(ONE), SYNC)
    .registerFunction('__text(Work, A): A', charge(ofText(textWork)), SYNC)
    .registerFunction('__pieces(Work, A): A', charge(ofText(({ length }) => length)), SYNC)
    .registerFunction('__made(Work, A): A', charge(sizeOfMade), SYNC)
    .registerFunction('__whole(Work, A): A', whole, SYNC)
    .registerFunction('__members(Work, A): A', members, SYNC)
    .registerFunction('__find(Work, string, int): bool', find, SYNC)
    .registerFunction('__moment(Work, string): string', (_: Work, text: string) => moment(text), SYNC)
    .registerFunction('__moment(Work, int): int', (_: Work, seconds: bigint) => seconds, SYNC)
    .registerFunction('__period(Work, string): string', (_: Work, text: string) => period(text), SYNC);
}

function withVariables(environment: Environment): Environment {
  return environment
    .registerVariable('predicate', 'dyn')
    .registerVariable({ name: 'image', schema: { reference: 'string', digest: 'string' } })
    .registerVariable('annotations', 'map<string, string>')
    .registerVariable({ name: 'base', schema: { name: 'string', digest: 'string' } })
    .registerVariable('config', 'dyn')
    .registerVariable('now', 'google.protobuf.Timestamp');
}

type Units = (value: unknown) => number;

const ONE: Units = () => 1;
const ofText =
  (units: (text: string) => number): Units =>
  (value) =>
    typeof value === 'string' ? units(value) : 1;

function charge(units: Units): (work: Work, value: unknown) => unknown {
  return (work, value) => {
    work.spend(units(value));
    return value;
  };
}

function startRound(work: Work, nodes: bigint): boolean {
  work.spend(ROUND_WORK + Number(nodes));
  return true;
}

function sizeOfMade(value: unknown): number {
  if (typeof value === 'string') return textWork(value);
  return Array.isArray(value) ? 1 + value.length : 1;
}

function whole(work: Work, value: unknown): unknown {
  work.spendWhole(value);
  return value;
}

function members(work: Work, value: unknown): unknown {
  return value instanceof Map ? value : whole(work, value);
}

function find(work: Work, text: string, index: bigint): boolean {
  const pattern = work.patterns[Number(index)];
  if (!pattern) throw new Stop('failed', 'the pattern of a search is missing');
  work.spend(1 + Math.ceil((text.length * pattern.programSize()) / STEPS_PER_UNIT));
  return pattern.test(text);
}

/** Only RFC 3339 with its zone: the evaluator alone would read other dates in the zone of the machine. */
function moment(text: string): string {
  const read = text.length < SHORTEST_TIMESTAMP ? undefined : parseTime(text);
  if (!read) throw new Stop('failed', 'timestamp() was given a text that is no RFC 3339 timestamp');
  return read.toISOString();
}

function period(text: string): string {
  if (text.length > MAX_DURATION_LENGTH)
    throw new Stop('failed', 'duration() was given a text that is too long');
  return text;
}
