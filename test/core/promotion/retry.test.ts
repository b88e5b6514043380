import { expect } from 'chai';
import pLimit from 'p-limit';
import { Fault } from '../../../src/core/model/index.ts';
import { createPatience, tryAgain, type Waiting } from '../../../src/core/promotion/retry.ts';

const fault = (transient = true) =>
  new Fault({ code: 'RegistryUnavailable', operation: 'ask', side: 'source', transient, detail: '502' });

/** Asks for pieces, 16 at a time, of which each try is answered by `answer`. */
async function ask(pieces: number, answer: (piece: number, attempt: number) => Error | undefined) {
  let [waits, tries, failed] = [0, 0, 0];
  const waiting: Waiting = {
    pause: () => {
      waits += 1;
      return Promise.resolve();
    },
    restOf: () => Promise.resolve({ side: 'source', ms: 0 }),
    patience: createPatience(),
  };
  const limit = pLimit(16);
  const one = async (piece: number): Promise<void> => {
    let attempt = 0;
    const work = (): Promise<void> => {
      tries += 1;
      attempt += 1;
      const error = answer(piece, attempt);
      return error ? Promise.reject(error) : Promise.resolve();
    };
    await tryAgain(work, waiting, new AbortController().signal).catch(() => {
      failed += 1;
    });
  };
  await Promise.all(Array.from({ length: pieces }, (_, piece) => limit(() => one(piece))));
  return { waits, tries, failed };
}

describe('trying again', () => {
  it('P33 ends soon for a thousand pieces of a registry that is down', async () => {
    const { waits, tries, failed } = await ask(1_000, () => fault());
    expect(failed).to.equal(1_000);
    // The first sixteen have three tries each, and those that begin meanwhile; the others one.
    expect(waits).to.be.at.most(16 * 2 * 2);
    expect(tries).to.be.at.most(1_000 + 16 * 2 * 2);
  });

  it('P33 goes on for each piece of a registry that fails now and then', async () => {
    const answer = (piece: number, attempt: number) => (piece % 2 === 0 && attempt < 3 ? fault() : undefined);
    const { tries, failed } = await ask(200, answer);
    expect([failed, tries]).to.deep.equal([0, 400]);
  });

  it('P33 what is refused for good costs no patience', async () => {
    const { tries, failed } = await ask(100, (piece, attempt) => {
      if (piece < 50) return fault(false);
      return attempt < 3 ? fault() : undefined;
    });
    expect([failed, tries]).to.deep.equal([50, 50 + 150]);
  });
});
