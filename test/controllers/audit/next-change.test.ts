import { expect } from 'chai';
import { nextChange } from '../../../src/controllers/audit/judge-group.ts';
import { evidenceOf, NOW, policyOf, referrerOf } from '../../support/policies.ts';

const END_OF_LIFE = 'dev.pratique.lifecycle.end-of-life';
const END_OF_SUPPORT = 'dev.pratique.lifecycle.end-of-support';

interface Row {
  readonly it: string;
  readonly lifecycle?: readonly object[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly referrer?: string;
  readonly is: string | undefined;
}

const plain = { refuse: 'EndOfLife', warnBefore: '0s' };
const ends = { [END_OF_LIFE]: '2026-07-01T00:00:00Z' };

const rows: readonly Row[] = [
  { it: 'is just after the end of life', annotations: ends, is: '2026-07-01T00:00:00.001Z' },
  {
    it: 'is just after the grace period',
    lifecycle: [{ ...plain, gracePeriod: '24h' }],
    annotations: ends,
    is: '2026-07-02T00:00:00.001Z',
  },
  {
    it: 'is the first moment of the warning',
    lifecycle: [{ ...plain, warnBefore: '48h' }],
    annotations: ends,
    is: '2026-06-29T00:00:00.000Z',
  },
  {
    it: 'is the end of life once the warning has begun',
    lifecycle: [{ ...plain, warnBefore: '720h' }],
    annotations: ends,
    is: '2026-07-01T00:00:00.001Z',
  },
  {
    it: 'is the earliest that any policy has',
    lifecycle: [{ ...plain, gracePeriod: '240h' }, plain],
    annotations: ends,
    is: '2026-07-01T00:00:00.001Z',
  },
  {
    it: 'is the earliest that any place claims',
    annotations: ends,
    referrer: '2026-06-20T00:00:00Z',
    is: '2026-06-20T00:00:00.001Z',
  },
  {
    it: 'is not the end of support where that refuses nothing',
    annotations: { [END_OF_SUPPORT]: '2026-06-20' },
    is: undefined,
  },
  { it: 'is nothing after the end', annotations: { [END_OF_LIFE]: '2026-01-01' }, is: undefined },
  { it: 'is nothing without a date', is: undefined },
  { it: 'is nothing when no policy asks', lifecycle: [], annotations: ends, is: undefined },
];

describe('the next moment at which time alone changes a verdict', () => {
  for (const { it: title, lifecycle = [plain], annotations, referrer, is } of rows) {
    it(title, () => {
      const policies = lifecycle.map((one) => policyOf({ require: { lifecycle: one } }));
      const evidence = evidenceOf({
        ...(annotations && { annotations }),
        ...(referrer !== undefined && {
          referrers: {
            state: 'found',
            value: [referrerOf('application/vnd.pratique.lifecycle.v1+json', { [END_OF_LIFE]: referrer })],
            seenAt: NOW,
          },
        }),
      });
      expect(nextChange(evidence, policies, NOW)?.toISOString()).to.equal(is);
    });
  }
});
