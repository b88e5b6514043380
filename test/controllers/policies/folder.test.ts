import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parsed } from '../../../src/core/model/index.ts';
import { watchFolder } from '../../../src/controllers/policies/index.ts';
import type { PolicyFolder } from '../../../src/controllers/policies/folder.ts';
import type { PolicyReading, PolicySet } from '../../../src/controllers/policies/compile-documents.ts';
import { NO_ROOTS, NOW, policyDocument } from '../../support/policies.ts';

const EVERY_MS = 5;
/** Long enough for several reads, also on a busy machine. */
const SEVERAL_LOOKS_MS = 60;

const reading = (...values: readonly unknown[]): PolicyReading => ({
  documents: values.map((value, index) => ({ origin: `${index + 1}.yaml`, value })),
  problems: [],
});
const policy = (name: string) => policyDocument({ require: {} }, name);

describe('watchFolder', () => {
  let now: () => Promise<PolicyReading>;
  let reported: Parsed<PolicySet>[];
  let folder: PolicyFolder | undefined;
  beforeEach(() => {
    reported = [];
    now = async () => reading(policy('one'));
  });
  afterEach(() => folder?.close());

  const start = async () => {
    const opened = await watchFolder({
      read: () => now(),
      clock: () => NOW,
      roots: NO_ROOTS,
      everyMs: EVERY_MS,
      onChange: (o) => reported.push(o),
    });
    folder = opened.ok ? opened.value : undefined;
    return opened;
  };
  const names = () => folder?.current().policies.map(({ name }) => name);
  const changed = async (times: number) => {
    const giveUp = Date.now() + 50_000;
    while (reported.length < times && Date.now() < giveUp) await sleep(EVERY_MS);
    await sleep(SEVERAL_LOOKS_MS);
    expect(reported, 'reported once per change').to.have.length(times);
  };

  it('reports nothing while nothing changes', async () => {
    await start();
    await changed(0);
    expect(names()).to.deep.equal(['one']);
  });

  it('replaces the whole set on a change', async () => {
    await start();
    const before = folder?.current();
    now = async () => reading(policy('two'), policy('three'));
    await changed(1);
    expect(reported[0]?.ok).to.equal(true);
    expect(names()).to.deep.equal(['two', 'three']);
    expect(
      before?.policies.map(({ name }) => name),
      'a set in use stays as it is',
    ).to.deep.equal(['one']);
  });

  it('keeps the last good set through a broken change, reports the change once, and reloads after it', async () => {
    await start();
    now = async () => reading(policy('two'), { kind: 'ImagePolcy' });
    await changed(1);
    expect(reported[0]?.ok).to.equal(false);
    expect(names(), 'not even the good half changes').to.deep.equal(['one']);
    now = async () => reading(policy('two'));
    await changed(2);
    expect(names()).to.deep.equal(['two']);
  });

  it('keeps the last good set when the folder is emptied, deleted or unreadable', async () => {
    await start();
    now = async () => reading();
    await changed(1);
    now = async () => ({
      documents: [],
      problems: [{ path: 'policies', message: 'no such file or folder' }],
    });
    await changed(2);
    now = () => Promise.reject(new Error('disk on fire'));
    await changed(3);
    expect(reported.map(({ ok }) => ok)).to.deep.equal([false, false, false]);
    expect(reported[2]).to.deep.include({ problems: [{ path: '', message: 'disk on fire' }] });
    expect(names()).to.deep.equal(['one']);
  });

  it('does not start with a folder that is broken, empty or cannot be read', async () => {
    for (const bad of [
      async () => reading({ kind: 'ImagePolcy' }),
      async () => reading(),
      async () => reading({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
      () => Promise.reject(new Error('disk on fire')),
    ]) {
      now = bad;
      expect((await start()).ok).to.equal(false);
    }
    await changed(0);
  });

  it('reads the folder no more after close, and never twice at once', async () => {
    let open = 0;
    let most = 0;
    let looks = 0;
    now = async () => {
      looks += 1;
      open += 1;
      most = Math.max(most, open);
      await sleep(4 * EVERY_MS);
      open -= 1;
      return reading(policy('one'));
    };
    await start();
    await sleep(SEVERAL_LOOKS_MS);
    expect(most).to.equal(1);
    folder?.close();
    const then = looks;
    await sleep(SEVERAL_LOOKS_MS);
    expect(looks).to.be.at.most(then);
  });
});
