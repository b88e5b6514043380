import { expect } from 'chai';
import { startIdleCollection } from '../../src/serve/idle-collection.ts';

describe('memory that is free after a burst', () => {
  const fixture = (loads: number[], heap: () => number = () => 100) => {
    const seen = { collected: 0, ended: 0, tick: (): void => undefined };
    const end = startIdleCollection({
      collect: () => void (seen.collected += 1),
      taken: heap,
      load: () => loads.shift() ?? 0,
      every: (_, run) => {
        seen.tick = run;
        return () => void (seen.ended += 1);
      },
    });
    return { seen, end };
  };

  it('is released while idle, and kept while a caller waits for a response', () => {
    let heap = 0;
    const { seen } = fixture([1, 0.01, 0.9, 0], () => (heap += 100));
    seen.tick();
    expect(seen.collected, 'what was before the first look does not count').to.equal(1);
    seen.tick();
    expect(seen.collected).to.equal(1);
    seen.tick();
    expect(seen.collected).to.equal(2);
  });

  it('is not collected when the heap has hardly grown since', () => {
    let heap = 100;
    const { seen } = fixture([], () => heap);
    for (const bytes of [100, 119, 121]) {
      heap = bytes;
      seen.tick();
    }
    expect(seen.collected).to.equal(2);
  });

  it('is collected until the collection is stopped', () => {
    const { seen, end } = fixture([]);
    end();
    expect(seen.ended).to.equal(1);
  });

  it('stays unchanged when Node.js exposes no garbage collection', () => {
    const every = () => {
      throw new Error('nothing is to be done');
    };
    const end = startIdleCollection({ taken: () => 0, load: () => 0, every });
    expect(end).not.to.throw();
  });
});
