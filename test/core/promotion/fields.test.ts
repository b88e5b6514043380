import { expect } from 'chai';
import {
  parseApproval,
  parsePromotion,
  parsePromotionRun,
  promotionCrds,
} from '../../../src/core/promotion/index.ts';
import { specFields } from '../../support/crd.ts';
import {
  ENTRY,
  entryRows,
  fill,
  flag,
  long,
  many,
  objectName,
  oneOf,
  someDuration,
  tagRows,
  texts,
  url,
  within,
  type Rows,
} from './field-rows.ts';
import {
  digestOfLetter,
  pathsOf,
  promotionObject,
  promotionSpec,
  valueOf,
  type Written,
} from '../../support/promotions/promotions.ts';

const sideRows = (side: string): Rows => ({
  [`${side}.repository`]: {
    takes: ['registry.example.com:5000/a/b', 'nginx'],
    refuses: [
      '',
      'registry.example.com/a:1',
      'registry.example.com/A',
      `a/b@${digestOfLetter('a')}`,
      long(256),
    ],
  },
  [`${side}.secretRef.name`]: objectName,
  [`${side}.serviceAccountName`]: objectName,
  [`${side}.caSecretRef.name`]: objectName,
  [`${side}.insecure`]: flag,
});

const keyless = { fulcioURL: 'https://fulcio.example.com', rekorURL: 'https://rekor.example.com' };
const signRows = (block: string): Rows => {
  const beside = { [`${block}.keyless`]: keyless };
  return {
    [`${block}.secretRef.name`]: objectName,
    [`${block}.keyless.identity`]: { takes: ['ci-1'], refuses: ['', '../ci', 'a/b', 'A'], beside },
    [`${block}.keyless.fulcioURL`]: { ...url, beside },
    [`${block}.keyless.rekorURL`]: { ...url, beside },
    [`${block}.keyless.tsaURL`]: { ...url, beside },
    [`${block}.format`]: { ...oneOf('Bundle', 'Legacy', 'Both'), beside },
    [`${block}.annotations`]: {
      takes: [{}, { env: 'prod' }],
      refuses: [{ env: 1 }, { env: long(257) }],
      beside,
    },
  };
};

const PROMOTION: Rows = {
  ...entryRows,
  ...sideRows('source'),
  ...sideRows('target'),
  ...tagRows('tags', {}),
  'platforms.keep': texts('linux/arm/v7', ['linux', 'Linux/amd64', 'linux/amd64/', '*'], 32),
  'platforms.missing': oneOf('Fail', 'Skip'),
  'attachments.carry': oneOf('All', 'None'),
  'attachments.artifactTypes': {
    takes: [['application/spdx+json']],
    refuses: [[''], many(33, 'a/b')],
    beside: { 'attachments.carry': 'Listed' },
  },
  'attachments.lifecycle': flag,
  'attachments.from': {
    takes: ['registry.example.com:5000/acme/attestations'],
    refuses: ['', 'registry.example.com/a:1', 'oci:./folder', long(256)],
  },
  'attachments.late': flag,
  targetTag: {
    takes: ['{tag}', 'v{version}', '{tag}-acme', 'acme_{tag}.1'],
    refuses: [
      '',
      'stable',
      '{tag}-{version}',
      '{tag}{tag}',
      '-{tag}',
      '.{tag}',
      '{tag}/x',
      '{tag}:1',
      '{name}',
      '{ tag }',
      '${tag}',
      `{tag}${long(60)}`,
      7,
    ],
  },
  onTagExists: oneOf('Overwrite', 'Skip', 'Fail', 'Backup'),
  'mirror.quarantine': flag,
  'mirror.provenance': flag,
  'mirror.history': flag,
  'mirror.force': flag,
  ...signRows('mirror.sign'),
  'promote.policies': texts('golden', ['', long(254)], 16),
  'promote.scan.scanner': oneOf('Trivy'),
  'promote.scan.server': url,
  'promote.scan.from': oneOf('Image', 'Sbom'),
  'promote.scan.failOn': oneOf('Low', 'Medium', 'High', 'Critical'),
  'promote.scan.fixableOnly': flag,
  'promote.scan.unknownSeverity': oneOf('Block', 'Ignore'),
  'promote.scan.unsupported': oneOf('Unknown', 'Ignore'),
  'promote.scan.maxReportAge': someDuration,
  'promote.scan.maxDatabaseAge': someDuration,
  ...fill(
    {
      'promote.scan.exceptions[].id': { takes: ['CVE-2026-0001'], refuses: ['', long(129)] },
      'promote.scan.exceptions[].until': { takes: ['2026-12-31'], refuses: ['soon', '2026-02-30'] },
      'promote.scan.exceptions[].reason': { takes: ['not reachable'], refuses: ['', long(513)] },
      'promote.scan.exceptions[].images': { takes: [['**/shop/*']], refuses: [['a:b'], ['!a']] },
    },
    { 'promote.scan.exceptions': [{ id: 'CVE-2026-0002', reason: 'not reachable' }] },
  ),
  'promote.approval': oneOf('Never', 'Always', 'OnBlock'),
  'promote.attach.report': flag,
  ...signRows('promote.sign'),
  'promote.supersede.endOfLifeAfter': someDuration,
  'promote.deleteSource': flag,
  schedule: { takes: ['0 3 * * *', '@weekly'], refuses: ['', '0 3 * *', 'never', '0 0 30 2 *', long(129)] },
  timeZone: { takes: ['Etc/UTC', 'Europe/Berlin'], refuses: ['', 'Nowhere/Near', long(65)] },
  suspend: flag,
  dryRun: flag,
  foreignLayers: oneOf('Report', 'Copy', 'Refuse'),
  timeout: { takes: ['30m', '2h'], refuses: ['0s', '-1m', '5'] },
  'historyLimits.succeeded': within(0, 100),
  'historyLimits.failed': within(0, 100),
  maxParallelImages: within(1, 16),
};

const RUN: Rows = {
  'promotion.name': objectName,
  'promotion.uid': { takes: ['4d3a'], refuses: ['', long(65)] },
  'promotion.generation': { takes: [0, 7], refuses: [-1, 1.5, '1'] },
  trigger: oneOf('Schedule', 'Manual', 'Event', 'Change', 'Retry'),
  attempt: { takes: [0, 7], refuses: [-1, 1.5, '1'] },
};

const APPROVAL: Rows = {
  runName: objectName,
  digest: { takes: [digestOfLetter('c')], refuses: ['', 'latest', 'sha256:abc', digestOfLetter('G')] },
  runUID: { takes: ['4d3a'], refuses: ['', long(65)] },
  gateHash: {
    takes: [digestOfLetter('c')],
    refuses: ['', 'f00d', 'sha256:abc', digestOfLetter('G'), long(129)],
  },
  approver: { takes: ['jane@example.com'], refuses: ['', long(254)] },
  decision: oneOf('Approve', 'Deny'),
  waive: texts('CVE-2026-0001', ['', long(129)], 256),
  reason: { takes: ['checked'], refuses: ['', long(513)] },
  until: {
    takes: ['2026-12-31', '2026-12-31T10:00:00Z'],
    refuses: ['', 'tomorrow', '2026-02-30', '31.12.2026'],
  },
};

const runSpec: Written = {
  promotion: { name: 'node', uid: 'a', generation: 1 },
  trigger: 'Schedule',
  template: promotionSpec(),
};
const approvalSpec: Written = {
  runName: 'node-1',
  digest: digestOfLetter('a'),
  gateHash: digestOfLetter('b'),
  approver: 'joe@example.com',
  decision: 'Approve',
  reason: 'not reachable',
  until: '2026-12-31',
};

const KINDS = [
  {
    kind: 'ImagePromotion',
    plural: 'imagepromotions',
    rows: PROMOTION,
    parse: parsePromotion,
    spec: (field: string) =>
      promotionSpec({
        ...(field.startsWith('mirror.') && { mirror: {} }),
        ...(field.startsWith(ENTRY) && { source: {} }),
      }),
    // The schema of authorities is that of ImagePolicy, and tested there.
    elsewhere: 'promote.scan.authorities[]',
  },
  {
    kind: 'ImagePromotionRun',
    plural: 'imagepromotionruns',
    rows: RUN,
    parse: parsePromotionRun,
    spec: () => runSpec,
    elsewhere: 'template.',
  },
  {
    kind: 'PromotionApproval',
    plural: 'promotionapprovals',
    rows: APPROVAL,
    parse: parseApproval,
    spec: () => approvalSpec,
    elsewhere: undefined,
  },
];

/** A spec with values at paths; `[]` = the first of a list. */
function written(spec: Written, values: Written): Written {
  return Object.entries(values).reduce((whole, [field, value]) => put(whole, field.split('.'), value), spec);
}

function put(spec: Written, [name = '', ...rest]: readonly string[], value: unknown): Written {
  if (rest.length === 0) return { ...spec, [name]: value };
  const list = name.endsWith('[]');
  const key = list ? name.slice(0, -2) : name;
  const inner = (list ? (spec[key] as readonly unknown[] | undefined)?.[0] : spec[key]) ?? {};
  const made = put(inner as Written, rest, value);
  return { ...spec, [key]: list ? [made] : made };
}

function valueAt(spec: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => {
    const inner = (at as Written | undefined)?.[name.replace('[]', '')];
    return name.endsWith('[]') ? (inner as readonly unknown[])[0] : inner;
  }, spec);
}

for (const { kind, plural, rows, parse, spec, elsewhere } of KINDS) {
  describe(`every field of ${kind}`, () => {
    for (const [field, { takes, refuses, beside }] of Object.entries(rows)) {
      const path = field.split('.');
      const read = (value: unknown) =>
        parse(promotionObject(kind, written(spec(field), { ...beside, [field]: value })));

      it(`${field} is accepted as it is written`, () => {
        for (const value of takes) {
          expect(valueAt(valueOf<{ spec: unknown }>(read(value)).spec, path)).to.deep.equal(value);
        }
      });

      it(`${field} is refused with its path when it is invalid`, () => {
        const at = `spec.${field.replaceAll('[]', '[0]')}`;
        for (const value of refuses) {
          const paths = pathsOf(read(value));
          expect(
            paths.some((one) => one.startsWith(at)),
            `${JSON.stringify(value)}: ${paths.join()}`,
          ).to.be.true;
        }
      });
    }

    it('has its rows above', () => {
      const fields = specFields(promotionCrds().get(plural)).filter(
        (field) => elsewhere === undefined || !field.startsWith(elsewhere),
      );
      expect(Object.keys(rows).sort()).to.deep.equal([...fields].sort());
    });
  });
}
