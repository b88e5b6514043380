import { expect } from 'chai';
import { readCorpus, readFound } from './corpus.ts';
import { fuzz, tryInput } from './engine/fuzz.ts';
import { objectOf } from '../../src/core/model/index.ts';
import { BrokenLaw, onJson, type Target } from './engine/target.ts';
import { TARGETS } from './targets/index.ts';

/** Inputs that are changed anew in each run of the tests, always the same ones; `npm run fuzz` tries more. */
const FEW_SECONDS = 0.02;

describe('what strangers wrote', () => {
  for (const target of TARGETS) {
    it(`F30: keeps the law of "${target.name}", in its corpus and in all that was ever found`, async () => {
      for (const input of readCorpus(target)) expect((await tryInput(target, input)).why).to.equal(undefined);
      for (const { file, input } of readFound(target))
        expect((await tryInput(target, input)).why, file).to.equal(undefined);
      const run = { target, corpus: readCorpus(target), seed: 1, seconds: FEW_SECONDS };
      expect((await fuzz(run)).findings.map(({ why }) => why)).to.deep.equal([]);
    });
  }
});

describe('the fuzzer', () => {
  const found = async (check: Target['check'], form: Target['form'] = 'json') => {
    const target: Target = { name: 'made-up', form, check };
    const corpus = [Buffer.from('{"images":["nginx",{"tag":"1.4.0"}],"size":7}')];
    return (await fuzz({ target, corpus, seed: 3, seconds: 20, most: 1 })).findings;
  };

  it('F31: finds an input that throws, and makes it small', async () => {
    const check = onJson((document) => {
      if (objectOf(document).size === null) throw new TypeError('no size');
      return 'read';
    });
    const [first] = await found(check);
    expect(first?.why).to.include('no size');
    expect(Buffer.from(first!.input).toString()).to.equal('{"size":null}');
  });

  it('F31: finds an input that breaks a law of its target', async () => {
    const [first] = await found((input) => {
      if (Buffer.from(input).includes('__proto__')) throw new BrokenLaw('keeps prototypes out');
      return 'read';
    });
    expect(first?.why).to.equal('keeps prototypes out');
  });

  it('F31: finds an input that takes too long', async () => {
    const work = (): void => {
      const before = process.cpuUsage().user;
      do for (let rounds = 1_000_000; rounds > 0; rounds -= 1);
      while (process.cpuUsage().user - before < 300_000);
    };
    const [first] = await found((input) => {
      if (input.byteLength !== 45) work();
      return 'read';
    }, 'text');
    expect(first?.why).to.equal('takes more than 250 ms');
  });
});
