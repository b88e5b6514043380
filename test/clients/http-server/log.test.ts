import { expect } from 'chai';
import { createLog } from '../../../src/clients/http-server/index.ts';

describe('createLog', () => {
  const written: string[] = [];
  const log = createLog((line) => written.push(line));
  beforeEach(() => {
    written.length = 0;
  });

  it('writes one JSON line per call, with time, level, constant message and fields', () => {
    log.info({ verdict: 'deny', reasons: ['Unsigned'], name: 'a\nb' }, 'decided');
    log.warn({}, 'odd');
    expect(written).to.have.length(2);
    expect(written.join('')).to.match(/^[^\n]+\n[^\n]+\n$/);
    const line = JSON.parse(written[0] ?? '') as Record<string, unknown>;
    expect(line).to.deep.include({
      level: 30,
      msg: 'decided',
      verdict: 'deny',
      reasons: ['Unsigned'],
      name: 'a\nb',
    });
    expect(new Date(String(line.time)).getTime()).to.be.closeTo(Date.now(), 5_000);
    expect(line).not.to.have.any.keys('pid', 'hostname');
  });

  it('keeps stack and causes of an error', () => {
    log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'internal error');
    const { err } = JSON.parse(written[0] ?? '') as { err: { message: string; stack: string } };
    expect(err.message).to.equal('outer: inner');
    expect(err.stack).to.include('log.test.ts').and.to.include('inner');
  });
});
