import { expect } from 'chai';
import { openMissing } from '../../../src/gate/missing/ask.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { digestOfLetter } from '../../support/promotions/promotions.ts';
import { clusterFault, no } from '../../support/twins/cluster.ts';
import {
  ANONYMOUS,
  ASKED_AT,
  CI,
  GOLDEN,
  LOGIN,
  MINUTE,
  NAMESPACE,
  SECOND,
  START,
  fixture,
  missOf,
  ran,
  refOf,
} from './fixture.ts';

describe('asking for an image that is missing', () => {
  it('asks the promotion of the settings for a run, and says so with the time to wait', async () => {
    const { mirror, replica, askedAt } = fixture();
    mirror();
    expect(await replica()(missOf())).to.deep.equal({
      found: 'promotion "node-mirror" was asked for it 12:00Z',
      next: 'ask again in 60 s',
      seconds: 60,
    });
    expect(askedAt()).to.equal('2026-11-29T12:00:00.000Z');
  });

  it('G40 a thousand callers at several replicas are one request', async () => {
    const { mirror, replica, writes, twin } = fixture();
    mirror();
    const replicas = [replica(), replica(), replica()];
    const callers = Array.from({ length: 1_000 }, async (_, index) =>
      replicas[index % 3]?.(missOf('22.1.0', { caller: { ...CI, name: `caller ${String(index)}` } })),
    );
    const found = new Set((await Promise.all(callers)).map((way) => way?.found));
    expect([...found]).to.deep.equal(['promotion "node-mirror" was asked for it 12:00Z']);
    const accepted = twin.peek({ resource: RESOURCES.promotions, namespace: NAMESPACE, name: 'node-mirror' });
    expect(writes(), 'the others had the old version').to.be.at.most(3);
    expect(accepted?.metadata.annotations).to.deep.equal({ [ASKED_AT]: '2026-11-29T12:00:00.000Z' });
    expect(twin.calls.length, 'reads are shared').to.be.lessThan(16);
  });

  it('G40 a replica that has read before another one asked writes nothing over it', async () => {
    const { mirror, replica, askedAt, after } = fixture();
    mirror();
    const [first, second] = [replica(), replica()];
    await second(missOf('18.0.0'));
    await first(missOf());
    after(2 * SECOND);
    expect((await second(missOf()))?.found).to.equal('promotion "node-mirror" was asked for it 12:00Z');
    expect(askedAt()).to.equal('2026-11-29T12:00:00.000Z');
  });

  it('G41 a missing image is not followed behind the place where it is read', async () => {
    const { put, mirror, promotion, replica } = fixture();
    const spec = {
      source: { repository: `${GOLDEN}/docker.io/library/node` },
      tags: { semver: ['*'] },
      promote: {},
    };
    put('golden-to-edge', { ...spec, target: { repository: 'registry.example.com/edge/node' } });
    expect(await replica()(missOf('22.1.0', { asked: refOf('evil:22.1.0') }))).to.equal(undefined);
    mirror();
    promotion();
    expect((await replica()(missOf()))?.found).not.to.include('golden-to-edge');
    expect(await replica()(missOf('22.1.0', { asked: refOf('evil:22.1.0') }))).to.equal(undefined);
  });

  for (const [what, tag, name = 'node'] of [
    ['a tag outside of the selection', '18.0.0'],
    ['a tag of signatures', `sha256-${'a'.repeat(64)}.sig`],
    ['the tag of the list of what was seen first', 'pratique-first-seen'],
    ['another repository', '22.1.0', 'evil'],
    ['a repository below the one that is selected', '22.1.0', 'docker.io/library/node/x'],
    ['the same repository of another registry', '22.1.0', 'registry.example.com/library/node'],
  ] as const)
    it(`G41 ${what} asks for nothing, and its status is not shown`, async () => {
      const { mirror, promotion, replica, writes } = fixture();
      mirror();
      promotion();
      expect(await replica()(missOf(tag, { asked: refOf(`${name}:${tag}`) }))).to.equal(undefined);
      expect(writes()).to.equal(0);
    });

  it('G42 nothing of a name or tag is written: the annotation has a moment', async () => {
    const { mirror, replica, twin } = fixture();
    mirror({}, {}, { tags: { newest: { count: 5 } } });
    const before = twin.peek({ resource: RESOURCES.promotions, namespace: NAMESPACE, name: 'node-mirror' });
    await replica()(missOf('pratique.dev-pushed-at_2099'));
    const after = twin.peek({ resource: RESOURCES.promotions, namespace: NAMESPACE, name: 'node-mirror' });
    expect(after?.spec).to.deep.equal(before?.spec);
    expect(Object.keys(after?.metadata.annotations ?? {})).to.deep.equal([ASKED_AT]);
    expect(after?.metadata.annotations?.[ASKED_AT]).to.match(/^\d{4}-\d\d-\d\dT[\d:]{8}\.000Z$/);
  });

  it('G43 a login from which the upstream hides the repository learns nothing and asks for nothing', async () => {
    const { mirror, replica, writes } = fixture();
    mirror();
    for (const mayRead of [
      () => Promise.resolve(undefined),
      () => Promise.reject(clusterFault('ClusterUnavailable')),
    ]) {
      const hidden = { caller: LOGIN, mayRead };
      expect(await replica()(missOf('22.1.0', hidden))).to.equal(undefined);
      expect(await replica()(missOf('22.1.0', { ...hidden, isThere: true }))).to.equal(undefined);
    }
    expect(writes()).to.equal(0);
    expect(await replica()(missOf('22.1.0', { caller: LOGIN }))).to.have.property('seconds', 60);
  });

  it('G43 callers without a login neither ask nor learn where the settings keep them from it', async () => {
    const { mirror, replica, writes } = fixture({ anonymous: false });
    mirror();
    expect(await replica()(missOf('22.1.0', { caller: ANONYMOUS }))).to.equal(undefined);
    expect(writes()).to.equal(0);
    expect(await replica()(missOf())).to.have.property('seconds', 60);
  });

  it('G44 a caller that asks for ever new tags is counted, and learns until when', async () => {
    const { mirror, replica, after } = fixture();
    mirror();
    const ask = replica();
    const one = (index: number, caller = ANONYMOUS) => ask(missOf(`22.0.${String(index)}`, { caller }));
    for (let index = 0; index < 20; index += 1) expect(await one(index)).to.have.property('seconds', 60);
    mirror(ran('a', 1));
    after(2 * MINUTE);
    const over = await one(20);
    expect(over?.found).to.equal('callers of this network have asked for 20 missing images already');
    expect(over?.seconds).to.equal(58 * 60);
    expect((await one(21, CI))?.found, 'another caller').to.include('was asked');
    after(58 * MINUTE);
    expect((await one(20))?.found).not.to.include('already');
  });

  it('G44 runs that are asked for are five minutes apart, whatever is asked for', async () => {
    const { mirror, replica, askedAt, after, writes } = fixture();
    mirror();
    await replica()(missOf('22.0.1'));
    mirror(ran('a', 1), { [ASKED_AT]: askedAt() });
    const now = after(2 * MINUTE);
    const way = await replica()(missOf('22.0.2'));
    expect(askedAt()).to.equal('2026-11-29T12:05:00.000Z');
    expect(way?.found).to.equal('promotion "node-mirror" begins 12:05Z');
    expect(way?.seconds, 'until a minute after its begin').to.equal(
      (START + 6 * MINUTE - now.getTime()) / SECOND,
    );
    await replica()(missOf('22.0.3'));
    expect(writes()).to.equal(2);
  });

  it('G45 an image that a run did not bring is not asked for again within the hour, and the advice grows', async () => {
    const { mirror, run, replica, askedAt, after, writes } = fixture();
    mirror();
    const ask = replica();
    await ask(missOf());
    run('a', { images: [] });
    mirror(ran('a', 1, 2), { [ASKED_AT]: askedAt() });
    after(3 * MINUTE);
    const first = await ask(missOf());
    expect(first?.found).to.equal('promotion "node-mirror" ended 12:02Z without it');
    expect(first?.next).to.equal('ask again in 5 min');
    after(30 * MINUTE);
    expect((await ask(missOf()))?.next).to.equal('ask again in 31 min');
    expect(writes()).to.equal(1);
    after(30 * MINUTE);
    expect((await ask(missOf()))?.found).to.equal('promotion "node-mirror" was asked for it 13:03Z');
    expect(writes()).to.equal(2);
  });

  it('G45 a run that never begins is not announced as near for ever', async () => {
    const { mirror, replica, after } = fixture();
    mirror();
    const ask = replica();
    const seconds: (number | undefined)[] = [];
    for (const minutes of [0, 1, 10, 100, 10_000]) {
      after(minutes * MINUTE);
      seconds.push((await ask(missOf()))?.seconds);
    }
    expect(seconds).to.deep.equal([60, 60, 660, 3_600, 3_600]);
  });

  for (const [what, value] of [
    ['a moment in a far future', '2999-01-01T00:00:00Z'],
    ['no moment', 'docker.io/evil/image:latest'],
    ['nothing', ''],
  ] as const)
    it(`G46 an annotation that someone has written with ${what} keeps no one from asking`, async () => {
      const { mirror, replica, askedAt } = fixture();
      mirror({}, { [ASKED_AT]: value });
      expect((await replica()(missOf()))?.found).to.equal('promotion "node-mirror" was asked for it 12:00Z');
      expect(askedAt()).to.equal('2026-11-29T12:00:00.000Z');
    });

  it('asks for a run by digest where no tag is named', async () => {
    const { mirror, replica, askedAt } = fixture();
    mirror();
    const asked = refOf(`node@${digestOfLetter('a')}`);
    expect(await replica()(missOf('x', { asked, place: asked }))).to.have.property('seconds', 60);
    expect(askedAt()).not.to.equal(undefined);
  });

  it('a write that loses to the status of the controller is tried again', async () => {
    const { mirror, replica, askedAt, twin, writes } = fixture();
    mirror();
    let refusals = 1;
    twin.deny(() => (refusals-- > 0 ? no(409, 'Conflict', 'the object has been modified') : undefined));
    await replica()(missOf());
    expect(askedAt()).to.equal('2026-11-29T12:00:00.000Z');
    expect(writes()).to.equal(2);
  });

  it('a promotion that others change all the time is not said to be asked', async () => {
    const { mirror, replica, askedAt, twin, writes } = fixture();
    mirror();
    twin.deny(() => no(409, 'Conflict', 'the object has been modified'));
    expect((await replica()(missOf()))?.found).to.equal('what promotions do with it could not be read');
    expect(askedAt()).to.equal(undefined);
    expect(writes()).to.equal(4);
  });

  it('an API server that does not answer, or a right that is missing, is said as such', async () => {
    const { mirror, replica, twin, warnings } = fixture();
    mirror();
    twin.deny(() => no(403, 'Forbidden', 'the gate may not patch'));
    expect((await replica()(missOf()))?.found).to.equal('what promotions do with it could not be read');
    twin.fail({ verb: 'list' }, clusterFault('ClusterUnavailable'));
    expect((await replica()(missOf()))?.seconds).to.equal(30);
    expect(await replica()(missOf('22.1.0', { isThere: true }))).to.equal(undefined);
    expect(warnings).to.have.length(3);
  });

  it('a promotion that the settings name and that is not there is logged', async () => {
    const { replica, warnings } = fixture();
    expect(await replica()(missOf())).to.equal(undefined);
    expect(String(warnings[0])).to.include('no valid promotion "node-mirror"');
  });

  it('reads the promotion in the namespace that the settings name, else in that of the installation', async () => {
    const { twin, mirror } = fixture();
    mirror();
    const given = {
      cluster: twin,
      namespace: 'pratique',
      clock: () => new Date(START),
      onError: () => undefined,
    };
    expect(openMissing('Refuse', given)).to.equal(undefined);
    const own = openMissing({ request: 'node-mirror', anonymous: true }, given);
    expect(await own?.(missOf())).to.equal(undefined);
    const other = openMissing({ request: 'platform/node-mirror', anonymous: true }, given);
    expect(await other?.(missOf())).to.have.property('seconds', 60);
  });
});
