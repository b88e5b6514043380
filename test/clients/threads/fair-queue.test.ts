import { expect } from 'chai';
import { createFairQueue } from '../../../src/clients/threads/fair-queue.ts';

const orderOf = (owners: readonly string[]): readonly (string | undefined)[] => {
  const queue = createFairQueue<string>();
  for (const owner of owners) queue.push(owner, owner);
  return owners.map(() => queue.shift());
};

describe('a fair queue', () => {
  it('M30: one namespace has one turn a round, under all of its names', () => {
    const evil = ['admission evil', 'evil', 'background evil', 'admission evil'];
    expect(orderOf([...evil, 'shop', 'lab', 'shop'])).to.deep.equal([
      ...['admission evil', 'shop', 'lab'],
      ...['evil', 'shop', 'admission evil', 'background evil'],
    ]);
  });

  it('M30: one that had its turn while no other waited is behind one that comes then', () => {
    const queue = createFairQueue<string>();
    queue.push('evil', 'first');
    expect(queue.shift()).to.equal('first');
    queue.push('evil', 'second');
    queue.push('shop', 'shop');
    expect([queue.shift(), queue.shift(), queue.shift()]).to.deep.equal(['shop', 'second', undefined]);
  });

  it('M30: background work comes after admissions of its round, and always comes', () => {
    const queue = createFairQueue<string>();
    queue.push('background lab', 'lab');
    const order: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      queue.push('admission shop', 'shop');
      order.push(queue.shift() ?? '');
    }
    expect(order).to.deep.equal(['shop', 'lab', 'shop', 'shop']);
  });

  it('M30: namespaces that come anew do not keep the second entry of another waiting', () => {
    const queue = createFairQueue<string>();
    queue.push('shop', 'shop 1');
    queue.push('shop', 'shop 2');
    queue.push('a', 'a');
    queue.push('a', 'a again');
    const order: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      order.push(queue.shift() ?? '');
      queue.push('a', 'a again');
    }
    expect(order.indexOf('shop 2')).to.be.within(0, 3);
  });
});
