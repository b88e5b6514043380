import { expect } from 'chai';
import { digestOf, type Digest, type ManifestContent } from '../../../../src/core/model/index.ts';
import { createHistoryBook } from '../../../../src/core/promotion/records/history.ts';
import type { TargetRegistry } from '../../../../src/core/promotion/index.ts';

const AT = new Date('2026-11-24T12:00:00Z');
const RUN = { name: 'platform/app', id: 'run-1', attempt: 1, actor: 'test' };
const arrival = (tag: string) => ({
  sourceTag: tag,
  sourceDigest: digestOf(tag),
  destTag: tag,
  syncedAt: AT,
  run: RUN,
  force: false,
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
      book.add(arrival('1.0.0'), signal),
      book.add(arrival('1.1.0'), signal),
    ]);
    expect([first.status, second.status]).to.deep.equal(['rejected', 'fulfilled']);
    const read = createHistoryBook(target, to, from);
    expect(await read.load(signal)).to.equal(undefined);
    const has = (tag: string) => read.has({ tag, digest: digestOf(tag) });
    expect([has('1.0.0'), has('1.1.0'), has('1.2.0')]).to.deep.equal([true, true, false]);
    // After a retry of the failed write the entry exists once.
    expect(await book.add(arrival('1.0.0'), signal)).to.equal(undefined);
  });
});
