import { chmod, chown, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { openFolder } from '../../../src/clients/files/blob-cache.ts';
import { digestHex, digestOf, type Digest } from '../../../src/core/model/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const KIB = 1024;

interface Blob {
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: Buffer;
}

function blobOf(letter: string, size = 100 * KIB): Blob {
  const bytes = Buffer.alloc(size, letter);
  return { digest: digestOf(bytes), size, bytes };
}

async function* pieces({ bytes }: Pick<Blob, 'bytes'>): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < bytes.byteLength; at += 32 * KIB) yield bytes.subarray(at, at + 32 * KIB);
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece);
  return Buffer.concat(all).toString();
}

describe('the cache of blobs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let trouble: unknown[];
  let time: number;
  beforeEach(async () => {
    folder = await temporaryFolder({});
    trouble = [];
    time = Date.now();
  });
  afterEach(() => folder.remove());

  const open = (maxBytes = 1024 * KIB, where = join(folder.path, 'cache')) =>
    openFolder({
      ...{ folder: where, maxBytes, clock: () => new Date(time) },
      onTrouble: (error) => void trouble.push(error),
    });
  const pathOf = ({ digest }: Blob): string => {
    const hex = digestHex(digest);
    return join(folder.path, 'cache', 'blobs', `sha256-${hex.slice(0, 2)}`, hex);
  };
  const whole = ({ size }: Blob) => ({ start: 0, end: size });
  type Cache = Awaited<ReturnType<typeof open>>;
  const readFrom = async (cache: Cache, blob: Blob, part = whole(blob)): Promise<string | undefined> => {
    const found = await cache.open(blob, part);
    return found && textOf(found.bytes);
  };
  const filesIn = async (name: string): Promise<number> => {
    const all = await readdir(join(folder.path, 'cache', name), { recursive: true, withFileTypes: true });
    return all.filter((one) => one.isFile()).length;
  };
  const isThere = async (cache: Cache, blob: Blob): Promise<boolean> => {
    const found = await cache.open(blob, whole(blob));
    if (found) await textOf(found.bytes);
    return found !== undefined;
  };
  const unfinished = () => readdir(join(folder.path, 'cache', 'unfinished'));

  it('keeps what it hands on, and finds it after a restart', async () => {
    const blob = blobOf('a');
    const cache = await open();
    expect(await cache.open(blob, whole(blob))).to.equal(undefined);
    expect(await textOf(cache.keep(blob, pieces(blob)))).to.equal(blob.bytes.toString());
    expect(await readFrom(cache, blob)).to.equal(blob.bytes.toString());
    expect(await readFrom(cache, blob, { start: 5, end: 9 })).to.equal('aaaa');
    expect(await readFrom(await open(), blob)).to.equal(blob.bytes.toString());
    expect(await unfinished()).to.deep.equal([]);
    expect((await stat(pathOf(blob))).mode & 0o777).to.equal(0o600);
  });

  it('G53 hands out parts only of a file that this process has proven as it is now', async () => {
    const blob = blobOf('a');
    await textOf((await open()).keep(blob, pieces(blob)));
    const cache = await open();
    const part = { start: 5, end: 9 };
    expect(await cache.has(blob, part)).to.equal(false);
    expect(await readFrom(cache, blob, part)).to.equal(undefined);
    const found = await cache.open(blob, whole(blob));
    await textOf(found!.bytes);
    found!.prove();
    expect(await cache.has(blob, part)).to.equal(true);
    expect(await readFrom(cache, blob, part)).to.equal('aaaa');
    // Other bytes, with the same size and time.
    const { atime, mtime } = await stat(pathOf(blob));
    await writeFile(pathOf(blob), Buffer.alloc(blob.size, 'b'));
    await utimes(pathOf(blob), atime, mtime);
    expect(await readFrom(cache, blob, part)).to.equal(undefined);
  });

  it('G54 a file of another size, a link or a folder is not handed out, and makes room for the blob', async () => {
    const blob = blobOf('a');
    const cache = await open();
    await mkdir(dirname(pathOf(blob)), { recursive: true });
    await writeFile(join(folder.path, 'secret'), blob.bytes);
    const odd: readonly (() => Promise<unknown>)[] = [
      () => writeFile(pathOf(blob), blob.bytes.subarray(1)),
      () => symlink(join(folder.path, 'secret'), pathOf(blob)),
    ];
    for (const make of odd) {
      await make();
      expect(await cache.has(blob, whole(blob))).to.equal(false);
      expect(await cache.open(blob, whole(blob))).to.equal(undefined);
      await textOf(cache.keep(blob, pieces(blob)));
      expect(await readFrom(cache, blob)).to.equal(blob.bytes.toString());
      expect((await stat(pathOf(blob))).isFile()).to.equal(true);
      await (await cache.open(blob, whole(blob)))!.drop();
    }
    expect(await readFile(join(folder.path, 'secret'))).to.deep.equal(blob.bytes);
  });

  it('G55 what breaks off or is not proven never enters', async () => {
    const blob = blobOf('a');
    const cache = await open();
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield blob.bytes.subarray(0, 64 * KIB);
      throw new Error('a blob has another digest');
    };
    await textOf(cache.keep(blob, failing())).catch(() => undefined);
    const leaving = cache.keep(blob, pieces(blob))[Symbol.asyncIterator]();
    await leaving.next();
    await leaving.return?.(); // the client has gone
    expect(await filesIn('blobs')).to.equal(0);
    expect(await cache.open(blob, whole(blob))).to.equal(undefined);
    expect(await unfinished()).to.deep.equal([]);
  });

  it('G56 removes what was not used for longest, and lets those who read it read on', async () => {
    const [a, b, c] = [blobOf('a'), blobOf('b'), blobOf('c')];
    const cache = await open(250 * KIB);
    for (const one of [a, b]) {
      await textOf(cache.keep(one, pieces(one)));
      await utimes(pathOf(one), new Date(time - 3_600_000), new Date(time - 3_600_000));
    }
    const reading = (await cache.open(b, whole(b)))!.bytes[Symbol.asyncIterator]();
    await reading.next();
    // Read a moment ago, a is newer than b.
    expect(await readFrom(cache, a)).to.equal(a.bytes.toString());
    await utimes(pathOf(b), new Date(time - 3_600_000), new Date(time - 3_600_000));
    await textOf(cache.keep(c, pieces(c)));
    expect(await cache.open(b, whole(b))).to.equal(undefined);
    for (const one of [a, c]) expect(await readFrom(cache, one)).to.equal(one.bytes.toString());
    expect(await reading.next()).to.have.property('done');
  });

  it('G56 stays within the limit where several processes write', async () => {
    const caches = [await open(500 * KIB), await open(500 * KIB)];
    for (let n = 0; n < 24; n += 1) {
      const blob = blobOf(String.fromCharCode(97 + n));
      await textOf(caches[n % 2]!.keep(blob, pieces(blob)));
      expect(await filesIn('blobs')).to.be.at.most(6);
    }
    expect(await filesIn('blobs')).to.be.at.least(2);
  });

  it('G57 two writers of one blob, in two processes or in one, leave it whole', async () => {
    const blob = blobOf('a');
    const [first, second] = [await open(), await open()];
    const writers = [1, 2].map(() => first.keep(blob, pieces(blob))[Symbol.asyncIterator]());
    for (const one of writers) await one.next();
    // In one process the second one hands on what it reads, and leaves the writing to the first.
    expect(await filesIn('unfinished')).to.equal(1);
    for (const one of writers) await one.return?.();
    const texts = await Promise.all(
      [first, first, second].map((one) => textOf(one.keep(blob, pieces(blob)))),
    );
    expect(new Set(texts)).to.deep.equal(new Set([blob.bytes.toString()]));
    for (const one of [first, second]) expect(await readFrom(one, blob)).to.equal(blob.bytes.toString());
    expect(await unfinished()).to.deep.equal([]);
  });

  it('removes what a process that died has left unfinished, and not what is being written', async () => {
    const where = join(folder.path, 'cache', 'unfinished');
    await open();
    await writeFile(join(where, 'old'), 'x');
    await writeFile(join(where, 'new'), 'x');
    await utimes(join(where, 'old'), new Date(time), new Date(time - 2 * 3_600_000));
    await open();
    expect(await unfinished()).to.deep.equal(['new']);
  });

  it('hands on what cannot be written, says so once, and tries again later', async () => {
    const cache = await open();
    // A file where a folder is to be.
    const [a, b] = [blobOf('a'), blobOf('b')];
    for (const one of [a, b]) await writeFile(dirname(pathOf(one)), '');
    for (const one of [a, b, a])
      expect(await textOf(cache.keep(one, pieces(one)))).to.equal(one.bytes.toString());
    expect(trouble).to.have.length(1);
    expect(await unfinished()).to.deep.equal([]);
    const c = blobOf('c');
    await textOf(cache.keep(c, pieces(c)));
    expect(await isThere(cache, c), 'while it rests').to.equal(false);
    time += 60_000;
    await textOf(cache.keep(c, pieces(c)));
    expect(await readFrom(cache, c)).to.equal(c.bytes.toString());
  });

  describe('whose files cannot be removed', () => {
    const USER = 65_534;
    const isRoot = process.getuid?.() === 0;
    // Root may remove everything.
    beforeEach(async () => {
      if (!isRoot) return;
      await chown(folder.path, USER, USER);
      process.seteuid?.(USER);
    });
    afterEach(async () => {
      for (const one of await readdir(join(folder.path, 'cache', 'blobs')))
        await chmod(join(folder.path, 'cache', 'blobs', one), 0o700);
      if (isRoot) process.seteuid?.(0);
    });
    const lock = (blob: Blob) => chmod(dirname(pathOf(blob)), 0o500);

    it('G56 does not grow over its limit, and says so once', async () => {
      const cache = await open(250 * KIB);
      const blobs = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => blobOf(letter));
      for (const one of blobs.slice(0, 2)) {
        await textOf(cache.keep(one, pieces(one)));
        await lock(one);
      }
      for (const one of blobs.slice(2))
        expect(await textOf(cache.keep(one, pieces(one)))).to.equal(one.bytes.toString());
      expect(await filesIn('blobs')).to.equal(2);
      expect(trouble.map((one) => (one as { code?: string }).code)).to.deep.equal(['EACCES']);
      expect(await unfinished()).to.deep.equal([]);
    });

    it('G59 a wrong one is not opened again', async () => {
      const blob = blobOf('a');
      const cache = await open();
      await textOf(cache.keep(blob, pieces(blob)));
      await writeFile(pathOf(blob), Buffer.alloc(blob.size, 'b'));
      await lock(blob);
      await (await cache.open(blob, whole(blob)))!.drop();
      expect(await cache.has(blob, whole(blob))).to.equal(false);
      expect(await cache.open(blob, whole(blob))).to.equal(undefined);
      expect(trouble).to.have.length(1);
      await chmod(dirname(pathOf(blob)), 0o700);
      await textOf(cache.keep(blob, pieces(blob)));
      expect(await readFrom(cache, blob)).to.equal(blob.bytes.toString());
    });
  });

  it('G54 a link in place of a folder is not followed, to read, write or remove', async () => {
    const [a, b, c] = [blobOf('a'), blobOf('b'), blobOf('c')];
    const elsewhere = join(folder.path, 'elsewhere');
    await mkdir(elsewhere);
    await open();
    for (const one of [a, b]) await symlink(elsewhere, dirname(pathOf(one)));
    const there = join(elsewhere, digestHex(a.digest));
    await writeFile(there, a.bytes);
    await writeFile(join(elsewhere, 'other'), Buffer.alloc(400 * KIB));
    const cache = await open(250 * KIB);
    expect(await cache.has(a, whole(a))).to.equal(false);
    for (const one of [b, c])
      expect(await textOf(cache.keep(one, pieces(one)))).to.equal(one.bytes.toString());
    expect((await readdir(elsewhere)).toSorted()).to.deep.equal([digestHex(a.digest), 'other'].toSorted());
    expect(trouble).to.have.length(1);
  });

  it('keeps no blob that is larger than the whole, and an empty one', async () => {
    const cache = await open(150 * KIB);
    const [large, empty] = [blobOf('a', 200 * KIB), blobOf('', 0)];
    await textOf(cache.keep(large, pieces(large)));
    expect(await cache.open(large, whole(large))).to.equal(undefined);
    const none = async function* () {
      await Promise.resolve();
      yield new Uint8Array();
    };
    await textOf(cache.keep(empty, none()));
    expect(await readFrom(cache, empty)).to.equal('');
  });
});
