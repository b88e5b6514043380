import { spawn } from 'node:child_process';
import { expect } from 'chai';

/** Milliseconds for the whole demo: it takes some twenty seconds, on a busy machine more. */
const DEMO_MS = 120_000;

const runDemo = async (): Promise<{ readonly code: number | null; readonly out: string }> => {
  const program = new URL('../demo/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out };
};

/** Cells of the lines with this beginning, without the time, which changes, and the image after it. */
const rowsOf = (out: string, first: RegExp): readonly (readonly string[])[] =>
  out
    .split('\n')
    .map((line) => line.trim().split(/\s{2,}/))
    .filter(([cell = '']) => first.test(cell));

describe('the demo', () => {
  let out = '';
  before(async () => {
    const ran = await runDemo();
    expect(ran.code, ran.out).to.equal(0);
    ({ out } = ran);
  }).timeout(DEMO_MS);

  it('shows a verdict with its reason for each image, from the public registry to golden', () => {
    const rows = rowsOf(out, /^(?:allow|deny|warn)$/).map(([verdict, , reason, , image]) => [
      verdict,
      reason,
      image?.replace(/@.*/, ''),
    ]);
    expect(rows).to.deep.equal([
      ['allow', '-', 'shop/api:2.3.0'],
      ['allow', '-', 'shop/cart'],
      ['deny', 'Unsigned', 'shop/debug:0.1.0'],
      ['deny', 'Unsigned', 'shop/search:4.1.0'],
      ['deny', 'Quarantined', 'shop/cache:7.2.0'],
      ['allow', '-', 'shop/queue:3.8.1'],
      ['deny', 'PastEndOfLife', 'shop/web:1.4.0'],
      ['warn', 'EndOfLifeNear', 'shop/mail:5.0.0'],
      ['allow', '-', 'shop/jobs:stable'],
      ['deny', 'Unsigned', 'shop/jobs:stable'],
      ['deny', 'Unsigned, Quarantined', 'quarantine/base:1.4.2'],
      ['allow', '-', 'golden/base:1.4.2'],
      ['warn', 'EndOfLifeNear', 'golden/base:1.4.1'],
      ['deny', 'ImageNotFound', 'golden/base:1.5.0'],
      ['allow', '-', 'golden/base:1.5.0'],
    ]);
  });

  it('shows the result for each image of a mirror and of two promotions', () => {
    const rows = rowsOf(out, /^1\.\d\.\d$/).map(([tag, , decision, why = '']) => [
      tag,
      decision,
      /^([A-Z]\w+):/.exec(why)?.[1] ?? '',
    ]);
    expect(rows).to.deep.equal([
      ['1.5.0', 'Mirrored', ''],
      ['1.4.2', 'Mirrored', ''],
      ['1.5.0', 'AwaitingApproval', 'ApprovalNeeded'],
      ['1.4.2', 'Promoted', ''],
      ['1.5.0', 'Promoted', ''],
      ['1.4.2', 'UpToDate', ''],
    ]);
  });

  it('ends with the release statement from the registry: the waived findings, the approver and the reason', () => {
    const [, reported = ''] = out.split('release statement says:');
    for (const line of [
      'result: Block',
      '- CVE-2026-0002',
      'approver: jane@',
      'approvalReason: not reachable',
    ])
      expect(reported).to.include(line);
  });

  it('shows what a person reads at the gate: refused, asked for, in quarantine, waiting, and pulled in the end', () => {
    const [, shown = ''] = out.split('3. THE GATE.');
    const answers = shown.split('\n').filter((line) => /^(?:\d{3} |Digest: )/.test(line));
    const wanted = [
      /^403 .*: Quarantined: /,
      /^404 .*: NotPromotedYet: .*"tool-mirror" .*; ask again in \d+ s$/,
      /^404 .*: NotPromotedYet: .*; mirrored .* into quarantine; promotion "tool-to-golden" /,
      /^404 .*: NotPromotedYet: .*; mirrored .* into quarantine; waiting for approval; ask again in 5 min$/,
      /^Digest: sha256:[0-9a-f]{64}$/,
    ];
    expect(answers).to.have.length(wanted.length);
    for (const [index, pattern] of wanted.entries()) expect(answers[index]).to.match(pattern);
  });
});
