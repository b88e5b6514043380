import { expect } from 'chai';
import type { Sources } from '../../../src/core/evidence/index.ts';
import { judge } from '../../../src/core/evidence/index.ts';
import type { JobOutcome, ConditionOutcome } from '../../../src/core/model/index.ts';
import type { CompiledPolicy } from '../../../src/core/policy/index.ts';
import { authority, found, policyOf } from '../../support/policies.ts';
import { signingKey, statementBundle } from '../../support/signing.ts';
import { openJobs } from '../../support/threads.ts';
import { attachBundle, createBench, forever, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const KIB = 1024;
const key = signingKey();

function attested(cel: string): CompiledPolicy {
  const attestation = { predicateType: PROVENANCE, from: ['ci'], conditions: [{ cel, message: 'no' }] };
  return policyOf({ authorities: [authority('ci', key)], require: { attestations: [attestation] } });
}

/** Work for a condition: `all` goes round once for each. */
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('conditions on large statements', () => {
  const threads = openJobs();
  after(() => threads.close());

  /** Judges an image with this predicate by a condition; `asked` counts what was answered beside the main thread. */
  async function ask(predicate: object, cel: string, times = 1) {
    const { registry, sources } = createBench();
    let asked = 0;
    const answerElsewhere: Sources['answerElsewhere'] = (job, weight) => {
      asked += 1;
      return threads.run('condition', job, weight);
    };
    const digest = registry.push(WEB);
    const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate });
    attachBundle(registry, WEB, { subject: digest, json });
    const images = [{ container: 'c', field: '', image: `${WEB}@${digest}` }];
    const asking = {
      images,
      policies: [attested(cel)],
      labels: found({}),
      unmatchedImages: 'Allow',
    } as const;
    let verdicts: readonly string[] = [];
    for (let time = 0; time < times; time += 1) {
      verdicts = shortly(await judge({ ...asking, signal: forever() }, { ...sources, answerElsewhere }));
    }
    return { verdicts, asked };
  }

  const large = { builder: 'good', finishedAt: '2026-06-15T11:00:00Z', padding: 'x'.repeat(100 * KIB) };

  it('M04: a condition on a large predicate is answered beside the main thread, once for a digest', async () => {
    const { verdicts, asked } = await ask(large, "predicate.builder == 'good'", 3);
    expect(verdicts).to.deep.equal(['allow']);
    expect(asked).to.equal(1);
  });

  it('M04: a condition that a large predicate does not satisfy refuses', async () => {
    const { verdicts } = await ask({ ...large, builder: 'bad' }, "predicate.builder == 'good'");
    expect(verdicts).to.deep.equal(['deny AttestationRejected']);
  });

  it('M04: a condition over the time is answered anew each time', async () => {
    const cel = "now - timestamp(predicate.finishedAt) < duration('2h')";
    const { verdicts, asked } = await ask(large, cel, 2);
    expect(verdicts).to.deep.equal(['allow']);
    expect(asked).to.equal(2);
  });

  it('M04: a condition that takes little work on a small predicate is answered here', async () => {
    const { verdicts, asked } = await ask({ list: numbers(10) }, 'predicate.list.all(n, n < 10)');
    expect(verdicts).to.deep.equal(['allow']);
    expect(asked).to.equal(0);
  });

  it('M04: a condition that takes much work on a small predicate is answered beside the main thread', async () => {
    const { verdicts, asked } = await ask({ list: numbers(5_000) }, 'predicate.list.all(n, n < 5000)');
    expect(verdicts).to.deep.equal(['allow']);
    expect(asked).to.equal(1);
  });

  it('M04: a predicate with more text than a condition may read is unknown, and nothing is asked', async () => {
    const predicate = { builder: 'good', padding: 'x'.repeat(4_200 * KIB) };
    const { verdicts, asked } = await ask(predicate, "predicate.builder == 'good'");
    expect(verdicts).to.deep.equal(['unknown LimitExceeded']);
    expect(asked).to.equal(0);
  });

  it('M04: a thread that dies leaves the condition unknown', async () => {
    const { registry, sources } = createBench();
    const digest = registry.push(WEB);
    const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate: large });
    attachBundle(registry, WEB, { subject: digest, json });
    const answerElsewhere = (): Promise<JobOutcome<ConditionOutcome>> =>
      Promise.resolve({ ok: false, failure: 'exhausted' });
    const images = [{ container: 'c', field: '', image: `${WEB}@${digest}` }];
    const policies = [attested("predicate.builder == 'good'")];
    const asking = {
      images,
      policies,
      labels: found({}),
      unmatchedImages: 'Allow',
      signal: forever(),
    } as const;
    const verdicts = shortly(await judge(asking, { ...sources, answerElsewhere }));
    expect(verdicts).to.deep.equal(['unknown LimitExceeded']);
  });
});
