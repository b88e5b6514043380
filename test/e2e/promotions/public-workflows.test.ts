import { expect } from 'chai';
import { pushImage, pushIndex, type Target } from '../../support/registry/push.ts';
import { openChecker, type Checker } from '../support/installation/check.ts';
import { deleteManifest } from '../support/promotions/registry-reads.ts';
import { inShort, openPromoter, promotion, type Promoter, type Row } from '../support/promotions/promoter.ts';
import {
  ACQUISITION,
  openPublicSteps,
  VULNERABILITIES,
  type Entry,
  type PublicSteps,
} from '../support/promotions/public-steps.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';
import { pushAlpine } from '../support/promotions/scans.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const TURNS = 10;
const ADVISORY = { package: 'musl', id: 'CVE-2026-0001', severity: 'CRITICAL' } as const;
const VULNERABLE = { zlib: '1.3.1-r1', musl: '1.2.5-r0' };

describe('beside the public mirror and promotion workflows', () => {
  let workspace: Workspace;
  let steps: PublicSteps;
  let promoter: Promoter;
  let checker: Checker;
  before(async () => {
    [workspace, promoter, checker] = await Promise.all([
      openWorkspace('public-workflows'),
      openPromoter([ADVISORY]),
      openChecker(),
    ]);
    steps = await openPublicSteps(workspace);
  });
  after(async () => {
    await Promise.all([promoter.stop(), checker.stop()]);
    await workspace.close();
  });

  for (const { name, start } of [
    { name: 'olareg, which has the referrers API', start: startOlareg },
    { name: 'distribution, which has none', start: () => startDistribution() },
  ]) {
    describe(`in ${name}`, () => {
      let registry: Registry;
      before(async () => {
        registry = await start();
      });
      after(() => registry.stop());

      const at = (repository: string): Target => ({ registry: registry.host, repository });
      const places = (from: string, to: string) => ({
        source: `${registry.host}/${from}`,
        target: `${registry.host}/${to}`,
      });

      it('P30: mirrors in turns with them, ten in a row; both find every arrival, and no entry is lost', async () => {
        const place = places('library/app', 'quarantine/app');
        const mirror = promotion({
          source: { repository: place.source },
          target: { repository: place.target },
          mirror: {},
        });
        const arrived: { tag: string; digest: string }[] = [];
        let before: readonly Entry[] = [];
        for (let turn = 1; turn <= TURNS; turn += 1) {
          const tag = `1.${String(turn)}.0`;
          const child = await pushImage(at('library/app'), { salt: tag });
          const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
          const { digest } = await pushIndex(
            { ...at('library/app'), tag },
            { manifests: [{ ...child, platform }] },
          );
          const move = { ...place, tag, digest };
          expect(await steps.isSynchronized(move)).to.equal(false);
          if (turn % 2 === 1) {
            await steps.mirror(move);
            // Promoted and deleted: their history alone knows of it.
            await deleteManifest(at('quarantine/app'), digest);
          } else {
            const ran = await promoter.promote([mirror]);
            expect(ran.code, ran.stderr).to.equal(0);
            const rows = inShort(ran);
            expect(rows[0]).to.equal(`${tag} Mirrored`);
            expect(rows[1]).to.equal(`1.${String(turn - 1)}.0 Skipped MirroredBefore`);
            const records = await steps.statements(`${place.target}@${digest}`, ACQUISITION);
            expect(records).to.have.lengthOf(1);
            expect(records[0]?.file).to.have.nested.property('predicate.destination.digest', digest);
            expect(records[0]?.file).to.have.nested.property('predicate.workflow.runAttempt', '1');
            const below = await steps.statements(`${place.target}@${child.digest}`, ACQUISITION);
            expect(below[0]?.annotations).to.have.property(
              'org.opencontainers.image.title',
              'acquisition-provenance-linux-arm-v7.json',
            );
            expect(below[0]?.file).to.have.nested.property('predicate.platformSourceDigest', child.digest);
          }
          arrived.push({ tag, digest });
          const history = await steps.history(place.target);
          expect(history).to.deep.include({ image: place.target, source: place.source });
          expect(history.entries).to.have.lengthOf(turn);
          expect(history.entries.slice(0, turn - 1)).to.deep.equal(before);
          for (const one of arrived)
            expect(await steps.isSynchronized({ ...place, ...one }), one.tag).to.equal(true);
          before = history.entries;
        }
        expect(
          inShort(await promoter.promote([mirror])).filter((row) => row.includes('Mirrored ')),
        ).to.deep.equal([]);
      });

      it('P31: an approval there and one by an object here leave the same record, and each side reads both', async () => {
        const place = places('quarantine/shop', 'golden/shop');
        const [theirs, ours] = await Promise.all(
          ['1.0.0', '1.1.0'].map((tag) =>
            pushAlpine({ ...at('quarantine/shop'), tag }, { ...VULNERABLE, [`app${tag}`]: tag }),
          ),
        );
        if (!theirs || !ours) throw new Error('nothing was pushed');
        const spec = { source: { repository: place.source }, target: { repository: place.target } };
        const promote = promotion({ ...spec, promote: { scan: {}, approval: 'OnBlock' } }, 'shop');
        const waiting = await promoter.promote([promote]);
        expect(inShort(waiting)).to.deep.equal([
          '1.1.0 AwaitingApproval ApprovalNeeded',
          '1.0.0 AwaitingApproval ApprovalNeeded',
        ]);
        const override = {
          approver: 'octocat',
          issue: 'https://git.example.com/issues/42',
          cves: [ADVISORY.id],
        };
        await steps.promoteByOverride({ ...place, tag: '1.0.0', digest: theirs.digest }, override);
        const ran = await promoter.promote([promote, approvalOf(waiting.rows[0])]);
        expect([ran.code, ...inShort(ran)], ran.stderr).to.deep.equal([
          0,
          '1.1.0 Promoted',
          '1.0.0 UpToDate',
        ]);

        const [there] = await steps.statements(`${place.target}@${theirs.digest}`, VULNERABILITIES);
        const [here] = await steps.statements(`${place.target}@${ours.digest}`, VULNERABILITIES);
        const about = (marks: Readonly<Record<string, string>> = {}) =>
          Object.entries(marks).filter(([key]) => key.startsWith('com.cssc.scan.'));
        const keys = (marks?: Readonly<Record<string, string>>) => about(marks).map(([key]) => key);
        expect(keys(here?.annotations)).to.have.members(keys(there?.annotations));
        expect(here?.annotations).to.include({
          'com.cssc.scan.source': place.source,
          'com.cssc.scan.tag': '1.1.0',
          'com.cssc.scan.override': 'true',
          'com.cssc.scan.override-approver': 'bob@acme.example',
          'com.cssc.scan.override-cves': ADVISORY.id,
        });
        expect(here?.annotations['com.cssc.scan.override-issue']).to.match(/^platform\/shop\/./);
        expect(here?.file).to.have.nested.property('predicate.scanner.result.SchemaVersion');

        const policy = {
          apiVersion: 'pratique.dev/v1alpha1',
          kind: 'ImagePolicy',
          metadata: { name: 'scanned' },
          spec: {
            match: { images: ['**'] },
            require: { vulnerabilities: { failOn: 'Critical', trust: 'Unsigned' } },
          },
        };
        const check = (tag: string) => checker.check(`${place.target}:${tag}`, [policy]);
        expect(await check('1.0.0')).to.equal('1 deny ReportMissing');
        expect(await check('1.1.0')).to.equal('1 deny Vulnerable');
      });
    });
  }
});

function approvalOf({ digest, gateHash }: Row = { tag: '' }): object {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'PromotionApproval',
    metadata: { name: 'shop', namespace: 'platform' },
    spec: {
      runName: 'from-here',
      digest,
      gateHash,
      approver: 'bob@acme.example',
      decision: 'Approve',
      waive: [ADVISORY.id],
      reason: 'accepted until the next release',
      until: new Date(Date.now() + 86_400_000).toISOString(),
    },
  };
}
