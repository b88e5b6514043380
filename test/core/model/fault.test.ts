import { expect } from 'chai';
import { Fault, parsed, problem } from '../../../src/core/model/index.ts';
import { REASONS } from '../../../src/core/model/reason.ts';

describe('fault', () => {
  it('names the operation, and keeps its cause apart from its message', () => {
    const cause = new Error('secret');
    const fault = new Fault({
      code: 'RegistryUnavailable',
      operation: 'read manifest of registry.example.com/shop/web:1.4',
      side: 'source',
      transient: true,
      detail: 'connection refused',
      cause,
    });
    expect(fault.message).to.equal('read manifest of registry.example.com/shop/web:1.4: connection refused');
    expect(fault).to.include({ name: 'Fault', code: 'RegistryUnavailable', side: 'source', transient: true });
    expect(fault.cause).to.equal(cause);
  });
});

describe('reasons', () => {
  for (const [code, sentence] of Object.entries(REASONS)) {
    it(`${code} is a code with one sentence`, () => {
      expect(code).to.match(/^[A-Z][A-Za-z]+$/);
      expect(sentence)
        .to.match(/^[A-Z].*[^.]\.$/s)
        .and.to.have.length.below(120);
    });
  }
});

describe('parsed', () => {
  it('is a value, or problems with their path', () => {
    expect(parsed(1)).to.deep.equal({ ok: true, value: 1 });
    expect(problem('spec.a', 'is wrong')).to.deep.equal({
      ok: false,
      problems: [{ path: 'spec.a', message: 'is wrong' }],
    });
  });
});
