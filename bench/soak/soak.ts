// A soak: mixed traffic against one process, and a model that knows for every request what may be answered.
import { setTimeout as sleep } from 'node:timers/promises';
import { createCaller, TIMEOUT_MS, type Answer } from './caller.ts';
import { startProduct } from './product.ts';
import { randomOf, type Random } from './random.ts';
import { createReport, type Report, type Summary } from './report.ts';
import { auditCheck } from './scenarios/audit.ts';
import { badRegistries } from './scenarios/bad-registries.ts';
import { changingImages } from './scenarios/changing-images.ts';
import { changingPolicies } from './scenarios/changing-policies.ts';
import { lasting } from './scenarios/lasting.ts';
import { openPromotions } from './scenarios/promotions.ts';
import type { Question, Scenario } from './scenarios/scenario.ts';
import { either, type Permits } from './truth.ts';
import { openWorld } from './world.ts';

/** Options of a soak. */
export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly print: (line: string) => void;
}

/** Requests at once: a deployment of some size that is rolled out, all the time. */
const PARALLEL = 6;
/** Milliseconds between two requests of one of them: half load, so that the program can be measured beside the traffic. */
const PAUSE_MS = 20;
/** Milliseconds between two changes. */
const CHANGE_MS = 400;
/** Milliseconds between two tags that are mirrored, and between two looks at the target. */
const PROMOTE_MS = 5_000;
/** Milliseconds between two looks at the process. */
const MEASURE_MS = 1_000;
/** Milliseconds from start to the first answer, on a busy machine. */
const START_MS = 60_000;

/** Refuses for now: right about no image, wrong about none. */
const OUT_OF_TIME = 'DeadlineExceeded';

/** Runs it. The bundle has to be built. */
export async function soak({ minutes, seed, print }: SoakOptions): Promise<Summary> {
  const world = await openWorld();
  const closing: (() => Promise<void> | void)[] = [world.stop];
  try {
    const bad = await badRegistries(world);
    closing.unshift(bad.stop);
    const policies = await changingPolicies(world);
    const promotions = await openPromotions(world);
    const scenarios = [
      promotions.scenario,
      ...(await lasting(world)),
      ...(await changingImages(world)),
      ...policies.scenarios,
      ...bad.scenarios,
    ].map(({ ask, ...scenario }) => ({ ...scenario, ask: permittingAlso(ask, policies.besides) }));
    const { folder, ports } = world;
    const product = await startProduct({
      folder,
      args: ['--settings', `${folder}/settings.yaml`, '--kubeconfig', `${folder}/kubeconfig`],
      operations: ports.operations,
    });
    closing.unshift(product.stop);
    const caller = createCaller(world);
    closing.unshift(caller.close);
    const started = performance.now();
    while (!(caller.registered() && (await product.ready()))) {
      if (performance.now() - started > START_MS) {
        throw new Error(`it was not ready in time: ${product.deaths.join(' ')}\n${product.bugs.join('\n')}`);
      }
      await sleep(100);
    }
    const report = createReport({ product, minutes, print, promotions: promotions.counts });
    const ending = performance.now() + minutes * 60_000;
    const goesOn = () => performance.now() < ending;
    const random = randomOf(seed);
    const audited = auditCheck(world);
    const changing = scenarios.filter(({ change }) => change);
    const callers = Array.from({ length: PARALLEL }, (_, n) =>
      repeat(goesOn, PAUSE_MS, askOne({ scenarios, caller, report, random: random.apart(n) })),
    );
    const [changes, mirrored] = [random.apart(PARALLEL), random.apart(PARALLEL + 1)];
    await Promise.all([
      ...callers,
      repeat(goesOn, CHANGE_MS, async () => {
        const [first, ...rest] = changing;
        if (first) await changes.pick([first, ...rest]).change?.(changes);
      }),
      repeat(goesOn, PROMOTE_MS, async () => {
        await promotions.change(mirrored);
        report.problems([...(await promotions.check()), ...audited()]);
      }),
      repeat(goesOn, MEASURE_MS, () => report.measure()),
      // What is kept for tests of requests would grow with the traffic.
      repeat(goesOn, MEASURE_MS, () => {
        for (const one of [world.fixture.registry, world.failing, world.misbehaving]) one.forgetLog();
      }),
    ]);
    report.problems(await promotions.check());
    return await report.finish();
  } finally {
    for (const close of closing) await close();
  }
}

function permittingAlso(ask: Scenario['ask'], besides: Permits): Scenario['ask'] {
  return async (random) => {
    const question = await ask(random);
    return { ...question, permits: either(question.permits, besides) };
  };
}

/** Does it again and again, with a pause; the last time ends before this does. */
async function repeat(
  goesOn: () => boolean,
  pauseMs: number,
  act: () => Promise<void> | void,
): Promise<void> {
  while (goesOn()) {
    await act();
    await sleep(pauseMs);
  }
}

/** Draws one scenario, asks, and compares the answer with what is permitted. */
function askOne({
  scenarios,
  caller,
  report,
  random,
}: {
  readonly scenarios: readonly Scenario[];
  readonly caller: { readonly ask: (question: Question) => Promise<Answer> };
  readonly report: Report;
  readonly random: Random;
}): () => Promise<void> {
  const total = scenarios.reduce((sum, { weight }) => sum + weight, 0);
  const draw = (): Scenario | undefined => {
    let left = random.below(total);
    return scenarios.find(({ weight }) => (left -= weight) < 0);
  };
  return async () => {
    const scenario = draw();
    if (!scenario) return;
    const question = await scenario.ask(random);
    const answer = await caller.ask(question);
    const permitted = question.permits(answer.sent, answer.answered);
    const wrong = answer.outcomes.filter((outcome) => !permitted.has(outcome));
    report.answered(scenario.name, answer, { late: answer.answered - answer.sent > TIMEOUT_MS });
    if (wrong.includes(OUT_OF_TIME)) report.outOfTime();
    else if (wrong.length > 0) {
      const asked = question.images.slice(0, 3).join(' ');
      const took = `${(answer.answered - answer.sent).toFixed(0)} ms`;
      report.wrong(
        `${scenario.name}: ${wrong.join(', ')} where ${[...permitted].join(', ')} is right, after ${took} (${asked})`,
      );
    }
  };
}
