import { expect } from 'chai';
import { judge } from '../../../src/core/evidence/index.ts';
import { authority, found, policyOf } from '../../support/policies.ts';
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
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const MIB = 1024 * 1024;
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
    for (let n = 0; n < 4; n++) {
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
    expect(registry.count('blob') - before).to.be.at.most(2 * 2); // twice: a refusal is checked again
    expect(shortly(await ask([image], [attested]))).to.deep.equal(['allow']);
  });

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
    for (let n = 0; n < 4; n++)
      attachBundle(registry, WEB, { subject: digest, json: Buffer.alloc(7 * MIB, `{"n":${String(n)}} `) });
    pass(LIMITS.foundMs + 1);
    expect(shortly(await ask([image], [scanned]))).to.deep.equal(['unknown LimitExceeded']);
  });
});
