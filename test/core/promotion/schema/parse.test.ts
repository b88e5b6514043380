import { expect } from 'chai';
import { parseApproval, parsePromotion, parsePromotionRun } from '../../../../src/core/promotion/index.ts';
import {
  digestOfLetter,
  pathsOf,
  promotionDocument,
  promotionObject,
  promotionSpec,
  readSpec,
  type Written,
} from '../../../support/promotions/promotions.ts';

const parse = (more: Written) => pathsOf(parsePromotion(promotionDocument(more)));
const scan = (block: Written) => ({ promote: { scan: block } });
const key = { pem: '-----BEGIN PUBLIC KEY-----' };
const keyless = { issuer: 'https://issuer.example.com', subjectPattern: '^joe$' };
const at = (name: string, repository = `registry.example.com/${name}`) => ({ repository });

describe('ImagePromotion, read', () => {
  it('has its defaults', () => {
    expect(readSpec()).to.deep.equal({
      source: { repository: 'registry.example.com/quarantine/node', insecure: false },
      target: { repository: 'registry.example.com/golden/node', insecure: false },
      tags: {
        ...{ semver: ['>=22 <25'], include: [], exclude: [], explicit: [] },
        ...{ scheme: 'Semver', suffix: 'Prerelease' },
      },
      platforms: { keep: [], missing: 'Fail' },
      attachments: { carry: 'All', artifactTypes: [], lifecycle: false, late: false },
      onTagExists: 'Overwrite',
      promote: { policies: [], approval: 'Never', attach: { report: true }, deleteSource: false },
      timeZone: 'Etc/UTC',
      suspend: false,
      dryRun: false,
      foreignLayers: 'Report',
      timeout: '30m',
      historyLimits: { succeeded: 3, failed: 5 },
      maxParallelImages: 4,
    });
    expect(readSpec({ mirror: {} }).mirror).to.deep.equal({
      quarantine: true,
      provenance: true,
      history: true,
      force: false,
    });
    expect(readSpec(scan({})).promote?.scan).to.deep.equal({
      scanner: 'Trivy',
      from: 'Image',
      failOn: 'High',
      fixableOnly: false,
      unknownSeverity: 'Block',
      unsupported: 'Unknown',
      maxReportAge: '24h',
      maxDatabaseAge: '168h',
      exceptions: [],
      authorities: [],
    });
  });

  it('read again with its defaults is the same', () => {
    const spec = readSpec({ promote: { scan: {}, sign: { secretRef: { name: 'a' } } } });
    expect(readSpec(spec)).to.deep.equal(spec);
  });

  const table: readonly [title: string, more: Written, paths: readonly string[]][] = [
    ['neither mirror nor promote', { promote: undefined }, ['spec']],
    ['mirror and promote', { mirror: {}, promote: {} }, ['spec']],
    ['the same repository twice', { target: at('quarantine/node') }, ['spec.target.repository']],
    [
      'the same repository under two spellings',
      { source: at('', 'node'), target: at('', 'index.docker.io/library/node') },
      ['spec.target.repository'],
    ],
    ['no way to select', { tags: { exclude: ['a'], minAge: '1h' } }, ['spec.tags']],
    ['Listed without types', { attachments: { carry: 'Listed' } }, ['spec.attachments']],
    [
      'another repository for attachments with None',
      { attachments: { carry: 'None', from: 'a.io/b' } },
      ['spec.attachments.from'],
    ],
    ['types without Listed', { attachments: { artifactTypes: ['a/b'] } }, ['spec.attachments']],
    ['a report without authorities', scan({ from: 'Report' }), ['spec.promote.scan']],
    ['authorities without report', scan({ authorities: [{ name: 'a', keyless }] }), ['spec.promote.scan']],
    ['a signer without key', { promote: { sign: {} } }, ['spec.promote.sign']],
    [
      'a signer with two',
      {
        promote: {
          sign: { secretRef: { name: 'a' }, keyless: { fulcioURL: 'https://f', tsaURL: 'https://t' } },
        },
      },
      ['spec.promote.sign'],
    ],
    [
      'a certificate without proof of time',
      { mirror: { sign: { keyless: { fulcioURL: 'https://f.example.com' } } } },
      ['spec.mirror.sign.keyless'],
    ],
    [
      'a key that is none, and one name twice',
      scan({
        from: 'Report',
        authorities: [
          { name: 'a', key },
          { name: 'a', keyless },
        ],
      }),
      ['spec.promote.scan.authorities[0].key.pem', 'spec.promote.scan.authorities[1].name'],
    ],
    [
      'a pattern of a signer that is none',
      scan({ from: 'Report', authorities: [{ name: 'a', keyless: { ...keyless, subjectPattern: '^($' } }] }),
      ['spec.promote.scan.authorities[0].keyless.subjectPattern'],
    ],
    [
      'everything at once',
      {
        source: at('UPPER'),
        target: at('a', 'registry.example.com/a:1'),
        tags: { semver: ['>>'], include: ['('] },
        timeZone: 'Nowhere/Near',
        ...scan({ exceptions: [{ id: 'a', reason: 'b', until: '2026-13-01' }] }),
      },
      [
        'spec.source.repository',
        'spec.target.repository',
        'spec.tags.semver[0]',
        'spec.tags.include[0]',
        'spec.timeZone',
        'spec.promote.scan.exceptions[0].until',
      ],
    ],
    ['an unknown field', { shedule: '@daily' }, ['spec']],
  ];
  for (const [title, more, paths] of table) {
    it(`refuses ${title}`, () => expect(parse(more)).to.deep.equal(paths));
  }

  it('accepts references to keys, which the run reads', () => {
    const placed = (ref: Written) => ({ name: 'a', key: ref });
    for (const kind of ['secretRef', 'configMapRef']) {
      const authorities = [placed({ [kind]: { name: 'scanner-key', key: 'cosign.pub' } })];
      expect(parse(scan({ from: 'Report', authorities }))).to.deep.equal([]);
    }
  });

  for (const [title, change, path] of [
    ['another version', { apiVersion: 'pratique.dev/v1' }, 'apiVersion'],
    ['another kind', { kind: 'ImagePolicy' }, 'kind'],
    ['no name', { metadata: {} }, 'metadata.name'],
    ['no spec', { spec: undefined }, 'spec'],
  ] as const) {
    it(`refuses ${title}`, () =>
      expect(pathsOf(parsePromotion({ ...promotionDocument(), ...change }))).to.deep.equal([path]));
  }

  it('refuses what is no object', () => {
    for (const document of [null, 'a', 7, []]) expect(parsePromotion(document).ok).to.be.false;
  });
});

describe('ImagePromotionRun, read', () => {
  const run = (template: Written) =>
    parsePromotionRun(
      promotionObject('ImagePromotionRun', {
        promotion: { name: 'node', uid: 'a', generation: 1 },
        trigger: 'Manual',
        template,
      }),
    );

  it('applies the same rules to the promotion in it', () => {
    expect(pathsOf(run(promotionSpec()))).to.deep.equal([]);
    expect(pathsOf(run(promotionSpec({ schedule: 'never' })))).to.deep.equal(['spec.template.schedule']);
    expect(pathsOf(run(promotionSpec({ tags: {} })))).to.deep.equal(['spec.template.tags']);
  });
});

describe('PromotionApproval, read', () => {
  it('waives nothing that it does not name', () => {
    const read = parseApproval(
      promotionObject('PromotionApproval', {
        runName: 'node-1',
        digest: digestOfLetter('a'),
        gateHash: `sha256:${'f'.repeat(64)}`,
        approver: 'joe@example.com',
        decision: 'Approve',
        reason: 'not reachable',
        until: '2026-12-31',
      }),
    );
    expect(read.ok && read.value.spec.waive).to.deep.equal([]);
  });
});
