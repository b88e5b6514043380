import { expect } from 'chai';
import fc from 'fast-check';
import { changedImages, type ImageRole, type ImageUse } from '../../../src/core/workload/index.ts';

function use(container: string, image: string, role: ImageRole = 'container'): ImageUse {
  return { container, image, role, field: `spec.${container}` };
}

const WEB = use('web', 'shop/web:1');

describe('changedImages', () => {
  const rows: readonly [string, readonly ImageUse[], readonly ImageUse[], readonly ImageUse[]][] = [
    ['returns nothing when nothing changed', [WEB], [WEB], []],
    ['returns everything when the old list is empty', [WEB], [], [WEB]],
    ['returns nothing when a container was removed', [], [WEB], []],
    ['returns a changed image', [use('web', 'shop/web:2')], [WEB], [use('web', 'shop/web:2')]],
    ['returns a new container with a known image', [WEB, use('b', WEB.image)], [WEB], [use('b', WEB.image)]],
    [
      'returns an image that moved from an init container to a container',
      [WEB],
      [use('web', WEB.image, 'init')],
      [WEB],
    ],
    [
      'returns both of two swapped images',
      [use('a', '2'), use('b', '1')],
      [use('a', '1'), use('b', '2')],
      [use('a', '2'), use('b', '1')],
    ],
    ['ignores the order', [use('b', '2'), use('a', '1')], [use('a', '1'), use('b', '2')], []],
    ['ignores the field', [{ ...WEB, field: 'spec.containers[1].image' }], [WEB], []],
    ['B17: returns the second of two equal uses when there was one', [WEB, WEB], [WEB], [WEB]],
    ['B17: returns none of two equal uses when there were two', [WEB, WEB], [WEB, WEB], []],
    [
      'keeps names and images apart when their concatenations are equal',
      [use('a"', 'b')],
      [use('a', '"b')],
      [use('a"', 'b')],
    ],
  ];
  for (const [title, now, before, changed] of rows) {
    it(title, () => {
      expect(changedImages(now, before)).to.deep.equal(changed);
    });
  }

  it('returns exactly the added uses, whatever the two lists are', () => {
    const uses = fc.array(
      fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2')).map(([c, i]) => use(c, i)),
    );
    fc.assert(
      fc.property(uses, uses, (now, before) => {
        const count = (list: readonly ImageUse[], key: ImageUse): number =>
          list.filter((one) => one.container === key.container && one.image === key.image).length;
        const changed = changedImages(now, before);
        for (const one of now) {
          expect(count(changed, one)).to.equal(Math.max(0, count(now, one) - count(before, one)));
        }
      }),
    );
  });
});
