import { expect } from 'chai';
import type { Digest } from '../../../src/core/model/index.ts';
import { judge } from '../../../src/core/evidence/index.ts';
import { authority, found, policyOf } from '../../support/policies.ts';
import { processorTime } from '../../support/processor-time.ts';
import { signingKey, simpleSigning, statementBundle } from '../../support/signing.ts';
import {
  attachBundle,
  createBench,
  forever,
  LIMITS,
  pushSignatures,
  shortly,
} from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const FLAG = 'application/vnd.pratique.quarantine.v1+json';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const MIB = 1024 * 1024;
/** The job timeout of the product's threads. */
const JOB_MS = 5_000;
const key = signingKey();
const flagged = policyOf({ require: { quarantine: {} } });
const attested = policyOf({
  authorities: [authority('ci', key)],
  require: { attestations: [{ predicateType: PROVENANCE, from: ['ci'] }] },
});
const signed = policyOf({ authorities: [authority('ci', key)], require: { signatures: { from: ['ci'] } } });

describe('budgets of a judgement', () => {
  it('M06: a namespace that has read too much gets that as its reason, and another is judged', async () => {
    const { registry, sources } = createBench();
    const digest = registry.push(WEB);
    const spending = { isOver: (owner: string) => owner === 'admission greedy' };
    const verdictFor = async (namespace: string) => {
      const images = [{ container: 'c', field: '', image: `${WEB}@${digest}` }];
      const asked = { images, policies: [flagged], labels: found({}), unmatchedImages: 'Allow' } as const;
      const answer = await judge(
        { ...asked, signal: forever(), owner: { namespace } },
        { ...sources, spending },
      );
      return shortly(answer);
    };
    expect(await verdictFor('greedy')).to.deep.equal(['unknown LimitExceeded']);
    expect(registry.calls).to.be.empty;
    expect(await verdictFor('modest')).to.deep.equal(['allow']);
  });

  /** A namespace that is over its budget from the moment a test sets that, beside one that never is. */
  function openSpender() {
    const bench = createBench();
    const image = `${WEB}@${bench.registry.push(WEB)}`;
    let isOver = false;
    const sources = {
      ...bench.sources,
      spending: { isOver: (owner: string) => isOver && owner === 'admission greedy' },
    };
    const verdictFor = async (namespace: string, asked = image) => {
      const images = [{ container: 'c', field: '', image: asked }];
      const question = { images, policies: [flagged], labels: found({}), unmatchedImages: 'Allow' } as const;
      return shortly(await judge({ ...question, signal: forever(), owner: { namespace } }, sources));
    };
    const flag = () =>
      bench.registry.push(WEB, { artifactType: FLAG, subject: image.slice(WEB.length + 1) as Digest });
    return { ...bench, image, flag, verdictFor, overspend: () => (isOver = true) };
  }

  it('M16: a namespace that has read too much is answered from memory, and only new reads are refused', async () => {
    const { registry, image, verdictFor, overspend, pass } = openSpender();
    expect(await verdictFor('greedy')).to.deep.equal(['allow']);
    const other = `${WEB}@${registry.push(WEB, { annotations: { a: 'b' } })}`;
    overspend();
    const before = registry.calls.length;
    expect(await verdictFor('greedy')).to.deep.equal(['allow']);
    expect(await verdictFor('greedy', other)).to.deep.equal(['unknown LimitExceeded']);
    expect(registry.calls.length, 'nothing is read').to.equal(before);
    expect(await verdictFor('modest', other), 'another reads it').to.deep.equal(['allow']);
    expect(await verdictFor('greedy', other), 'and its answer counts for both').to.deep.equal(['allow']);
    pass(LIMITS.foundMs + 1);
    expect(await verdictFor('greedy', image), 'what is too old').to.deep.equal(['unknown LimitExceeded']);
  });

  it('M16: a refusal stands where the namespace has read too much to check it again', async () => {
    const { verdictFor, flag, overspend, pass } = openSpender();
    flag();
    expect(await verdictFor('greedy')).to.deep.equal(['deny Quarantined']);
    overspend();
    pass(LIMITS.absentMs + 1);
    expect(await verdictFor('greedy')).to.deep.equal(['deny Quarantined']);
  });

  it('M16: what several namespaces wait for fails for none of them because one has read too much', async () => {
    for (const first of ['greedy', 'modest']) {
      const { registry, verdictFor, overspend } = openSpender();
      const answer = registry.hold('');
      const asked = [verdictFor(first)];
      await new Promise(setImmediate);
      overspend(); // while its first questions are under way
      asked.push(verdictFor('modest'), verdictFor('greedy'));
      await new Promise(setImmediate);
      answer();
      expect(await Promise.all(asked), first).to.deep.equal([['allow'], ['allow'], ['allow']]);
    }
  });

  it('M06: the images of one request that are too many are unknown, and the others are judged', async () => {
    const { registry, judge: ask } = createBench();
    const images = Array.from(
      { length: 257 },
      (_, n) => `${WEB}@${registry.push(WEB, { annotations: { n: String(n) } })}`,
    );
    const verdicts = shortly(await ask(images, [flagged]));
    expect(verdicts.filter((verdict) => verdict === 'allow')).to.have.lengthOf(256);
    expect(verdicts.at(-1)).to.equal('unknown LimitExceeded');
  });

  it('M06: statements beyond the bytes of an image are not read, and hide no signature', async () => {
    const { registry, judge: ask } = createBench();
    const digest = registry.push(WEB);
    for (let n = 0; n < 6; n++) {
      const predicate = { n, padding: 'x'.repeat(8 * MIB) };
      const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate });
      attachBundle(registry, WEB, { subject: digest, json });
    }
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const image = `${WEB}@${digest}`;
    expect(shortly(await ask([image], [signed]))).to.deep.equal(['allow']);
    const before = registry.count('blob');
    await ask(
      [image],
      [
        policyOf({
          authorities: [authority('other', signingKey())],
          require: { attestations: [{ predicateType: PROVENANCE, from: ['other'] }] },
        }),
      ],
    );
    expect(registry.count('blob') - before).to.be.at.most(4 * 2); // twice: a refusal is checked again
    expect(shortly(await ask([image], [attested]))).to.deep.equal(['allow']);
  });

  it('M07: a statement of 32 MiB counts within the memory of a thread, and one that is larger is over a limit', async () => {
    const bench = createBench();
    const attach = (bytes: number) => {
      const digest = bench.registry.push(WEB, { annotations: { bytes: String(bytes) } });
      const list = Array.from({ length: 290_000 }, (_, n) => ({
        n: String(n).padEnd(bytes / 290_000 - 8, 'x'),
      }));
      const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate: { list } });
      attachBundle(bench.registry, WEB, { subject: digest, json });
      return `${WEB}@${digest}`;
    };
    const largest = attach(32 * MIB);
    const spent = processorTime();
    expect(shortly(await bench.judge([largest], [attested]))).to.deep.equal(['allow']);
    expect(spent(), 'what a thread has for one job').to.be.below(JOB_MS);
    expect(shortly(await bench.judge([attach(34 * MIB)], [attested]))).to.deep.equal([
      'unknown LimitExceeded',
    ]);
  }).timeout(60_000);

  it('M07: a statement of a trusted signer with too many values is unknown, and not missing', async () => {
    const { registry, judge: ask } = createBench();
    const digest = registry.push(WEB);
    const predicate = { list: Array.from({ length: 700_000 }, () => 0) };
    const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate });
    attachBundle(registry, WEB, { subject: digest, json });
    expect(shortly(await ask([`${WEB}@${digest}`], [attested]))).to.deep.equal(['unknown LimitExceeded']);
  });

  it('B22: an older report does not stand in for what is not read because there is too much of it', async () => {
    const { registry, judge: ask, pass } = createBench();
    const digest = registry.push(WEB);
    const scanned = policyOf({
      authorities: [authority('ci', key)],
      require: { vulnerabilities: { failOn: 'High', from: ['ci'] } },
    });
    const predicateType = 'https://cosign.sigstore.dev/attestation/vuln/v1';
    const attach = (scanFinishedOn: string, ids: readonly string[], padding = 0) => {
      const found = ids.map((id) => ({ VulnerabilityID: id, PkgName: 'musl', Severity: 'CRITICAL' }));
      const result = {
        SchemaVersion: 2,
        Results: [{ Class: 'lang-pkgs', Type: 'npm', Vulnerabilities: found }],
      };
      const scanner = { uri: 'trivy', version: '0.74.0', result };
      const predicate = { scanner, metadata: { scanFinishedOn }, padding: 'x'.repeat(padding) };
      const json = statementBundle({ key, digest, predicateType, predicate });
      return attachBundle(registry, WEB, { subject: digest, json });
    };
    attach('2026-01-01T00:00:00Z', []);
    const image = `${WEB}@${digest}`;
    expect(shortly(await ask([image], [scanned]))).to.deep.equal(['allow']);

    attach('2026-01-02T00:00:00Z', ['CVE-2026-1'], 8 * MIB);
    // Anyone who can push adds what displaces the newer report from the budget, and signs nothing.
    for (let n = 0; n < 6; n++)
      attachBundle(registry, WEB, { subject: digest, json: Buffer.alloc(7 * MIB, `{"n":${String(n)}} `) });
    pass(LIMITS.foundMs + 1);
    expect(shortly(await ask([image], [scanned]))).to.deep.equal(['unknown LimitExceeded']);
  });
});
