import { expect } from 'chai';
import { backupTag, isReservedTag } from '../../../../src/core/promotion/selection/reserved-tags.ts';
import { digestOf, fallbackTag, isTag, parseDigest } from '../../../../src/core/model/index.ts';
import { digestOfLetter } from '../../../support/promotions/promotions.ts';

const hex = 'a'.repeat(64);

describe('tags that are never an image', () => {
  for (const tag of [
    `sha256-${hex}`,
    `sha256-${hex}.sig`,
    `sha256-${hex}.att`,
    `sha256-${hex}.sbom`,
    `sha512-${hex}${hex}`,
    fallbackTag(digestOf('image', 'sha512')),
    'mirror-history',
    backupTag('22.1.0', parseDigest(digestOfLetter('b'))!),
  ]) {
    it(tag.slice(0, 30), () => expect(isReservedTag(tag)).to.be.true);
  }
});

describe('tags that look reserved, and are images', () => {
  for (const tag of [
    'sha256-tools',
    `sha256-${hex.slice(1)}`,
    `sha256-${hex.toUpperCase()}`,
    `sha256-${hex}.vex`,
    `sha512-${hex.slice(1)}`,
    `v-sha256-${hex}`,
    'mirror-history-2',
    '1.0-backup',
    'latest',
  ]) {
    it(tag.slice(0, 30), () => expect(isReservedTag(tag)).to.be.false);
  }
});

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
