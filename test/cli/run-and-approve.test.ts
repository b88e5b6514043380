import { expect } from 'chai';
import { parse } from 'yaml';
import { digestOf, parsed, problem } from '../../src/core/model/index.ts';
import { parseApproval, type ImagePromotionRunStatus } from '../../src/core/promotion/index.ts';
import { runCommand, type RunAnswer, type RunQuestion, type Tools } from '../../src/cli/index.ts';
import { digestOfLetter, readSpec } from '../support/promotions/promotions.ts';
import { tools } from './run.ts';

/** Runs a command line with some replaced tools. */
async function ran(own: Partial<Tools>, ...args: readonly string[]) {
  const said = { out: '', err: '' };
  const code = await runCommand(
    args,
    { ...tools(), ...own },
    {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      colour: false,
      interactive: false,
      stopped: () => new Promise(() => undefined),
    },
  );
  return { code, ...said };
}

describe('pratique run', () => {
  const asked: RunQuestion[] = [];
  let closed = 0;
  const openRun =
    (answer: RunAnswer): NonNullable<Tools['openRun']> =>
    (question) => {
      asked.push(question);
      const close = () => {
        closed += 1;
        return Promise.resolve();
      };
      return Promise.resolve(parsed({ execute: () => Promise.resolve(answer), close }));
    };
  beforeEach(() => {
    asked.length = 0;
    closed = 0;
  });

  it('executes the named run under the given identity', async () => {
    const own = { openRun: openRun({ end: 'over', status: { phase: 'Succeeded' } }) };
    const args = ['run', 'node-1', '--namespace', 'platform', '--holder', 'node-1-2', '--kubeconfig', 'file'];
    expect(await ran(own, ...args, '--insecure-registry', 'registry.example.com')).to.include({ code: 0 });
    expect(asked[0]).to.include({
      namespace: 'platform',
      name: 'node-1',
      holder: 'node-1-2',
      kubeconfig: 'file',
    });
    expect(asked[0]?.settings.registries.insecure).to.deep.equal(['registry.example.com']);
    expect(closed).to.equal(1);
  });

  for (const phase of ['Succeeded', 'Blocked', 'Failed'] as const) {
    it(`exits with 0 when the run has ended as ${phase}, as in its status`, async () => {
      const { code, err } = await ran(
        { openRun: openRun({ end: 'over', status: { phase } }) },
        'run',
        'node-1',
      );
      expect(code).to.equal(0);
      expect(err).to.include(phase);
    });
  }

  it('exits with 2 when it was stopped before the end of the run, and with 0 when there was nothing to do', async () => {
    expect(await ran({ openRun: openRun({ end: 'stopped' }) }, 'run', 'node-1')).to.include({ code: 2 });
    expect(await ran({ openRun: openRun({ end: 'nothing' }) }, 'run', 'node-1')).to.include({ code: 0 });
  });
});

describe('pratique approve', () => {
  const waiting = (tag: string, letter: string) => ({
    tag,
    source: digestOfLetter(letter),
    decision: 'AwaitingApproval' as const,
    reason: 'Vulnerable',
    message: 'two findings\nkind: Secret',
    gateHash: digestOf(tag),
    blocking: ['CVE-2026-1', 'CVE-2026-2'],
  });
  const asked = readSpec({
    source: { repository: 'registry.example.com/quarantine/node' },
    target: { repository: 'registry.example.com/golden/node' },
    tags: { explicit: ['22.1.0'] },
    promote: { approval: 'Always', policies: ['signed'] },
  });
  const approving = (
    status: ImagePromotionRunStatus | undefined,
    later = { uid: 'uid-1', status },
  ): NonNullable<Tools['openApproving']> => {
    const answers = [{ uid: 'uid-1', status }, later];
    return () =>
      Promise.resolve(
        parsed({
          run: (_, name) => {
            const { status: is, uid = '' } = answers.shift() ?? {};
            return Promise.resolve(name === 'node-1' && is ? { uid, status: is, asked } : undefined);
          },
          whoAmI: () => Promise.resolve('jane@example.com'),
          close: () => Promise.resolve(),
        }),
      );
  };
  const one = { images: [waiting('22.1.0', 'a'), { tag: '22.0.0', decision: 'Promoted' as const }] };
  const two = { images: [waiting('22.1.0', 'a'), waiting('22.2.0', 'b')] };
  const approve = (status: ImagePromotionRunStatus | undefined, ...more: readonly string[]) =>
    ran(
      { openApproving: approving(status) },
      'approve',
      'node-1',
      '--reason',
      'not reachable',
      '--until',
      '2026-12-31',
      ...more,
    );

  it('prints the approval of the image that waits, with the current user as approver', async () => {
    const { code, out } = await approve(one, '--namespace', 'platform', '--waive', 'CVE-2026-1');
    expect(code).to.equal(0);
    const read = parseApproval(parse(out));
    expect(read.ok && read.value.metadata.namespace).to.equal('platform');
    expect(read.ok && read.value.spec).to.deep.equal({
      runName: 'node-1',
      runUID: 'uid-1',
      digest: digestOfLetter('a'),
      gateHash: digestOf('22.1.0'),
      approver: 'jane@example.com',
      decision: 'Approve',
      waive: ['CVE-2026-1'],
      reason: 'not reachable',
      until: '2026-12-31',
    });
    expect(out.split('\n').slice(0, 2)).to.deep.equal([
      '# 22.1.0: Vulnerable two findings kind: Secret',
      '# not waived, and blocking: CVE-2026-2',
    ]);
  });

  it('O43 has no line that the message of a run forges, and none that is turned round', async () => {
    const message = 'one\u2028kind: Secret\u202e\u001b[2J';
    const { out } = await approve({ images: [{ ...waiting('22.1.0', 'a'), message }] });
    expect(out).not.to.match(/[^\P{C}\n]|[\u2028\u2029]/u);
    expect(out.split('\n')[0]).to.include('one kind: Secret [2J');
  });

  it('reports findings that block the image and that the run does not list', async () => {
    const { out } = await approve({ images: [{ ...waiting('22.1.0', 'a'), blockingCut: 30 }] });
    expect(out.split('\n')[2]).to.match(/^# 30 more block it/);
  });

  it('shows source, target, digest and gates of what is approved', async () => {
    const { out } = await approve(one);
    const lines = out.split('\n').filter((line) => line.startsWith('# '));
    expect(lines).to.include.members([
      `# from registry.example.com/quarantine/node:22.1.0@${digestOfLetter('a')}`,
      '# to registry.example.com/golden/node:22.1.0',
      '# promote.approval=Always',
      '# promote.policies[]=signed',
    ]);
  });

  it('A08 refuses a run that was begun again, or whose image was judged again, in between', async () => {
    const given = ['approve', 'node-1', '--reason', 'x', '--until', '2026-12-31'];
    const judged = { images: [{ ...waiting('22.1.0', 'a'), gateHash: digestOf('other') }] };
    for (const later of [
      { uid: 'uid-2', status: one },
      { uid: 'uid-1', status: judged },
      { uid: 'uid-1', status: undefined },
    ])
      expect(await ran({ openApproving: approving(one, later) }, ...given)).to.include({ code: 3, out: '' });
    expect(await approve(one, '--run-uid', 'uid-0')).to.include({ code: 3, out: '' });
    expect(await approve(one, '--run-uid', 'uid-1')).to.include({ code: 0 });
  });

  it('rejects on request, with another object name', async () => {
    const names = await Promise.all(
      [['--deny'], []].map(async (more) => {
        const { out } = await approve(one, ...more);
        const { metadata, spec } = parse(out) as { metadata: { name: string }; spec: { decision: string } };
        return [metadata.name, spec.decision];
      }),
    );
    expect(names.map(([, decision]) => decision)).to.deep.equal(['Deny', 'Approve']);
    expect(new Set(names.map(([name]) => name)).size).to.equal(2);
  });

  it('selects one image by its tag when several wait', async () => {
    expect(await approve(two)).to.include({ code: 3, out: '' });
    const { code, out } = await approve(two, '--tag', '22.2.0');
    expect(code).to.equal(0);
    expect(out).to.include(digestOf('22.2.0'));
  });

  const wrong: readonly (readonly [string, ImagePromotionRunStatus | undefined, readonly string[]])[] = [
    ['a missing run', undefined, []],
    ['a run with which nothing waits', { images: [] }, []],
    ['an image that does not wait', one, ['--tag', '22.0.0']],
    ['a date that is none', one, ['--until', 'tomorrow']],
    ['no reason', one, ['--reason', '']],
  ];
  for (const [what, status, more] of wrong) {
    it(`refuses ${what}`, async () => {
      const { code, out, err } = await approve(status, ...more);
      expect({ code, out }).to.deep.equal({ code: 3, out: '' });
      expect(err).not.to.equal('');
    });
  }

  it('reports why it cannot reach the API server', async () => {
    const own = { openApproving: () => Promise.resolve(problem('kubeconfig', 'cannot be read')) };
    const { code, err } = await ran(own, 'approve', 'node-1', '--reason', 'x', '--until', '2026-12-31');
    expect(code).to.equal(3);
    expect(err).to.include('kubeconfig');
  });
});
