import { expect } from 'chai';
import { gatesOf, weakenedGates } from '../../../../src/core/promotion/index.ts';
import { MAX_GATE_LENGTH, MAX_GATES } from '../../../../src/core/promotion/schema/promotion-status.ts';
import { readSpec } from '../../../support/promotions/promotions.ts';

interface Change {
  readonly promote?: object | undefined;
  readonly scan?: object | undefined;
  readonly more?: object;
}

const spec = ({ promote = {}, scan = {}, more = {} }: Change) =>
  readSpec({
    source: { repository: 'registry.example.com/quarantine/app' },
    target: { repository: 'registry.example.com/golden/app' },
    tags: { explicit: ['1.0'], minAge: '24h' },
    promote: {
      ...{ approval: 'OnBlock', policies: ['signed', 'fresh'], sign: { secretRef: { name: 'key' } } },
      scan: { failOn: 'High', maxReportAge: '24h', exceptions: [{ id: 'CVE-1', reason: 'x' }], ...scan },
      ...promote,
    },
    ...more,
  });
const weaker = (before: Change, after: Change) => weakenedGates(gatesOf(spec(before)), gatesOf(spec(after)));
const two = [
  { id: 'CVE-1', reason: 'x' },
  { id: 'CVE-2', reason: 'y' },
];

describe('gates of a promotion that were weakened', () => {
  /** From the stronger to the weaker form, with the field that is named. */
  const pairs: readonly (readonly [string, Change, Change])[] = [
    ['promote.approval', { promote: { approval: 'Always' } }, { promote: { approval: 'OnBlock' } }],
    ['promote.approval', { promote: { approval: 'OnBlock' } }, { promote: { approval: 'Never' } }],
    ['promote.scan.failOn', {}, { scan: { failOn: 'Critical' } }],
    ['promote.scan.fixableOnly', {}, { scan: { fixableOnly: true } }],
    ['promote.scan.unknownSeverity', {}, { scan: { unknownSeverity: 'Ignore' } }],
    ['promote.scan.unsupported', {}, { scan: { unsupported: 'Ignore' } }],
    ['promote.scan.maxReportAge', {}, { scan: { maxReportAge: '25h' } }],
    ['promote.scan.maxDatabaseAge', {}, { scan: { maxDatabaseAge: '1000h' } }],
    ['promote.scan.exceptions[]', {}, { scan: { exceptions: two } }],
    ['promote.policies[]', {}, { promote: { policies: ['signed'] } }],
    ['promote.attach.report', {}, { promote: { attach: { report: false } } }],
    ['promote.deleteSource', {}, { promote: { deleteSource: true } }],
    ['promote.scan.failOn', {}, { promote: { scan: undefined } }],
    ['promote.sign.secretRef.name', {}, { promote: { sign: undefined } }],
    ['tags.minAge', {}, { more: { tags: { explicit: ['1.0'], minAge: '1h' } } }],
    ['tags.minAge', {}, { more: { tags: { explicit: ['1.0'] } } }],
    [
      'tags.minAgeBy',
      {},
      { more: { tags: { explicit: ['1.0'], minAge: { duration: '24h', by: 'Claimed' } } } },
    ],
    ['suspend', { more: { suspend: true } }, {}],
    ['dryRun', { more: { dryRun: true } }, {}],
    [
      'target.insecure',
      {},
      { more: { target: { repository: 'registry.example.com/golden/app', insecure: true } } },
    ],
    ['attachments.carry', {}, { more: { attachments: { carry: 'None' } } }],
  ];
  for (const [field, strong, weak] of pairs) {
    it(`A03 reports ${field}: ${JSON.stringify(weak)}`, () => {
      expect(weaker(strong, weak).some((one) => one.startsWith(`${field} `))).to.equal(true);
    });
  }

  it('reports no gate that is as strong, or stronger', () => {
    for (const [field, strong, weak] of pairs.filter(([one]) => one !== 'attachments.carry')) {
      expect(weaker(weak, strong), field).to.deep.equal([]);
      expect(weaker(strong, strong), field).to.deep.equal([]);
    }
  });

  it('A03 reports another source or target, signer, scanner server and every authority', () => {
    const place = { repository: 'registry.example.com/production/app' };
    const authority = { name: 'scanner', key: { secretRef: { name: 'key', key: 'cosign.pub' } } };
    const from = { from: 'Report', authorities: [authority] };
    expect(weaker({}, { more: { target: place } })).to.deep.equal([
      'target.repository was registry.example.com/golden/app, is registry.example.com/production/app',
    ]);
    expect(weaker({}, { more: { source: place } })).to.have.lengthOf(1);
    expect(weaker({}, { promote: { sign: { secretRef: { name: 'other' } } } })).to.have.lengthOf(1);
    expect(weaker({}, { scan: from })).to.deep.include('promote.scan.from was Image, is Report');
    const more = { from: 'Report', authorities: [authority, { ...authority, name: 'mine' }] };
    expect(weaker({ scan: from }, { scan: more })).to.have.lengthOf(1);
  });

  it('A03 reports a repository more, and other tags of one, by its name', () => {
    const of = (...repositories: readonly object[]) => ({ more: { source: { repositories } } });
    const node = { from: 'registry.example.com/quarantine/node' };
    const all = { from: 'registry.example.com/quarantine/*' };
    const added = weaker(of(node), of(node, all));
    expect(added).to.have.lengthOf(1);
    expect(added[0]).to.match(
      /^source\.repositories\[\] has registry\.example\.com\/quarantine\/\* [0-9a-f]{12}$/,
    );
    const younger = { ...node, tags: { semver: ['*'], minAge: '1h' } };
    expect(weaker(of(node), of(younger)).join()).to.include(`has ${node.from} `);
    expect(weaker(of(node), of(node))).to.deep.equal([]);
  });

  it('A03 reports an exception that holds longer, by its id', () => {
    const until = (day: string) => ({ scan: { exceptions: [{ id: 'CVE-1', reason: 'x', until: day }] } });
    const [one = '', ...others] = weaker(until('2026-01-01'), until('2099-01-01'));
    expect(one).to.match(/^promote\.scan\.exceptions\[\] has CVE-1 [0-9a-f]{12}$/);
    expect(others).to.deep.equal([]);
  });

  it('A03 lets neither annotations nor exceptions displace or hide another gate', () => {
    const many = Array.from({ length: 600 }, (_, n) => [`${'a'.repeat(300)}${n}`, 'x='] as const);
    const sign = { secretRef: { name: 'key' }, annotations: Object.fromEntries(many) };
    const exceptions = Array.from({ length: 256 }, (_, n) => ({ id: `CVE-${n}`, reason: 'x' }));
    const target = { repository: 'registry.example.com/production/app' };
    const found = weaker(
      {},
      { promote: { approval: 'Never', sign }, scan: { exceptions }, more: { target, dryRun: false } },
    );
    const first = found.slice(0, 3).map((one) => one.split(' ')[0]);
    expect(first).to.include.members(['promote.approval', 'target.repository']);
    const renamed = {
      promote: { sign: { ...sign, annotations: { ...sign.annotations, [many[9]?.[0] ?? '']: 'y' } } },
    };
    expect(weaker({ promote: { sign } }, renamed)).to.have.lengthOf(1);
  });

  it('has room for every promotion that can be written', () => {
    const exceptions = Array.from({ length: 256 }, (_, n) => ({ id: `${'X'.repeat(120)}${n}`, reason: 'x' }));
    const gates = gatesOf(spec({ scan: { exceptions } }));
    expect(gates.length).to.be.within(256, MAX_GATES - 1);
    expect(Math.max(...gates.map(({ length }) => length))).to.be.lessThan(MAX_GATE_LENGTH);
  });
});
