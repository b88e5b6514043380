import { expect } from 'chai';
import { digestOf, isTag } from '../../../../src/core/model/index.ts';
import { backupTag, isReservedTag } from '../../../../src/core/promotion/selection/reserved-tags.ts';

describe('a backup tag', () => {
  it('is a valid tag, always the same, recognised again, and within the length limit', () => {
    const [old, other] = [digestOf('old'), digestOf('other')];
    for (const tag of ['1.2.3', 'x'.repeat(128)]) {
      const backup = backupTag(tag, old);
      expect(isTag(backup)).to.equal(true);
      expect(backup).to.equal(backupTag(tag, old)).and.not.equal(backupTag(tag, other));
      expect(isReservedTag(backup)).to.equal(true);
    }
    expect(isReservedTag('1.2.3')).to.equal(false);
  });
});
