import { expect } from 'chai';
import type { Fact } from '../../../src/core/model/index.ts';
import { namespaceReader, MAX_SILENCE_MS } from '../../../src/controllers/policies/keep-policies.ts';
import type { NamespaceSource } from '../../../src/controllers/policies/policy-store.ts';
import { ABSENT, UNKNOWN_FACT, found, NOW } from '../../support/policies.ts';
import { forever } from '../../support/verification.ts';

type Labels = Readonly<Record<string, string>>;

function reader(given: Partial<NamespaceSource>) {
  const asked: string[] = [];
  const source: NamespaceSource = {
    cached: () => undefined,
    confirmedMsAgo: () => 0,
    ask: () => Promise.resolve(ABSENT),
    ...given,
  };
  const ask: NamespaceSource['ask'] = (name, signal) => {
    asked.push(name);
    return source.ask(name, signal);
  };
  const read = namespaceReader({ ...source, ask }, () => NOW);
  return { asked, read: (name: string) => read(name, forever()) };
}

const labels = (fact: Fact<Labels>) => (fact.state === 'found' ? fact.value : fact.state);
const production = () => ({ env: 'production' });

describe('labels of a namespace', () => {
  it('come from the cache, with the name that the API server adds', async () => {
    const { read, asked } = reader({ cached: production });
    expect(labels(await read('shop'))).to.deep.equal({
      env: 'production',
      'kubernetes.io/metadata.name': 'shop',
    });
    expect(asked).to.be.empty;
  });

  it('come from the API server for a namespace that is too new for the cache', async () => {
    const { read, asked } = reader({ ask: () => Promise.resolve(found({ env: 'test' })) });
    expect(labels(await read('shop'))).to.include({ env: 'test' });
    expect(asked).to.deep.equal(['shop']);
  });

  it('are not taken from a cache whose watch receives nothing', async () => {
    const { read } = reader({
      cached: production,
      confirmedMsAgo: () => MAX_SILENCE_MS + 1,
      ask: () => Promise.resolve(found({ env: 'test' })),
    });
    expect(labels(await read('shop'))).to.include({ env: 'test' });
  });

  for (const [what, answer, transient] of [
    ['does not exist', ABSENT, true],
    ['cannot be read', UNKNOWN_FACT, true],
  ] as const) {
    it(`B09: a namespace that ${what} is unknown`, async () => {
      const fact = await reader({ ask: () => Promise.resolve(answer) }).read('shop');
      expect(fact).to.deep.include({ state: 'unknown', transient });
      expect(fact.state === 'unknown' && fact.reason.code).to.equal('NamespaceUnknown');
    });
  }

  it('are unknown without a namespace', async () => {
    const { read, asked } = reader({});
    expect((await read('')).state).to.equal('unknown');
    expect(asked).to.be.empty;
  });

  it('cannot override the name of the namespace', async () => {
    const { read } = reader({ cached: () => ({ 'kubernetes.io/metadata.name': 'other' }) });
    expect(labels(await read('shop'))).to.deep.equal({ 'kubernetes.io/metadata.name': 'shop' });
  });
});
