import { expect } from 'chai';
import { digestOfLetter } from '../../support/promotions/promotions.ts';
import { GOLDEN, MINUTE, QUARANTINE, at, fixture, missOf, ran, refOf, row, type Fields } from './fixture.ts';

describe('where a missing image is on its way', () => {
  it('follows an image through quarantine, a person and golden', async () => {
    const { mirror, promotion, run, replica, after } = fixture();
    mirror(ran('m', 1, 3));
    run('m', { images: [row('Mirrored', { source: digestOfLetter('a'), completionTime: at(3) })] });
    promotion();
    const ask = replica();
    after(4 * MINUTE);
    const where = async () => (await ask(missOf()))?.found;
    expect(await where()).to.equal(
      'mirrored 12:03Z into quarantine; promotion "node-to-golden" has not run yet',
    );
    run('p', { startTime: at(5), images: [] });
    promotion({ activeRun: 'p', lastRunTime: at(5) });
    after(2 * MINUTE);
    expect(await where()).to.equal(
      'mirrored 12:03Z into quarantine; promotion "node-to-golden" is at it 12:05Z',
    );
    run('p', {
      images: [row('AwaitingApproval', { source: digestOfLetter('a'), reason: 'ApprovalNeeded' })],
    });
    promotion(ran('p', 5, 7));
    after(2 * MINUTE);
    expect(await ask(missOf())).to.deep.equal({
      found: 'mirrored 12:03Z into quarantine; waiting for approval',
      ...{ next: 'ask again in 5 min', seconds: 300 },
    });
    run('p', { images: [row('Promoted', { source: digestOfLetter('a'), completionTime: at(9) })] });
    promotion(ran('p', 8, 9));
    after(2 * MINUTE);
    expect(await ask(missOf())).to.deep.equal({
      found: 'mirrored 12:03Z into quarantine; promoted 12:09Z',
      ...{ next: 'ask again in 60 s', seconds: 60 },
    });
  });

  for (const [what, first, second] of [
    ['the mirror', '{tag}-acme', undefined],
    ['the promotion', undefined, '{version}-acme'],
  ] as const)
    it(`follows an image to which ${what} gives another tag`, async () => {
      const { mirror, promotion, run, replica, askedAt, after } = fixture();
      const renamed = (template?: string) => (template === undefined ? {} : { targetTag: template });
      const called = (template?: string) => (template === undefined ? {} : { targetTag: '22.1.0-acme' });
      const between = first === undefined ? '22.1.0' : '22.1.0-acme';
      const spec = { tags: { explicit: ['22.1.0', '22.1.0-acme'] }, ...renamed(second) };
      mirror({}, {}, renamed(first));
      promotion({}, spec);
      const asked = missOf('22.1.0-acme');
      expect((await replica()(asked))?.found).to.equal('promotion "node-mirror" was asked for it 12:00Z');
      expect(askedAt()).to.equal('2026-11-29T12:00:00.000Z');
      mirror(ran('m', 1, 3), {}, renamed(first));
      const source = digestOfLetter('a');
      run('m', { images: [row('Mirrored', { source, completionTime: at(3), ...called(first) })] });
      run('p', {
        images: [
          row('AwaitingApproval', { tag: between, source, reason: 'ApprovalNeeded', ...called(second) }),
        ],
      });
      promotion(ran('p', 5, 7), spec);
      after(8 * MINUTE);
      const waiting = 'mirrored 12:03Z into quarantine; waiting for approval';
      expect((await replica()(asked))?.found).to.equal(waiting);
      // By the tag of the source it will never be there: the answer has the one that it gets.
      expect((await replica()(missOf()))?.found).to.equal(waiting);
      run('p', {
        images: [row('Promoted', { tag: between, source, completionTime: at(9), ...called(second) })],
      });
      promotion(ran('p', 8, 9), spec);
      after(2 * MINUTE);
      expect(await replica()(missOf())).to.deep.equal({
        found: 'mirrored 12:03Z into quarantine; promoted 12:09Z',
        next: 'pull it by the tag 22.1.0-acme',
      });
      expect(await replica()(asked)).to.have.property('next', 'ask again in 60 s');
    });

  it('a promotion whose source was not there yet is no matter for a person', async () => {
    const { mirror, promotion, run, replica } = fixture();
    mirror(ran('m', -5));
    run('m', { images: [row('Mirrored', { completionTime: at(-5) })] });
    const stalled = { type: 'Stalled', status: 'True', reason: 'ImageNotFound' };
    promotion(ran('p', -30, -30, { conditions: [stalled] }));
    expect((await replica()(missOf()))?.found).to.equal(
      'mirrored 11:55Z into quarantine; promotion "node-to-golden" ended 11:30Z without it',
    );
  });

  it('does not take a decision about an earlier digest of the tag for one about this image', async () => {
    const { mirror, promotion, run, replica } = fixture();
    mirror(ran('m', -5));
    promotion(ran('p', -30));
    run('m', { images: [row('Mirrored', { source: digestOfLetter('b') })] });
    run('p', { images: [row('Blocked', { source: digestOfLetter('a'), reason: 'Vulnerable' })] });
    const way = await replica()(missOf());
    expect(way?.found).to.match(/; promotion "node-to-golden" ended 11:30Z without it$/);
  });

  const stopped: readonly [string, Fields, Fields, string][] = [
    ['suspended', {}, { suspend: true }, 'promotion "node-mirror" is suspended'],
    ['a dry run', {}, { dryRun: true }, 'promotion "node-mirror" only plans'],
    [
      'stalled',
      { conditions: [{ type: 'Stalled', status: 'True', reason: 'SecretUnreadable' }] },
      {},
      'promotion "node-mirror" needs a person: SecretUnreadable',
    ],
  ];
  for (const [what, status, spec, found] of stopped)
    it(`asks no promotion that is ${what}, and does not promise a time`, async () => {
      const { mirror, replica, writes } = fixture();
      mirror(status, {}, spec);
      expect(await replica()(missOf())).to.deep.equal({ found, next: 'ask again in 60 min', seconds: 3_600 });
      expect(writes()).to.equal(0);
    });

  const rows: readonly [string, Fields, string, number][] = [
    ['blocked', row('Blocked', { reason: 'Vulnerable' }), 'blocked it 11:58Z: Vulnerable', 3_600],
    ['left out', row('Skipped', { reason: 'TagExists' }), 'left it out 11:58Z: TagExists', 3_600],
    [
      'failed for a while',
      row('Failed', { reason: 'RegistryUnavailable', transient: true }),
      'failed at it 11:58Z: RegistryUnavailable',
      300,
    ],
  ];
  for (const [what, image, found, seconds] of rows)
    it(`says that an image is ${what}, with the reason code and no text of the run`, async () => {
      const { mirror, run, replica, writes } = fixture();
      mirror(ran('m', -2));
      run('m', { images: [{ ...image, message: 'CVE-2026-0001 in openssl' }] });
      expect(await replica()(missOf())).to.deep.include({
        found: `promotion "node-mirror" ${found}`,
        seconds,
      });
      expect(writes()).to.equal(0);
    });

  it('an image that is in quarantine and refused there is followed from where it is', async () => {
    const { mirror, promotion, run, replica, writes } = fixture();
    mirror(ran('m', -5));
    run('m', { images: [row('Mirrored', { source: digestOfLetter('a'), completionTime: at(-5) })] });
    promotion(ran('p', -3));
    run('p', { images: [row('AwaitingApproval', { source: digestOfLetter('a') })] });
    const place = refOf(`${QUARANTINE}/node:22.1.0`);
    const there = { isThere: true, place, digest: digestOfLetter('a') };
    const waiting = 'waiting for approval';
    expect((await replica()(missOf('22.1.0', there)))?.found).to.equal(
      `mirrored 11:55Z into quarantine; ${waiting}`,
    );
    expect((await replica()(missOf('22.1.0', { ...there, asked: place })))?.found).to.equal(waiting);
    run('p', { images: [row('Promoted', { source: digestOfLetter('a'), completionTime: at(-2) })] });
    expect(await replica()(missOf('22.1.0', { ...there, asked: place }))).to.deep.equal({
      found: 'promoted 11:58Z',
      next: `pull it from ${GOLDEN}/docker.io/library/node`,
    });
    expect(writes()).to.equal(0);
  });

  it('an image that is refused where no promotion takes it on is on no way', async () => {
    const { mirror, promotion, replica } = fixture();
    mirror();
    promotion();
    expect(await replica()(missOf('22.1.0', { isThere: true }))).to.equal(undefined);
  });
});
