import { expect } from 'chai';
import { parse } from 'yaml';
import { digestOf } from '../../src/core/model/index.ts';
import type { ImageResult } from '../../src/core/promotion/index.ts';
import { approvalForms } from '../../src/cli/promotion/report.ts';

const row = (count: number, decision: ImageResult['decision'] = 'AwaitingApproval'): ImageResult => ({
  tag: '1.0.0',
  digest: digestOf('image'),
  decision,
  gateHash: `sha256:${'b'.repeat(64)}`,
  blocking: Array.from({ length: count }, (_, index) => `CVE-2026-${String(index)}`),
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
});
const waivedIn = (form: string): readonly string[] =>
  (parse(form.slice(form.indexOf('---'))) as { spec: { waive: string[] } }).spec.waive;

describe('the approval form that a run prints', () => {
  it('names everything that blocks the image', () => {
    const form = approvalForms([row(50)]);
    expect(waivedIn(form)).to.deep.equal(row(50).blocking);
    expect(form).to.not.include('more block it');
  });

  it('reports findings that it has no room for', () => {
    const form = approvalForms([row(300)]);
    expect(waivedIn(form)).to.have.lengthOf(256);
    expect(form).to.match(/^# 44 more block it/m);
  });

  it('exists only for an image that waits', () => {
    expect(approvalForms([row(1, 'Blocked'), row(1, 'Promoted')])).to.equal('');
  });
});
