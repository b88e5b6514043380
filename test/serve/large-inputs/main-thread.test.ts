import { expect } from 'chai';
import { digestOf, MEDIA_TYPE, type Digest, type ManifestContent } from '../../../src/core/model/index.ts';
import { anonymous, createRegistry } from '../../../src/clients/registry/index.ts';
import type { TargetRegistry } from '../../../src/core/promotion/index.ts';
import { appendCosignLayer, SIGNATURE } from '../../../src/core/promotion/records/cosign-tag.ts';
import { createHistoryBook } from '../../../src/core/promotion/records/history.ts';
import { contentOf } from '../../../src/core/promotion/records/artifact.ts';
import type { TagSelection } from '../../../src/core/promotion/schema.ts';
import { selectInTime, type SelectElsewhere } from '../../../src/core/promotion/selection/select.ts';
import { openJobs } from '../../support/threads.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';

const threads = openJobs();
const registry = createRegistry({
  ...{ keychain: anonymous, userAgent: 'test', now: () => new Date() },
  parseElsewhere: (kind, input, weight) => threads.run(kind, input, weight),
});
const PLACE = { registry: 'registry.example.com', repository: 'shop/web', tag: 'sha256-1.sig' };
const { ociManifest: OCI_MANIFEST, ociIndex: OCI_INDEX } = MEDIA_TYPE;
const COSIGN_LAYER = 'application/vnd.dev.cosign.simplesigning.v1+json';
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
      const entries = list(15_000, (n) => ({
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
  {
    what: 'a manifest of signatures, with one more',
    prepare: () => {
      const layers = list(990, (n) => ({
        ...{ mediaType: COSIGN_LAYER, digest: digestOf(String(n)), size: 200 },
        annotations: { [SIGNATURE]: 'x'.repeat(100), other: 'x'.repeat(3_900) },
      }));
      const existing = contentOf({ schemaVersion: 2, config: layers[0] ?? {}, layers }, OCI_MANIFEST);
      const signed = { layer: bytesOf({ payload: 1 }), layerAnnotations: { [SIGNATURE]: 'ours' } };
      return async () => {
        const made = appendCosignLayer(existing, { suffix: 'sig', signed, signer: 'release' });
        if (!made.ok || !made.value) throw new Error('nothing is appended');
        const { manifest } = await registry.extendManifest(PLACE, made.value.extension, signal);
        expect(manifest.layers).to.have.length(991);
      };
    },
  },
  {
    what: 'a listing of referrers under the fallback tag, with one more',
    prepare: () => {
      const manifests = list(24_000, (n) => ({
        ...{ mediaType: OCI_MANIFEST, digest: digestOf(String(n)), size: n, artifactType: 'a/b' },
      }));
      const bytes = bytesOf({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
      const entry = { mediaType: OCI_MANIFEST, digest: digestOf('new'), size: 1, annotations: {} };
      return async () => {
        const made = await threads.run('entry', { bytes, entry }, { bytes: bytes.byteLength });
        expect(made).to.have.nested.property('value.ok', true);
      };
    },
  },
  {
    what: 'the tags of a repository, selected by patterns and by age',
    prepare: () => {
      const present = list(
        50_000,
        (n) => `v1.${String(n % 500)}.${String(Math.floor(n / 500))}-r${String(n)}`,
      );
      const tags = {
        explicit: [],
        semver: [],
        include: ['^v1(\\.[0-9]+)+'],
        exclude: ['-r4'],
        minAge: '24h',
      };
      const by = { newest: { count: 1_000, by: 'Semver' }, scheme: 'Semver', suffix: 'Newer' };
      const spec = { ...tags, ...by } as unknown as TagSelection;
      const elsewhere: SelectElsewhere = (question, weight) => threads.run('select', question, weight);
      const now = new Date();
      return async () => {
        const named = await selectInTime(PLACE, { present, spec }, elsewhere);
        if (!named.ok) throw new Error('no selection');
        const candidates = named.value.tags.map((tag) => ({ tag, seen: new Date(0), created: new Date(0) }));
        const aged = await selectInTime(PLACE, { candidates, spec, now }, elsewhere);
        expect(aged.ok && aged.value.tags.length).to.equal(1_000);
      };
    },
  },
];

describe('the largest input of a kind', () => {
  after(() => Promise.all([threads.close(), registry.close()]));
  for (const { what, prepare } of ROWS)
    it(`M36: keeps the main thread for a moment only: ${what}`, async function () {
      this.timeout(300_000);
      const work = await prepare();
      const longest = await longestWork(work);
      expect(longest).to.be.below(LONGEST_DELAY_MS);
    });
});
