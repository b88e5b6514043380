import { expect } from 'chai';
import {
  appendArrivals,
  HISTORY_TYPE,
  historyArtifact,
  entryName,
  isNamed,
  parseHistory,
  type MirrorHistory,
} from '../../../../src/core/promotion/records/history-page.ts';
import { createHistoryBook } from '../../../../src/core/promotion/records/history.ts';
import { digestOf, type Digest, type ManifestContent } from '../../../../src/core/model/index.ts';
import { arrival, arrivalOf, bytesOf, nothing, read, store, theirEntry } from './histories.ts';
import { blobOf, bodyOf, run } from './made.ts';
import type { TargetRegistry } from '../../../../src/core/promotion/index.ts';

const wasMirrored = ({ entries }: MirrorHistory, one: Parameters<typeof entryName>[0]): boolean =>
  isNamed(entries.map(entryName).toSorted().join(''), entryName(one));
describe('the history of a mirrored repository', () => {
  it('identifies an entry by both tag and digest at the source', () => {
    const history = appendArrivals(nothing, [arrival]);
    expect(wasMirrored(nothing, arrival)).to.be.false;
    expect(wasMirrored(history, arrival)).to.be.true;
    expect(wasMirrored(history, { ...arrival, sourceTag: '22' })).to.be.false;
    expect(wasMirrored(history, { ...arrival, sourceDigest: digestOf('newer') })).to.be.false;
  });

  it('has every entry once, unless it was forced again', () => {
    const twice = appendArrivals(nothing, [arrival, arrival, { ...arrival, syncedAt: new Date() }]);
    expect(twice.entries).to.have.length(1);
    expect(appendArrivals(twice, [{ ...arrival, force: true }]).entries).to.have.length(2);
  });

  it('is one artifact of one type, and reads back unchanged', () => {
    const history = appendArrivals(nothing, [arrival]);
    const artifact = historyArtifact(history);
    const { config, layers } = artifact.content.manifest;
    expect(bodyOf(artifact).artifactType).to.equal(HISTORY_TYPE);
    expect([config, ...layers].map((one) => one?.mediaType)).to.deep.equal([HISTORY_TYPE, HISTORY_TYPE]);
    expect(bodyOf(artifact)).not.to.have.property('subject');
    expect(read(blobOf(artifact, layers[0]!.digest))).to.deep.equal(history);
    expect(historyArtifact(history)).to.deep.equal(artifact);
    expect(history).to.deep.equal({
      schemaVersion: 1,
      image: 'node',
      source: 'docker.io/library/node',
      entries: [
        {
          sourceTag: '22.4.1',
          sourceDigest: arrival.sourceDigest,
          destTag: '22.4.1',
          syncedAt: '2026-06-15T12:00:00Z',
          runUrl: run.url,
          runId: run.id,
          runAttempt: '1',
          force: false,
        },
      ],
    });
  });

  it('keeps every field that others wrote', () => {
    const theirs = {
      schemaVersion: 1,
      image: 'node',
      source: 'docker.io/library/node',
      note: 'kept',
      entries: [{ sourceTag: '20', sourceDigest: digestOf('old'), runAttempt: '2', approvedBy: 'kept too' }],
    };
    const history = appendArrivals(read(bytesOf(theirs)), [arrival]);
    expect(history).to.deep.include({ note: 'kept' });
    expect(history.entries).to.have.length(2);
    expect(history.entries[0]).to.deep.equal(theirs.entries[0]);
    expect(wasMirrored(history, { sourceTag: '20', sourceDigest: digestOf('old') })).to.be.true;
  });

  it('P30: numbers with more digits than a double stay as others wrote them', () => {
    const entry = `{"sourceTag":"20","sourceDigest":"sha256:1","runId":12345678901234567890,"cost":1.00}`;
    const history = appendArrivals(read(Buffer.from(`{"schemaVersion":1,"entries":[${entry}]}`)), [arrival]);
    expect(JSON.stringify(history)).to.include(`"runId":12345678901234567890,"cost":1.00}`);
  });

  it('P30: numbers beyond the range of a double stay, too, which would be null or nothing', () => {
    const entry = `{"sourceTag":"20","sourceDigest":"sha256:1","a":1e999,"b":-2.5E-999}`;
    const history = appendArrivals(read(Buffer.from(`{"schemaVersion":1,"entries":[${entry}]}`)), [arrival]);
    expect(JSON.stringify(history)).to.include(`"a":1e999,"b":-2.5E-999}`);
  });

  it('is the file that the public workflows pull, with its length and time beside it and in its config', () => {
    const history = appendArrivals(nothing, [arrival]);
    const artifact = historyArtifact(history, { 'example.com/theirs': 'kept' });
    const { config, layers, annotations } = artifact.content.manifest;
    const title = { 'org.opencontainers.image.title': 'mirror-history.json' };
    expect(layers[0]?.annotations).to.deep.equal(title);
    expect(annotations).to.deep.equal({
      ...title,
      'example.com/theirs': 'kept',
      'com.toddysm.mirror-history.count': '1',
      'com.toddysm.mirror-history.updated': '2026-06-15T12:00:00Z',
    });
    expect(JSON.parse(Buffer.from(blobOf(artifact, config!.digest)).toString())).to.deep.equal({
      ...{ schemaVersion: 1, image: 'node', source: 'docker.io/library/node' },
      ...{ count: 1, updated: '2026-06-15T12:00:00Z' },
    });
  });

  const unreadable: Readonly<Record<string, Uint8Array>> = {
    'no JSON': Buffer.from('{'),
    'another version': bytesOf({ ...nothing, schemaVersion: 2 }),
    'no entries': bytesOf({ schemaVersion: 1 }),
    'an entry without digest': bytesOf({ ...nothing, entries: [{ sourceTag: '1' }] }),
    'an entry without tag': bytesOf({ ...nothing, entries: [{ sourceDigest: digestOf('x') }] }),
    nothing: bytesOf(null),
  };
  for (const [what, bytes] of Object.entries(unreadable)) {
    it(`is a problem, and not empty, with ${what}`, () => {
      expect(parseHistory(bytes).ok).to.be.false;
    });
  }
});

describe('a history that the public workflows wrote', () => {
  it('P30: keeps entries, order, duplicates, fields and annotations that others wrote, through ten turns', async () => {
    const { signal } = new AbortController();
    const { put, book, stored, kept } = store();
    const twin = { ...theirEntry('1.0.0'), force: true, approvedBy: { name: 'bob' } };
    const entries: object[] = [theirEntry('2.0.0'), theirEntry('1.0.0'), twin];
    put([{ json: bytesOf({ ...nothing, note: 'kept', entries }) }], { 'example.com/theirs': 'kept' });
    for (let turn = 1; turn <= 10; turn += 1) {
      expect(await book().add(arrivalOf(`3.0.${turn}`), signal)).to.equal(undefined);
      const ours = stored();
      expect(ours.entries.slice(0, entries.length)).to.deep.equal(entries);
      expect(ours).to.deep.include({ note: 'kept' });
      expect(kept.held?.manifest.annotations).to.include({ 'example.com/theirs': 'kept' });
      entries.push(ours.entries.at(-1)!, theirEntry(`4.0.${turn}`));
      put([{ json: bytesOf({ ...ours, entries }), title: 'mirror-history.json' }], {
        'example.com/theirs': 'kept',
      });
    }
    const has = book();
    await has.load(signal);
    expect(has.has({ tag: '3.0.1', digest: digestOf('3.0.1') })).to.be.true;
    expect(has.has({ tag: '4.0.10', digest: digestOf('4.0.10') })).to.be.true;
  });

  it('P30: is the layer of that file name, wherever it stands among others', async () => {
    const { put, book } = store();
    const [readme, history] = [Buffer.from('read me'), bytesOf({ ...nothing, entries: [theirEntry('1')] })];
    put([
      { json: readme, title: 'README.md' },
      { json: history, title: 'mirror-history.json' },
    ]);
    const found = book();
    expect(await found.load(new AbortController().signal)).to.equal(undefined);
    expect(found.has({ tag: '1', digest: digestOf('1') })).to.be.true;
  });

  it('P30: is never written so large that it cannot be read again', async () => {
    const { put, book, kept } = store();
    const long = { ...nothing, note: 'x'.repeat(16 * 1024 * 1024 - 150) };
    put([{ json: bytesOf(long), title: 'mirror-history.json' }]);
    const full = book();
    const refused = await full.add(arrivalOf('1.0.0'), new AbortController().signal);
    expect(refused).to.have.property('code', 'LimitExceeded');
    expect(kept.pushes).to.equal(0);
    expect(full.has({ tag: '1.0.0', digest: digestOf('1.0.0') })).to.be.false;
  });
});

describe('the history of a mirror', () => {
  it('loses no entry when the write that was to store it fails', async () => {
    const blobs = new Map<Digest, Uint8Array>();
    let held: ManifestContent | undefined;
    let failures = 1;
    const target = {
      content: () => Promise.resolve(held),
      blob: (_: unknown, { digest }: { readonly digest: Digest }) => Promise.resolve(blobs.get(digest)),
      pushBlob: (_: unknown, bytes: Uint8Array) => {
        blobs.set(digestOf(bytes), bytes);
        return Promise.resolve(digestOf(bytes));
      },
      pushManifest: (_: unknown, content: ManifestContent) => {
        failures -= 1;
        if (failures >= 0) return Promise.reject(new Error('the registry is away'));
        held = content;
        return Promise.resolve();
      },
    } as unknown as TargetRegistry;
    const place = (repository: string) => ({ registry: 'registry.example.com', repository });
    const from = place('public/app');
    const to = place('quarantine/app');
    const book = createHistoryBook(target, to, from);
    const { signal } = new AbortController();
    const [first, second] = await Promise.allSettled([
      book.add(arrivalOf('1.0.0'), signal),
      book.add(arrivalOf('1.1.0'), signal),
    ]);
    expect([first.status, second.status]).to.deep.equal(['rejected', 'fulfilled']);
    const read = createHistoryBook(target, to, from);
    expect(await read.load(signal)).to.equal(undefined);
    const has = (tag: string) => read.has({ tag, digest: digestOf(tag) });
    expect([has('1.0.0'), has('1.1.0'), has('1.2.0')]).to.deep.equal([true, true, false]);
    // After a retry of the failed write the entry exists once.
    expect(await book.add(arrivalOf('1.0.0'), signal)).to.equal(undefined);
  });

  it('M15: a history of more values than are parsed is a problem, never an empty one', () => {
    expect(parseHistory(Buffer.from(`{"entries":[${'[],'.repeat(1_000_000)}[]]}`)).ok).to.be.false;
  });

  it('finds each of its entries by name, and no other', () => {
    const tags = Array.from({ length: 101 }, (_, n) => arrivalOf(`1.0.${String(n)}`));
    const history = appendArrivals(nothing, tags.slice(1));
    expect(tags.map((one) => wasMirrored(history, one))).to.deep.equal(tags.map((_, n) => n > 0));
  });
});
