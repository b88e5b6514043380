import { digestOf, type Digest, type ManifestContent } from '../../../../src/core/model/index.ts';
import type { TargetRegistry } from '../../../../src/core/promotion/index.ts';
import {
  emptyHistory,
  HISTORY_TYPE,
  parseHistory,
  type Arrival,
  type MirrorHistory,
  type UpdateHistoryElsewhere,
} from '../../../../src/core/promotion/records/history-page.ts';
import { createHistoryBook } from '../../../../src/core/promotion/records/history.ts';
import { AT, contentOf, run } from './made.ts';

export const arrival: Arrival = {
  sourceTag: '22.4.1',
  sourceDigest: digestOf('upstream'),
  destTag: '22.4.1',
  syncedAt: AT,
  run,
  force: false,
};
export const nothing = emptyHistory('node', 'docker.io/library/node');
export const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

export const read = (bytes: Uint8Array): MirrorHistory => {
  const history = parseHistory(bytes);
  if (!history.ok) throw new Error(JSON.stringify(history.problems));
  return history.value;
};

export const arrivalOf = (tag: string): Arrival => ({
  ...arrival,
  sourceTag: tag,
  sourceDigest: digestOf(tag),
  destTag: tag,
});

/** A target that holds one repository in memory. */
export function store(elsewhere?: UpdateHistoryElsewhere) {
  const blobs = new Map<Digest, Uint8Array>();
  const kept: { held?: ManifestContent; pushes: number } = { pushes: 0 };
  const target = {
    content: () => Promise.resolve(kept.held),
    blob: (_: unknown, { digest }: { readonly digest: Digest }) => Promise.resolve(blobs.get(digest)),
    pushBlob: (_: unknown, bytes: Uint8Array) => {
      blobs.set(digestOf(bytes), bytes);
      return Promise.resolve(digestOf(bytes));
    },
    pushManifest: (_: unknown, content: ManifestContent) => {
      kept.pushes += 1;
      kept.held = content;
      return Promise.resolve();
    },
  } as unknown as TargetRegistry;
  const put = (layers: readonly { readonly json: Uint8Array; readonly title?: string }[], marks = {}) => {
    const parts = layers.map(({ json, title }) => {
      blobs.set(digestOf(json), json);
      const annotations = title === undefined ? {} : { 'org.opencontainers.image.title': title };
      return { mediaType: HISTORY_TYPE, digest: digestOf(json), size: json.length, annotations };
    });
    const body = { schemaVersion: 2, artifactType: HISTORY_TYPE, config: parts[0], layers: parts };
    kept.held = contentOf({ ...body, annotations: marks });
  };
  const place = (repository: string) => ({ registry: 'registry.example.com', repository });
  const book = () => createHistoryBook(target, place('quarantine/app'), place('public/app'), elsewhere);
  const stored = () => read(blobs.get(kept.held!.manifest.layers[0]!.digest)!);
  return { kept, put, book, stored };
}
export const theirEntry = (tag: string) => ({ sourceTag: tag, sourceDigest: digestOf(tag), runAttempt: '1' });
