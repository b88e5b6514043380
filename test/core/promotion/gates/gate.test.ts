import { expect } from 'chai';
import fc from 'fast-check';
import { digestOf, type Digest } from '../../../../src/core/model/index.ts';
import { gateHash, waive, type GateResult, type Waiver } from '../../../../src/core/promotion/gates/gate.ts';
import { judgeScan, type Scanned } from '../../../../src/core/promotion/gates/scan-gate.ts';
import { unreadable, hoursAgo, NOW, rule, scan } from './scans.ts';

const digest = digestOf('an image');
const scope = digestOf('a run');
/** An image with what its gate says. */
interface Gated {
  readonly digest: Digest;
  readonly result: GateResult;
  readonly tag?: string;
  readonly scope?: Digest;
}
const hashOf = (about: Gated) => gateHash({ tag: '1', scope, ...about }, about.result);
const waived = (about: Gated, by: Waiver) => waive({ tag: '1', scope, ...about }, about.result, by, NOW);
const gated = (...scanned: readonly Scanned[]): Gated => ({
  digest,
  result: judgeScan(scanned, rule(), NOW),
});
const waiver = (about: Gated, ids: readonly string[], more: Partial<Waiver> = {}): Waiver => ({
  digest: about.digest,
  gateHash: hashOf(about),
  waive: ids,
  reason: 'needed today',
  until: hoursAgo(-1),
  ...more,
});
const found = (...ids: readonly string[]): Scanned => scan(ids.map((id) => ({ id })));
const ids = fc.uniqueArray(fc.constantFrom('CVE-1', 'CVE-2', 'CVE-3', 'CVE-4', 'CVE-5'), { minLength: 1 });

describe('gateHash', () => {
  it('is a digest', () => {
    expect(hashOf(gated(found('CVE-1')))).to.match(/^sha256:[a-f0-9]{64}$/);
  });

  it('is the same for every order of findings', () => {
    fc.assert(
      fc.property(ids, (some) => {
        expect(hashOf(gated(found(...some)))).to.equal(hashOf(gated(found(...some.toReversed()))));
      }),
    );
  });

  it('changes with every added or removed finding', () => {
    fc.assert(
      fc.property(ids, (some) => {
        const hash = hashOf(gated(found(...some)));
        expect(hashOf(gated(found(...some, 'CVE-9')))).not.to.equal(hash);
        expect(hashOf(gated(found(...some.slice(1))))).not.to.equal(hash);
      }),
    );
  });

  const other: readonly [string, Gated][] = [
    ['another tag', { ...gated(found('CVE-1')), tag: '2' }],
    ['another run', { ...gated(found('CVE-1')), scope: digestOf('another run') }],
    ['another digest', { ...gated(found('CVE-1')), digest: digestOf('another') }],
    ['another package', gated(scan([{ id: 'CVE-1', pkg: 'zlib' }]))],
    ['another severity', gated(scan([{ id: 'CVE-1', severity: 'CRITICAL' }]))],
    ['something unreadable', gated(found('CVE-1'), unreadable())],
  ];
  for (const [what, another] of other) {
    it(`changes with ${what}`, () => expect(hashOf(another)).not.to.equal(hashOf(gated(found('CVE-1')))));
  }

  it('does not change with findings below the threshold, nor with messages', () => {
    const hash = hashOf(gated(found('CVE-1')));
    expect(hashOf(gated(scan([{ id: 'CVE-1' }, { id: 'CVE-2', severity: 'LOW' }])))).to.equal(hash);
  });
});

describe('waive', () => {
  it('passes the findings that it names, and reports its reason and end', () => {
    const about = gated(found('CVE-1', 'CVE-2'));
    const result = waived(about, waiver(about, ['cve-1 ', 'CVE-2']));
    const until = hoursAgo(-1);
    expect(result).to.deep.include({
      answer: 'Pass',
      reason: undefined,
      blocking: [],
      excepted: [
        { id: 'CVE-1', reason: 'needed today', until },
        { id: 'CVE-2', reason: 'needed today', until },
      ],
      exceptionsUntil: until,
    });
  });

  it('still blocks the findings that it does not name', () => {
    const about = gated(found('CVE-1', 'CVE-2'));
    const result = waived(about, waiver(about, ['CVE-1']));
    expect(result).to.deep.include({ answer: 'Block', reason: 'Vulnerable', blocking: ['CVE-2'] });
  });

  it('also applies to ids that the status does not list', () => {
    const many = Array.from({ length: 40 }, (_, n) => `CVE-${n}`);
    const about = gated(found(...many));
    expect(waived(about, waiver(about, many)).answer).to.equal('Pass');
  });

  const idle: readonly [string, (about: Gated) => Waiver][] = [
    ['another image', (about) => waiver(about, ['CVE-1'], { digest: digestOf('another') })],
    ['other findings', (about) => waiver(about, ['CVE-1'], { gateHash: digestOf('') })],
    ['a time that is over', (about) => waiver(about, ['CVE-1'], { until: hoursAgo(1) })],
    ['a time that is none', (about) => waiver(about, ['CVE-1'], { until: new Date(NaN) })],
  ];
  for (const [what, write] of idle) {
    it(`P06 changes nothing when it is for ${what}`, () => {
      const about = gated(found('CVE-1'));
      expect(waived(about, write(about))).to.equal(about.result);
    });
  }

  it('is valid until its last moment', () => {
    const about = gated(found('CVE-1'));
    const last = waiver(about, ['CVE-1'], { until: NOW });
    expect(waived(about, last).answer).to.equal('Pass');
  });

  it('changes nothing for an id that was not found', () => {
    fc.assert(
      fc.property(ids, (some) => {
        const about = gated(found(...some));
        expect(waived(about, waiver(about, ['CVE-9', 'CVE', '']))).to.equal(about.result);
      }),
    );
  });

  it('never turns an unknown result or a missing SBOM into a Pass', () => {
    const bare: Scanned = { kind: 'no-sbom', platform: 'linux/arm64', digest };
    fc.assert(
      fc.property(ids, fc.constantFrom(unreadable(), bare), (some, obstacle) => {
        const about = gated(found(...some), obstacle);
        const result = waived(about, waiver(about, some));
        expect(result.answer).to.equal(about.result.answer).and.not.to.equal('Pass');
      }),
    );
  });
});
