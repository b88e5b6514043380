import { expect } from 'chai';
import { digestOf, type Digest, type ManifestContent } from '../../../src/core/model/index.ts';
import type { TargetRegistry } from '../../../src/core/promotion/index.ts';
import { createHistoryBook } from '../../../src/core/promotion/records/history.ts';
import { contentOf } from '../../../src/core/promotion/records/artifact.ts';
import { openJobs } from '../../support/threads.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';

const threads = openJobs();
const signal = AbortSignal.timeout(600_000);
const list = <T>(count: number, one: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => one(n));
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

/** A target that has this history, and takes everything. */
function historyOf(layer: Uint8Array): TargetRegistry {
  const digest = digestOf(layer);
  const layers = [{ mediaType: 'application/json', digest, size: layer.byteLength }];
  let held: ManifestContent = contentOf(
    { schemaVersion: 2, config: layers[0], layers },
    'application/vnd.oci.image.manifest.v1+json',
  );
  return {
    content: () => Promise.resolve(held),
    blob: () => Promise.resolve(layer),
    pushBlob: () => Promise.resolve(digest),
    pushManifest: (_: unknown, content: ManifestContent) => {
      held = content;
      return Promise.resolve();
    },
  } as unknown as TargetRegistry;
}

interface Row {
  /** What is as large as it can be. */
  readonly what: string;
  /** Prepares it, and gives the work on it. */
  readonly prepare: () => (() => Promise<unknown>) | Promise<() => Promise<unknown>>;
}

/** The largest input of every kind. What is new is a row here. */
const ROWS: readonly Row[] = [
  {
    what: 'the history of a mirror, read and written',
    prepare: () => {
      const entries = list(60_000, (n) => ({
        ...{ sourceTag: `v1.${String(n)}`, sourceDigest: digestOf(String(n)), destTag: `v1.${String(n)}` },
        ...{ syncedAt: '2026-01-01T00:00:00Z', runUrl: '', runId: 'run-1', runAttempt: '1', force: false },
      }));
      const target = historyOf(bytesOf({ schemaVersion: 1, entries }));
      const place = (repository: string) => ({ registry: 'registry.example.com', repository });
      return async () => {
        const book = createHistoryBook(target, place('mirror/app'), place('public/app'), (question, weight) =>
          threads.run('history', question, weight),
        );
        expect(await book.load(signal)).to.equal(undefined);
        const sourceDigest: Digest = digestOf('new');
        const arrival = {
          sourceTag: 'new',
          sourceDigest,
          destTag: 'new',
          syncedAt: new Date(0),
          force: false,
        };
        const run = { id: 'run-2', attempt: 1 } as never;
        expect(await book.add({ ...arrival, run }, signal)).to.equal(undefined);
        expect(book.has({ tag: 'new', digest: sourceDigest })).to.equal(true);
      };
    },
  },
];

describe('the largest input of a kind', () => {
  after(() => threads.close());
  for (const { what, prepare } of ROWS)
    it(`M36: keeps the main thread for a moment only: ${what}`, async function () {
      this.timeout(300_000);
      const work = await prepare();
      const longest = await longestWork(work);
      if (process.env.SHOW) console.log(what, longest.toFixed(1));
      expect(longest).to.be.below(LONGEST_DELAY_MS);
    });
});
