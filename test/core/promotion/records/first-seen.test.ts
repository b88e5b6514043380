import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { createSeenBook, MAX_SEEN } from '../../../../src/core/promotion/records/first-seen.ts';
import { createRegistriesTwin } from '../../../support/twins/registries.ts';
import { repositoryOf, soon, TARGET } from '../images.ts';

const DAY = 24 * 3_600_000;
const BEGIN = Date.parse('2026-11-24T12:00:00Z');
const digests = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => digestOf(`${prefix} ${String(n)}`));

describe('the list of what was seen first', () => {
  it('P44 has room for so many digests: what is no candidate any more goes first, the oldest of it first', async () => {
    const book = createSeenBook(createRegistriesTwin(), repositoryOf(TARGET), undefined);
    const [old, kept, newer] = [
      digests('old', 1_000),
      digests('kept', 1_000),
      digests('new', MAX_SEEN - 1_500),
    ];
    await book.add([...old.slice(0, 500), ...kept], kept, new Date(BEGIN), soon());
    await book.add(old.slice(500), kept, new Date(BEGIN + DAY), soon());
    await book.add(newer, [...kept, ...newer], new Date(BEGIN + 2 * DAY), soon());
    const seen = await book.load(soon());
    expect(seen.size).to.equal(MAX_SEEN);
    expect([...kept, ...newer].every((digest) => seen.has(digest))).to.equal(true);
    expect(old.slice(500).every((digest) => seen.has(digest))).to.equal(true);
    expect(old.slice(0, 500).some((digest) => seen.has(digest))).to.equal(false);
  });

  it('P44 takes what it has no room for as new, and ends', async () => {
    const book = createSeenBook(createRegistriesTwin(), repositoryOf(TARGET), undefined);
    const all = digests('all', MAX_SEEN + 10);
    await book.add(all, all, new Date(BEGIN), soon());
    await book.add(all, all, new Date(BEGIN + DAY), soon());
    const seen = await book.load(soon());
    expect(seen.size).to.equal(MAX_SEEN);
    expect([...seen.values()].every((at) => at.getTime() === BEGIN)).to.equal(true);
  });
});
