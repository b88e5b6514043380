import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parsed, Problem } from '../../../src/core/model/index.ts';
import { followPair } from '../../../src/controllers/certificates/follow-certificate.ts';
import type { Pair } from '../../../src/controllers/certificates/read.ts';

const pair = (name: string): Pair => ({ cert: `cert ${name}`, key: `key ${name}` });
const fits = ({ cert, key }: Pair) => cert.slice(5) === key.slice(4);

describe('followPair', () => {
  let following: ReturnType<typeof followPair> | undefined;
  afterEach(() => following?.close());

  function follow() {
    const files: { now: () => Promise<Parsed<Pair>>; reads: number } = {
      now: async () => ({ ok: true, value: pair('a') }),
      reads: 0,
    };
    const changes: Pair[] = [];
    const troubles: (readonly Problem[])[] = [];
    following = followPair({
      read: () => {
        files.reads += 1;
        return files.now();
      },
      fits,
      everyMs: 1,
      onChange: (changed) => changes.push(changed),
      onError: (problems) => troubles.push(problems),
    });
    /** Resolves after the current files were read twice. */
    const looked = async () => {
      const until = files.reads + 3;
      while (files.reads < until) await sleep(1);
    };
    return { files, changes, troubles, looked };
  }

  it('reports the first pair, and then every different pair', async () => {
    const { files, changes, troubles, looked } = follow();
    await looked();
    expect(changes).to.deep.equal([pair('a')]);
    files.now = async () => ({ ok: true, value: pair('b') });
    await looked();
    files.now = async () => ({ ok: true, value: pair('a') });
    await looked();
    expect(changes).to.deep.equal([pair('a'), pair('b'), pair('a')]);
    expect(troubles).to.deep.equal([]);
  });

  it('keeps the old pair through every failure, and reports each failure once', async () => {
    const { files, changes, troubles, looked } = follow();
    await looked();
    files.now = async () => ({ ok: true, value: { cert: 'cert b', key: 'key a' } });
    await looked();
    expect(troubles).to.have.length(1);
    files.now = async () => ({ ok: false, problems: [{ path: 'tls.crt', message: 'is not there' }] });
    await looked();
    expect(troubles[1]).to.deep.equal([{ path: 'tls.crt', message: 'is not there' }]);
    files.now = () => Promise.reject(Object.assign(new Error('key b'), { code: 'EIO' }));
    await looked();
    expect(troubles).to.have.length(3);
    expect(JSON.stringify(troubles)).to.include('EIO').and.not.include('key b');
    expect(changes).to.deep.equal([pair('a')]);
    files.now = async () => ({ ok: true, value: pair('b') });
    await looked();
    expect(changes).to.deep.equal([pair('a'), pair('b')]);
    files.now = () => Promise.reject(Object.assign(new Error('again'), { code: 'EIO' }));
    await looked();
    expect(troubles, 'reported again after a success').to.have.length(4);
  });

  it('reports nothing after close, not even from a read that was in progress', async () => {
    const { files, changes, looked } = follow();
    await looked();
    const { promise, resolve } = Promise.withResolvers<Parsed<Pair>>();
    files.now = () => promise;
    const { reads } = files;
    while (files.reads === reads) await sleep(1);
    following?.close();
    resolve({ ok: true, value: pair('b') });
    const after = files.reads;
    await sleep(10);
    expect(files.reads).to.equal(after);
    expect(changes).to.deep.equal([pair('a')]);
  });
});
