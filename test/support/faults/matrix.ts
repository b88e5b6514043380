// Turns knobs, one operation at a time, and checks that every law holds.
import pLimit from 'p-limit';
import { OPERATIONS_OF, type Knob, type Operation } from './knob.ts';
import { violations, type Measured } from './laws.ts';
import { admit, carryOut } from './operations.ts';
import { openInstallation, openStage, pushSigned, type Installation } from './stage.ts';

/** One row of the table. */
export interface Row extends Measured {
  readonly knob: Knob;
  readonly operation: Operation;
  readonly problems: readonly string[];
}

/** Operations under way at a time: most of them wait for time to pass. */
const AT_ONCE = 6;

/** What came of knobs, and failures that no answer reports. */
export interface Outcome {
  readonly rows: readonly Row[];
  readonly failures: readonly unknown[];
}

/** Turns all these knobs, for each operation that they concern. */
export async function turnKnobs(knobs: readonly Knob[]): Promise<Outcome> {
  const failures: unknown[] = [];
  const note = (error: unknown): void => void failures.push(error);
  process.on('unhandledRejection', note);
  const [patient, hasty] = await Promise.all([openInstallation(false), openInstallation(true)]);
  const turnSome = async (some: readonly Knob[], atOnce: number): Promise<readonly Row[]> => {
    const limit = pLimit(atOnce);
    const pairs = some.flatMap((knob) => OPERATIONS_OF[knob.side].map((operation) => ({ knob, operation })));
    return Promise.all(pairs.map((pair) => limit(() => turn(pair, pair.knob.hangs ? hasty : patient))));
  };
  try {
    const light = knobs.filter(({ heavy }) => !heavy);
    const rows = [
      ...(await turnSome(light, AT_ONCE)),
      ...(await turnSome(
        knobs.filter((knob) => !light.includes(knob)),
        1,
      )),
    ];
    return { rows, failures: [...failures, ...patient.fixture.bugs, ...hasty.fixture.bugs] };
  } finally {
    process.off('unhandledRejection', note);
    await Promise.all([patient.close(), hasty.close()]);
  }
}

async function turn(
  { knob, operation }: Pick<Row, 'knob' | 'operation'>,
  installation: Installation,
): Promise<Row> {
  const stage = await openStage(knob, operation, installation);
  try {
    const started = performance.now();
    const answer = await carryOut(knob, stage, installation);
    const milliseconds = Math.round(performance.now() - started);
    const measured = { answer, milliseconds, requests: stage.bad.requests.length, ...stage.bad.traffic() };
    stage.behave();
    const problems = await violations(knob, measured, stage);
    return {
      ...{ knob, operation, ...measured },
      problems: [...problems, ...(await goesOn(stage.goodPlace.repository, installation))],
    };
  } finally {
    await stage.close();
  }
}

/** Times that a good image is tried: under short limits a busy machine may need more than one. */
const TRIES = 3;

/** Whether a good image of a good registry is admitted right after. */
async function goesOn(name: string, installation: Installation): Promise<readonly string[]> {
  const { registry } = installation.fixture;
  let answer = '';
  for (let tried = 0; tried < TRIES && answer !== 'allow'; tried += 1) {
    const place = { registry: registry.host, repository: `after-${tried}/${name}`, tag: '1.0.0' };
    await pushSigned(place, installation.key, undefined);
    answer = await admit(place, installation);
  }
  return answer === 'allow' ? [] : [`a good image is answered ${answer} right after`];
}
