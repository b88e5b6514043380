import { expect } from 'chai';
import { standIn, type StandIn } from '../../clients/scanner/stand-in.ts';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';

const CLEAN = JSON.stringify({
  SchemaVersion: 2,
  CreatedAt: new Date().toISOString(),
  Metadata: { OS: { Family: 'alpine', Name: '3.22.0' } },
  Results: [{ Target: 'image', Class: 'os-pkgs', Type: 'alpine', Vulnerabilities: [] }],
});
const VERSION = {
  Version: '0.74.0',
  VulnerabilityDB: { Version: 2, UpdatedAt: new Date().toISOString() },
};
const LOCKED = 'FATAL unable to initialize fs cache: cache may be in use by another process: timeout';

/** Fails so often, then prints this. */
const failing = (times: number, report = CLEAN): string => `
  const count = Number(read(__filename + '.count') ?? 0) + 1;
  fs.writeFileSync(__filename + '.count', String(count));
  if (count <= ${String(times)}) { process.stderr.write(${JSON.stringify(LOCKED)}); process.exitCode = 1; }
  else process.stdout.write(${JSON.stringify(report)});`;

describe('a scanner that fails', () => {
  let fixture: PromotionFixture;
  let program: StandIn;
  const path = promotionPath(() => fixture);

  const outcomeOf = async (scan: string): Promise<readonly [readonly (readonly string[])[], number]> => {
    program = await standIn({ scan, version: VERSION });
    const scanner = { command: program.command, offline: true };
    const pause = (): Promise<void> => Promise.resolve();
    fixture = await openPromotionFixture({}, { scanner }, { opening: { pause } });
    await path.push('quarantine/app', '1.0.0');
    const outcome = await fixture.run({ spec: path.promote({ scan: { failOn: 'Low' } }) });
    return [decisions(outcome), (await program.scans()).length];
  };
  afterEach(async () => {
    await fixture.close();
    await program.remove();
  });

  it('P15 on what may pass is asked again, and the image is promoted', async () => {
    expect(await outcomeOf(failing(1))).to.deep.equal([[['1.0.0', 'Promoted']], 2]);
  });

  it('P15 each time fails the image, which is no finding against it', async () => {
    expect(await outcomeOf(failing(9))).to.deep.equal([[['1.0.0', 'Failed', 'ScannerFailed']], 3]);
  });

  it('P15 with what cannot be read blocks the image, and is not asked again', async () => {
    const [decided, scans] = await outcomeOf(failing(0, 'all is well'));
    expect([decided, scans]).to.deep.equal([[['1.0.0', 'Blocked', 'ScannerFailed']], 1]);
  });
});
