import {
  createTrigger,
  watchersBySource,
  type WatchedSources,
} from '../../../src/controllers/events/trigger.ts';
import type { PushedImage } from '../../../src/controllers/events/pushed-image.ts';
import { expect } from 'chai';
import { createVirtualTime } from '../../support/virtual-time.ts';

const image = (repository: string, tag = '1'): PushedImage => ({
  registry: 'registry.example.com',
  repository,
  tag,
});
const WATCHING: readonly WatchedSources[] = [
  { key: 'platform/web', sources: ['registry.example.com/shop/web'] },
  { key: 'platform/both', sources: ['registry.example.com/shop/web', 'registry.example.com/shop/db'] },
  { key: 'platform/other', sources: ['other.example.com/shop/web'] },
];

function fixture(watching = WATCHING) {
  const time = createVirtualTime();
  const triggered: string[] = [];
  const trigger = createTrigger({
    wake: (key) => triggered.push(`${key} at ${time.now()}`),
    matches: watchersBySource(watching),
    quietMs: 100,
    maxDelayMs: 1_000,
    now: time.now,
    after: time.after,
  });
  return { time, triggered, trigger };
}

describe('createTrigger', () => {
  it('triggers the promotions whose source received a push, as soon as the burst has ended', async () => {
    const { time, triggered, trigger } = fixture();
    trigger.pushed([image('shop/db')]);
    await time.advance(99);
    expect(triggered).to.deep.equal([]);
    await time.advance(1);
    expect(triggered).to.deep.equal(['platform/both at 100']);
    await time.advance(10_000);
    expect(triggered).to.have.length(1);
  });

  it('triggers nothing for a repository that is no source', async () => {
    const { time, triggered, trigger } = fixture();
    trigger.pushed([image('shop/unknown'), image('shop'), image('shop/web/deeper')]);
    expect([trigger.waiting(), time.pending()]).to.deep.equal([0, 0]);
    await time.advance(1_000);
    expect(triggered).to.deep.equal([]);
  });

  it('triggers once for a thousand events at once, and keeps only the promotions in memory', async () => {
    const { time, triggered, trigger } = fixture();
    for (let index = 0; index < 1_000; index += 1) trigger.pushed([image('shop/web', `1.${index}`)]);
    expect([trigger.waiting(), time.pending()]).to.deep.equal([2, 2]);
    await time.advance(5_000);
    expect(triggered).to.deep.equal(['platform/web at 100', 'platform/both at 100']);
    expect([trigger.waiting(), time.pending()]).to.deep.equal([0, 0]);
  });

  it('waits for the end of a burst, counted from its last event', async () => {
    const { time, triggered, trigger } = fixture();
    for (let index = 0; index < 5; index += 1) {
      trigger.pushed([image('shop/db')]);
      await time.advance(90);
    }
    expect(triggered).to.deep.equal([]);
    await time.advance(1_000);
    expect(triggered).to.deep.equal(['platform/both at 460']);
  });

  it('triggers after the longest delay while events continue', async () => {
    const { time, triggered, trigger } = fixture();
    for (let index = 0; index < 50; index += 1) {
      trigger.pushed([image('shop/db')]);
      await time.advance(50);
    }
    await time.advance(1_000);
    // The second burst begins with the first event after the trigger at 1000; the third one ends with the events.
    expect(triggered).to.deep.equal([
      'platform/both at 1000',
      'platform/both at 2000',
      'platform/both at 2550',
    ]);
  });

  it('waits for each promotion separately', async () => {
    const { time, triggered, trigger } = fixture();
    trigger.pushed([image('shop/web')]);
    await time.advance(60);
    trigger.pushed([image('shop/db')]);
    await time.advance(1_000);
    expect(triggered).to.deep.equal(['platform/web at 100', 'platform/both at 160']);
  });

  it('starts a new wait after it has triggered', async () => {
    const { time, triggered, trigger } = fixture();
    trigger.pushed([image('shop/db')]);
    await time.advance(500);
    trigger.pushed([image('shop/db')]);
    await time.advance(500);
    expect(triggered).to.deep.equal(['platform/both at 100', 'platform/both at 600']);
  });

  it('triggers nothing after close', async () => {
    const { time, triggered, trigger } = fixture();
    trigger.pushed([image('shop/web')]);
    trigger.close();
    trigger.pushed([image('shop/web')]);
    expect(time.pending()).to.equal(0);
    await time.advance(1_000);
    expect(triggered).to.deep.equal([]);
  });

  it('reads the list of promotions again with every event', async () => {
    const watching: WatchedSources[] = [];
    const time = createVirtualTime();
    const triggered: string[] = [];
    const trigger = createTrigger({
      wake: (key) => triggered.push(key),
      matches: (pushed) => watchersBySource(watching)(pushed),
      quietMs: 1,
      maxDelayMs: 1,
      now: time.now,
      after: time.after,
    });
    trigger.pushed([image('shop/web')]);
    watching.push(...WATCHING);
    trigger.pushed([image('shop/web')]);
    await time.advance(1);
    expect(triggered).to.deep.equal(['platform/web', 'platform/both']);
  });
});

describe('watchersBySource', () => {
  it('returns a promotion once when it names a source twice', () => {
    const matches = watchersBySource([{ key: 'a', sources: ['a.example/b', 'a.example/b'] }]);
    expect(matches({ registry: 'a.example', repository: 'b' })).to.deep.equal(['a']);
  });

  it('ignores tags: a tag that is not selected may be the signature of one that is', () => {
    const matches = watchersBySource(WATCHING);
    expect(matches(image('shop/db', `sha256-${'0'.repeat(64)}.sig`))).to.deep.equal(['platform/both']);
  });
});
