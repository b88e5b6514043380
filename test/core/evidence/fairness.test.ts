import { expect } from 'chai';
import { turnOf, unknown, type Fact, type Owner, type Turn } from '../../../src/core/model/index.ts';
import { createMemory, judge, pinReference } from '../../../src/core/evidence/index.ts';
import type { RegistrySource } from '../../../src/core/evidence/ports.ts';
import { keepingUnread, type Memory, type MemoryLimits } from '../../../src/core/evidence/memory.ts';
import { authority, found as foundFact, NOW, policyOf } from '../../support/policies.ts';
import { signingKey, simpleSigning } from '../../support/signing.ts';
import { createBench, forever, LIMITS, pushSignatures } from '../../support/verification.ts';

const CROWDED = unknown('LimitExceeded', 'too many requests wait', true);
const TOO_LARGE = unknown('LimitExceeded', 'it has more entries than are read');
const found: Fact<string> = { state: 'found', value: 'x', seenAt: NOW };

function memoryWith(limits: Partial<MemoryLimits> = {}) {
  return createMemory({ clock: () => NOW, limits: { ...LIMITS, ...limits }, loadSignal: forever });
}

const of = (memory: Memory, namespace: string): Memory => memory.inTurn(turnOf({ namespace }));
const keyOf = (name: string): readonly string[] => ['manifest', name, 'sha256:0'];

async function learnAll(memory: Memory, names: readonly string[]): Promise<void> {
  for (const name of names)
    await memory.recall({ key: keyOf(name), load: () => Promise.resolve(found) }, forever());
}
const range = (count: number, name: (index: number) => string): readonly string[] =>
  Array.from({ length: count }, (_, index) => name(index));
const known = (memory: Memory, names: readonly string[]): number =>
  names.filter((name) => memory.peek(keyOf(name))).length;

describe('the shares of a memory', () => {
  const own = range(20, (index) => `registry.example.com/b/app-${String(index)}`);
  const FLOODS = {
    'of one registry': (index: number) => `registry.example.com/a/app-${String(index)}`,
    'of as many registries': (index: number) => `r${String(index)}.example.org/a/app`,
    'of names of one repository': () => `registry.example.com/a/${Math.random().toString(36)}`,
  };
  for (const [what, name] of Object.entries(FLOODS))
    it(`M27: a namespace with very many facts ${what} displaces its own only`, async () => {
      const memory = memoryWith({ maxFacts: 100 });
      await learnAll(of(memory, 'b'), own);
      const flood = range(1_000, name);
      await learnAll(of(memory, 'a'), flood);
      expect(known(memory, own)).to.equal(own.length);
      expect(known(memory, flood), 'the rest of the room is used').to.equal(80);
      expect(known(memory, flood.slice(-80)), 'by the newest').to.equal(80);
    });

  it('M27: a namespace with few large facts displaces its own only', () => {
    const memory = memoryWith({ maxBytes: 10_000 });
    const store = (namespace: string, name: string, weight: number): void =>
      of(memory, namespace).store({ key: keyOf(name), weigh: () => weight }, found);
    for (const name of own) store('b', name, 100);
    for (const name of range(50, FLOODS['of one registry'])) store('a', name, 3_000);
    expect(known(memory, own)).to.equal(own.length);
  });

  it('M27: several namespaces with very many facts leave each its share', async () => {
    const memory = memoryWith({ maxFacts: 100 });
    await learnAll(of(memory, 'b'), own);
    const floods = range(3, (index) => `flood-${String(index)}`);
    for (let index = 0; index < 200; index += 1)
      for (const one of floods) await learnAll(of(memory, one), [`${one}.example.org/a/${String(index)}`]);
    expect(known(memory, own)).to.equal(own.length);
  });

  it('M27: a registry with very many facts displaces its own only, within one namespace', async () => {
    const memory = memoryWith({ maxFacts: 100 });
    await learnAll(of(memory, 'b'), own);
    await learnAll(
      of(memory, 'b'),
      range(1_000, (index) => `flood.example.org/b/${String(index)}`),
    );
    expect(known(memory, own)).to.equal(own.length);
  });

  it('M27: what was displaced leaves no trace, and a larger answer displaces what is needed', async () => {
    const memory = memoryWith({ maxFacts: 10, maxBytes: 10_000 });
    await learnAll(of(memory, 'a'), range(1_000, FLOODS['of as many registries']));
    expect([...memory.counts()]).to.deep.equal([['manifest', 10]]);
    of(memory, 'b').store({ key: keyOf('registry.example.com/b'), weigh: () => 9_500 }, found);
    expect([...memory.counts()]).to.deep.equal([['manifest', 1]]);
    of(memory, 'b').store({ key: keyOf('registry.example.com/b'), weigh: () => 20_000 }, found);
    expect([...memory.counts()]).to.deep.equal([['manifest', 0]]);
  });
});

describe('the turn of a shared look-up', () => {
  /** A look-up that is answered by hand, with the namespaces in whose turn it is. */
  function openLookup(nested = false) {
    const memory = memoryWith();
    const { promise, resolve } = Promise.withResolvers<Fact<string>>();
    const seen: string[] = [];
    const follow = (turn: Turn): void =>
      void turn.follow(({ namespace, background }: Owner) =>
        seen.push(`${namespace}${background ? ' background' : ''}`),
      );
    let loads = 0;
    const inner = {
      key: ['inner'],
      load: (_: AbortSignal, turn: Turn) => {
        loads += 1;
        follow(turn);
        return promise;
      },
    };
    const outer = {
      key: ['outer'],
      load: (_: AbortSignal, turn: Turn) => memory.inTurn(turn).recall(inner, forever()),
    };
    const ask = (owner: Owner) => memory.inTurn(turnOf(owner)).recall(nested ? outer : inner, forever());
    return { memory, ask, resolve, seen, loads: () => loads };
  }

  for (const nested of [false, true])
    it(`M24: is that of all who wait for it${nested ? ', also inside of another look-up' : ''}`, async () => {
      const { ask, resolve, seen, loads } = openLookup(nested);
      const answers = [ask({ namespace: 'a', background: true })];
      expect(seen).to.deep.equal(['a background']);
      answers.push(ask({ namespace: 'b' }), ask({ namespace: 'b' }), ask({ namespace: 'a' }));
      expect(seen).to.deep.equal(['a background', 'b', 'a']);
      resolve(found);
      expect(await Promise.all(answers)).to.deep.equal([found, found, found, found]);
      expect(loads()).to.equal(1);
    });

  it('M25: an answer that is unknown because too many wait is asked for again by others, and not remembered', async () => {
    const { memory, ask, resolve, loads } = openLookup();
    const first = ask({ namespace: 'a' });
    let again = 0;
    const second = of(memory, 'b').recall(
      {
        key: ['inner'],
        load: () => {
          again += 1;
          return Promise.resolve(found);
        },
      },
      forever(),
    );
    resolve(CROWDED);
    expect(await first).to.equal(CROWDED);
    expect(await second).to.equal(found);
    expect([loads(), again]).to.deep.equal([1, 1]);
    await of(memory, 'b').recall({ key: ['other'], load: () => Promise.resolve(CROWDED) }, forever());
    expect(memory.peek(['other'])).to.equal(undefined);
  });

  it('M25: an answer with entries that are unknown because too many wait is not remembered', () => {
    const unread = (one: typeof CROWDED) => ({ ...one, state: 'unread' }) as const;
    expect(keepingUnread([unread(TOO_LARGE)])).to.equal('brief');
    expect(keepingUnread([unread(TOO_LARGE), unread(CROWDED)])).to.equal('never');
    expect(keepingUnread([])).to.equal(undefined);
  });

  it('M25: a limit of what is read is remembered', async () => {
    const memory = memoryWith();
    await memory.recall({ key: ['a'], load: () => Promise.resolve(TOO_LARGE) }, forever());
    expect(memory.peek(['a'])).to.equal(TOO_LARGE);
  });
});

describe('a look-up that is not answered by the deadline', () => {
  /** A look-up, inside of as many others, of which a test says what it waits for. */
  function openLookup(depth: number) {
    const memory = memoryWith();
    const turns: Turn[] = [];
    const questionOf = (level: number) => ({
      key: [`level ${String(level)}`],
      load: (_: AbortSignal, turn: Turn): Promise<Fact<string>> => {
        turns.push(turn);
        return level < depth
          ? memory.inTurn(turn).recall(questionOf(level + 1), forever())
          : Promise.withResolvers<Fact<string>>().promise;
      },
    });
    const late = new AbortController();
    const answer = of(memory, 'a').recall(questionOf(0), late.signal);
    const reasonAtEnd = async () => {
      late.abort();
      const fact = await answer;
      return fact.state === 'unknown' ? fact.reason.code : fact.state;
    };
    return { memory, turns, reasonAtEnd, question: questionOf(0) };
  }

  for (const depth of [0, 2]) {
    const where = depth > 0 ? ', also inside of others' : '';
    it(`B24: is over a limit while it waits for connections, memory or threads${where}`, async () => {
      const { turns, reasonAtEnd } = openLookup(depth);
      turns[depth]?.wait?.();
      expect(await reasonAtEnd()).to.equal('LimitExceeded');
    });

    it(`B24: is out of time while it waits for a registry${where}`, async () => {
      const { turns, reasonAtEnd } = openLookup(depth);
      const [over] = [turns[depth]?.wait?.()];
      over?.();
      expect(await reasonAtEnd()).to.equal('DeadlineExceeded');
    });
  }

  it('B24: is over a limit also for one who joined it', async () => {
    const { memory, turns, question } = openLookup(1);
    const late = new AbortController();
    const joined = of(memory, 'b').recall(question, late.signal);
    turns[1]?.wait?.();
    late.abort();
    expect(await joined).to.have.nested.property('reason.code', 'LimitExceeded');
  });
});

describe('the requests of a judgement', () => {
  const WEB = 'registry.example.com/shop/web';
  const OWNER: Owner = { namespace: 'shop', background: true };
  const key = signingKey();
  const policies = [
    policyOf({
      authorities: [authority('release', key)],
      require: { signatures: { from: ['release'] }, quarantine: {}, lifecycle: {} },
    }),
  ];

  function openBench() {
    const { registry, sources } = createBench();
    const digest = registry.push(WEB, {
      tag: '1.4.0',
      annotations: { 'dev.pratique.lifecycle.end-of-life': '2026-06-20' },
    });
    registry.push(WEB, { tag: '1.4.1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const owners: Owner[] = [];
    const bound: (keyof RegistrySource)[] = [];
    /** Records each request and in whose turn it is. */
    const inTurn = (turn: Turn): RegistrySource =>
      new Proxy<RegistrySource>(registry, {
        get: (target, operation: keyof RegistrySource) => {
          if (operation === 'inTurn') return inTurn;
          bound.push(operation);
          turn.follow((owner) => owners.push(owner));
          return target[operation];
        },
      });
    const refused = (): never => {
      throw new Error('this is not in a turn');
    };
    const unbound = { manifest: refused, tagDigest: refused, blob: refused, tags: refused };
    const asked: RegistrySource = { ...unbound, referrers: refused, fallbackReferrers: refused, inTurn };
    return { sources: { ...sources, registry: asked }, owners, bound, registry, digest };
  }

  it('M24: are all made in the turn of its owner', async () => {
    const { sources, owners, bound, registry } = openBench();
    const images = [{ container: '', field: '', image: `${WEB}:1.4.0` }];
    const question = { images, policies, labels: foundFact({}), unmatchedImages: 'Allow' } as const;
    const [judged] = await judge({ ...question, owner: OWNER, signal: forever() }, sources);
    expect(judged?.verdict.findings.map(({ reason }) => reason)).to.deep.equal(['EndOfLifeNear']);
    expect(new Set(bound)).to.include.all.keys('manifest', 'referrers', 'fallbackReferrers', 'blob', 'tags');
    expect(bound).to.have.length(registry.calls.length);
    expect(new Set(owners)).to.deep.equal(new Set([OWNER]));
  });

  const flagless = [policyOf({ require: { quarantine: {} } })];
  const pinnedTo = (digest: string) => ({
    ...({ policies: flagless, labels: foundFact({}), unmatchedImages: 'Allow' } as const),
    images: [{ container: '', field: '', image: `${WEB}@${digest}` }],
    signal: forever(),
  });

  it('M24: are all made in the turn of its owner where no other look-up asks for them', async () => {
    const { sources, owners, bound, digest } = openBench();
    const [judged] = await judge({ ...pinnedTo(digest), owner: OWNER }, sources);
    expect(judged?.verdict.kind).to.equal('allow');
    expect(new Set(bound)).to.deep.equal(new Set(['manifest', 'referrers', 'fallbackReferrers']));
    expect(new Set(owners)).to.deep.equal(new Set([OWNER]));
  });

  it('M24: are made in the turn of all who wait for them', async () => {
    const { sources, owners, registry, digest } = openBench();
    const release = registry.hold('');
    const other: Owner = { namespace: 'other' };
    const judged = [OWNER, other].map((owner) => judge({ ...pinnedTo(digest), owner }, sources));
    while (registry.calls.length < 3) await new Promise((resolve) => setImmediate(resolve));
    release();
    await Promise.all(judged);
    expect(registry.calls).to.have.length(3);
    expect(owners.filter(({ namespace }) => namespace === 'other')).to.have.length(3);
  });

  it('M24: to pin a tag are made in the turn of its owner, also when the tag is known', async () => {
    const { sources, owners, bound } = openBench();
    const ref = { registry: 'registry.example.com', repository: 'shop/web', tag: '1.4.0' };
    for (let count = 0; count < 2; count += 1)
      await pinReference(ref, { owner: OWNER, policies, signal: forever() }, sources);
    expect(bound).to.deep.equal(['manifest', 'tagDigest']);
    expect(new Set(owners)).to.deep.equal(new Set([OWNER]));
  });
});
