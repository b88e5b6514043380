import { expect } from 'chai';
import {
  codesOf,
  explainRefusal,
  explainWarnings,
  isRefused,
  type CompiledPolicy,
} from '../../../src/core/policy/index.ts';
import type { Evidence, JudgedImage, Verdict } from '../../../src/core/model/index.ts';
import {
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  IMAGE,
  policyOf,
  verdictOf,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const signed = policyOf({
  authorities: [authority('release', signingKey())],
  require: { signatures: { from: ['release'] } },
});
const ending = policyOf({ require: { lifecycle: {} } });
const eol = (date: string) => evidenceOf({ annotations: { 'dev.pratique.lifecycle.end-of-life': date } });

function judged(container: string, verdict: Verdict): JudgedImage {
  return {
    container,
    field: 'spec.containers[0].image',
    image: 'registry.example.com/shop/web:1.4.0',
    reference: IMAGE,
    verdict,
  };
}
const image = (container: string, policy: CompiledPolicy, evidence: Evidence) =>
  judged(container, verdictOf([policy], { evidence }));

const good = judged('ok', { kind: 'allow', findings: [] });
const unsigned = image('init-db', signed, evidenceOf());
const outdated = image('web', ending, {
  ...eol('2026-01-31'),
  successor: found({ tag: '1.6.2' }),
});
const unreadable = image('side', signed, evidenceOf({ signatures: UNKNOWN_FACT }));

describe('a refusal', () => {
  it('names every refused container with its codes in the first line, and counts', () => {
    expect(explainRefusal([outdated, good, unsigned]).split('\n')[0]).to.equal(
      '2 of 3 images refused: web (PastEndOfLife), init-db (Unsigned)',
    );
  });

  it('then has a line per finding: field, digest, finding, next step, policy', () => {
    const digest = IMAGE.digest.slice(0, 19);
    const subject = `(spec.containers[0].image): registry.example.com/shop/web:1.4.0@${digest}…`;
    expect(explainRefusal([outdated, unsigned]).split('\n').slice(1)).to.deep.equal([
      ` web ${subject}: PastEndOfLife: ended 2026-01-31, says annotation dev.pratique.lifecycle.end-of-life; newest in this line: 1.6.2 [policy production]`,
      ` init-db ${subject}: Unsigned: no signature by authority "release"; none found; have authority "release" sign this digest [policy production]`,
    ]);
  });

  it('lists all refused images, however many there are, and keeps its first line within 130 characters', () => {
    const many = Array.from({ length: 100 }, (_, index) => image(`web-${index}`, signed, evidenceOf()));
    const [first = '', ...lines] = explainRefusal(many).split('\n');
    expect(first).to.have.length.at.most(130);
    expect(first).to.match(/^100 of 100 images refused: web-0 .*…$/);
    expect(lines).to.have.lengthOf(100);
    for (const [index, line] of lines.entries()) expect(line).to.include(` web-${index} (`);
  });

  it('says "temporary, try again" only when a retry may help', () => {
    expect(explainRefusal([unreadable])).to.include('connection refused; try again in a moment');
    expect(explainRefusal([unreadable])).to.match(/\(temporary, try again\)$/);
    expect(explainRefusal([unsigned])).not.to.include('temporary');
  });

  it('leaves out findings that did not refuse', () => {
    const audited = verdictOf([signed, { ...ending, enforcement: 'Audit' }], { evidence: eol('2026-01-31') });
    expect(explainRefusal([judged('web', audited)])).not.to.include('PastEndOfLife');
  });

  it('shows an unreadable reference shortened', () => {
    const { reference, ...rest } = unsigned;
    expect(reference).to.equal(IMAGE);
    const text = explainRefusal([{ ...rest, image: 'x'.repeat(1_000_000) }]);
    expect(text).to.have.length.below(500);
    expect(text).to.include('xxx…: Unsigned');
  });

  it('a line break in a name cannot forge a line', () => {
    const forged = { ...unsigned, container: 'a\n b: all is well', field: 'f\r\u2028g' };
    expect(explainRefusal([forged]).split(/[\r\n\u2028]/)).to.have.lengthOf(2);
  });
});

describe('warnings', () => {
  it('exist once per finding that warns, and not for others', () => {
    const near = image('web', ending, eol('2026-06-20'));
    const lenient = image('side', { ...signed, onUnknown: 'Warn' }, evidenceOf({ signatures: UNKNOWN_FACT }));
    const warnings = explainWarnings([near, lenient, unsigned, good]);
    expect(warnings).to.have.lengthOf(2);
    expect(warnings[0]).to.include('web (').and.to.include('EndOfLifeNear: ends 2026-06-20');
    expect(warnings[1]).to.include('side (').and.to.include('RegistryUnavailable');
  });

  it('have at most 256 characters', () => {
    const long = image(`web-${'x'.repeat(300)}`, { ...signed, enforcement: 'Warn' }, evidenceOf());
    const [warning = ''] = explainWarnings([long]);
    expect(warning).to.have.lengthOf(256).and.to.match(/…$/);
  });

  it('have no field when the finding has none', () => {
    const [warning] = explainWarnings([
      { ...image('web', { ...signed, enforcement: 'Warn' }, evidenceOf()), field: '' },
    ]);
    expect(warning).to.match(/^web: registry\.example\.com/);
  });
});

describe('the reason of a verdict', () => {
  it('is a refusal for deny and unknown, and none for allow and warn', () => {
    const kinds = ['deny', 'unknown', 'warn', 'allow'] as const;
    expect(kinds.map((kind) => isRefused(judged('a', { kind, findings: [] })))).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it('has each code once, in the order of the findings', () => {
    const twice = [...unsigned.verdict.findings, ...outdated.verdict.findings, ...unsigned.verdict.findings];
    expect(codesOf(twice)).to.deep.equal(['Unsigned', 'PastEndOfLife']);
  });

  it('shows for an unpinned image the reference to write', () => {
    const pinned = image('web', policyOf({ require: { digest: {}, lifecycle: {} } }), evidenceOf());
    expect(explainRefusal([pinned])).to.include(`write registry.example.com/shop/web:1.4.0@${IMAGE.digest}`);
  });
});
