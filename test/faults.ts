/**
 * Judges, audits, mirrors and promotes images of registries that misbehave, and prints what each is answered.
 *
 *   node test/faults.ts          all knobs
 *   node test/faults.ts KNOB     those whose name or id begins so
 *
 * Exits 1 when a law is violated: the answer, the time, requests, bytes, connections, credentials, half-visible images, a process
 * that does not go on.
 */
import { KNOBS, turnKnobs, type Row } from './support/faults/index.ts';

function print({ knob, operation, answer, milliseconds, requests, bytes, problems }: Row): void {
  const columns = [
    knob.id,
    knob.name.padEnd(34),
    operation.padEnd(9),
    answer.padEnd(22),
    `${milliseconds} ms`.padStart(8),
    `${requests} requests`.padStart(12),
    `${bytes} bytes`.padStart(15),
  ];
  console.log(columns.join('  '));
  for (const problem of problems) console.log(`     VIOLATED: ${problem}`);
}

async function main(): Promise<number> {
  const wanted = process.argv[2] ?? '';
  const knobs = KNOBS.filter(({ id, name }) => id === wanted || name.startsWith(wanted));
  if (knobs.length === 0) {
    console.error(`there is no knob ${wanted}`);
    return 2;
  }
  const started = performance.now();
  const { rows, failures } = await turnKnobs(knobs);
  rows.forEach(print);
  for (const failure of failures) console.error('FAILED:', failure);
  const violated = rows.filter(({ problems }) => problems.length > 0).length;
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(
    `${knobs.length} knobs, ${rows.length} answers in ${seconds} s, ${violated} with violations, ${failures.length} failures`,
  );
  return violated + failures.length === 0 ? 0 : 1;
}

process.exitCode = await main();
