import { expect } from 'chai';
import { errorCode } from '../../../src/core/model/index.ts';
import { createReach, Unreachable } from '../../../src/clients/http/index.ts';
import { rememberAddresses } from '../../../src/clients/http/resolver.ts';
import { createVirtualTime } from '../../support/virtual-time.ts';

const NAME = 'registry.example.com';
const [OLD, NEW] = ['203.0.113.7', '203.0.113.8'];

/** How a stand-in for DNS answers a name: with addresses, with an error, or not. */
type Answer = readonly string[] | Error | 'silent';

const dnsError = (code: string): Error => Object.assign(new Error(code), { code });

function openMemory(answers: Record<string, Answer> = { [NAME]: [OLD] }) {
  const time = createVirtualTime();
  const asked: string[] = [];
  const silent = new Map<string, ((addresses: readonly string[]) => void)[]>();
  const resolve = (name: string): Promise<readonly string[]> => {
    asked.push(name);
    const answer = answers[name] ?? dnsError('ENOTFOUND');
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== 'silent') return Promise.resolve(answer);
    const { promise, resolve: say } = Promise.withResolvers<readonly string[]>();
    silent.set(name, [...(silent.get(name) ?? []), say]);
    return promise;
  };
  const wait = (ms: number): Promise<void> => new Promise((over) => void time.after(ms, over));
  const now = (): Date => new Date(time.now());
  const memory = rememberAddresses({ now, resolve, wait });
  /** Milliseconds that an ask takes, and what it yields. */
  const ask = async (name = NAME): Promise<{ readonly took: number; readonly is: unknown }> => {
    const begun = time.now();
    const outcome = memory.of(name).then(
      (addresses) => ({ took: time.now() - begun, is: addresses[0] }),
      (error: unknown) => ({ took: time.now() - begun, is: errorCode(error) }),
    );
    await time.advance(1_000);
    return Promise.race([outcome, Promise.resolve({ took: Infinity, is: 'waits' })]);
  };
  const answer = (name: string, addresses: readonly string[]): void => {
    for (const say of silent.get(name) ?? []) say(addresses);
    silent.delete(name);
  };
  return { memory, ask, answer, answers, asked, time };
}

describe('addresses while DNS does not answer', () => {
  it('N05 are those that are remembered, after a short wait for all who ask together', async () => {
    const { memory, ask, answers, asked, time } = openMemory();
    expect(await ask()).to.deep.equal({ took: 0, is: OLD });
    answers[NAME] = 'silent';
    await time.advance(60_000);
    const others = [memory.of(NAME), memory.of(NAME)];
    expect(await ask()).to.deep.equal({ took: 300, is: OLD });
    expect(await Promise.all(others)).to.deep.equal([[OLD], [OLD]]);
    expect(asked).to.have.length(2);
  });

  it('N05 are waited for once, not by each request of an admission', async () => {
    const { ask, answers, asked, time } = openMemory();
    await ask();
    answers[NAME] = 'silent';
    await time.advance(60_000);
    await ask();
    for (const request of [1, 2, 3])
      expect(await ask(), `request ${request}`).to.deep.equal({ took: 0, is: OLD });
    expect(asked).to.have.length(2);
  });

  it('N05 are replaced by an answer that comes late', async () => {
    const { ask, answer, answers, time } = openMemory();
    await ask();
    answers[NAME] = 'silent';
    await time.advance(60_000);
    await ask();
    answer(NAME, [NEW]);
    expect(await ask()).to.deep.equal({ took: 0, is: NEW });
  });

  it('N05 are asked for again only after some seconds when DNS fails', async () => {
    const { ask, answers, asked, time } = openMemory();
    await ask();
    answers[NAME] = dnsError('EAI_AGAIN');
    await time.advance(60_000);
    for (const request of [1, 2, 3])
      expect(await ask(), `request ${request}`).to.deep.equal({ took: 0, is: OLD });
    expect(asked).to.have.length(2);
    answers[NAME] = [NEW];
    await time.advance(10_000);
    expect(await ask()).to.deep.equal({ took: 0, is: NEW });
  });

  it('N05 end after nine minutes, however often they were used', async () => {
    const { memory, ask, answers, time } = openMemory();
    await ask();
    answers[NAME] = dnsError('EAI_AGAIN');
    for (let minute = 1; minute < 9; minute += 1) {
      await time.advance(60_000 - 1_000);
      expect(await ask(), `after ${minute} minutes`).to.have.property('is', OLD);
    }
    expect(memory.knows(NAME)).to.equal(true);
    await time.advance(60_000);
    expect(memory.knows(NAME)).to.equal(false);
    expect(await ask()).to.have.property('is', 'EAI_AGAIN');
  });

  it('N05 end at once when DNS says that there is no such name', async () => {
    const { ask, answers, time } = openMemory();
    await ask();
    answers[NAME] = dnsError('ENOTFOUND');
    await time.advance(60_000);
    expect(await ask()).to.have.property('is', 'ENOTFOUND');
  });

  it('N05 do not stand in for a name that is new', async () => {
    const { ask, answers } = openMemory();
    await ask();
    answers['new.example.com'] = 'silent';
    expect(await ask('new.example.com')).to.have.property('is', 'waits');
  });

  it('N14 names whose DNS is silent keep no thread from a name that is new', async () => {
    const slow = ['a', 'b', 'c', 'd'].map((label) => `${label}.evil.example.com`);
    const { ask, answers, asked, time } = openMemory(
      Object.fromEntries([...slow, NAME].map((name) => [name, [OLD]])),
    );
    for (const name of slow) await ask(name);
    for (const name of slow) answers[name] = 'silent';
    await time.advance(60_000);
    asked.length = 0;
    for (const name of slow) expect(await ask(name)).to.have.property('is', OLD);
    expect(asked).to.deep.equal([slow[0]]);
    expect(await ask()).to.deep.equal({ took: 0, is: OLD });
  });
});

describe('remembered addresses and the rules of addresses', () => {
  it('N03 a remembered address is judged again, and an answer that comes late, too', async () => {
    const time = createVirtualTime();
    let own: readonly string[] | undefined = [OLD];
    const late = Promise.withResolvers<readonly string[]>();
    const resolve = () => (own ? Promise.resolve(own) : late.promise);
    const now = () => new Date(time.now());
    const reach = createReach({ now, resolve, privateRegistries: 'Refuse' });
    const outcome = (): Promise<unknown> => reach.named(NAME).catch((error: unknown) => error);
    const connect = (): Promise<unknown> =>
      new Promise((over) => {
        reach.lookup('public')(NAME, { all: true }, (error, addresses) => over(error ?? addresses));
      });
    expect(await outcome()).to.equal('public');
    own = undefined;
    await time.advance(60_000);
    expect(await outcome()).to.equal('public');
    expect(await connect()).to.deep.equal([{ address: OLD, family: 4 }]);
    late.resolve(['10.1.0.5']);
    await time.advance(0);
    expect(await outcome()).to.be.instanceOf(Unreachable);
    expect(await connect())
      .to.have.property('message')
      .which.includes('have changed');
  });
});
