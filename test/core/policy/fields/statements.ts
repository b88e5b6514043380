import type { StatementClaim } from '../../../../src/core/model/index.ts';
import {
  evidenceOf,
  found,
  provenBy,
  verdictOf,
  type Asked,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { reportOf, statementOf, TRIVY, unsignedOf } from '../proven.ts';
import { authorities, key, type Row, type Rows } from './row.ts';

const TYPE = 'https://slsa.dev/provenance/v1';
const finishedOn = '2026-06-14T12:00:00Z';
const provenance = statementOf(TYPE, { builder: 'ci', runDetails: { metadata: { finishedOn } } });
const asked = (says: StatementClaim): Asked => ({
  evidence: evidenceOf({ signatures: found([provenBy(key, says)]) }),
});
const attested = (more: WrittenSpec = {}) => ({
  authorities,
  require: { attestations: [{ predicateType: TYPE, from: ['release'], ...more }] },
});
const condition = (cel: string, message = 'wrong builder') => attested({ conditions: [{ cel, message }] });

const ID = 'CVE-2026-0001';
const bad = asked(reportOf(finishedOn, [[ID, 'HIGH']]));
const scanned = (more: WrittenSpec = {}) => ({
  authorities,
  require: { vulnerabilities: { from: ['release'], ...more } },
});
const excepted = (more: WrittenSpec = {}) =>
  scanned({ exceptions: [{ id: ID, reason: 'not reachable', ...more }] });
const at = 'spec.require.vulnerabilities.exceptions[0]';
const statementText: NonNullable<Row['look']> = (policy, given) =>
  verdictOf([policy], given)
    .findings.map((finding) => finding.found)
    .join();

/** The required statements, and their required content. */
export const STATEMENT_ROWS: Rows = {
  'require.attestations[].predicateType': {
    asked: asked(provenance),
    ways: [
      [attested(), 'allow'],
      [attested({ predicateType: 'https://slsa.dev/provenance/v0.2' }), 'deny AttestationMissing'],
    ],
  },
  'require.attestations[].from': {
    asked: asked(provenance),
    ways: [
      [attested(), 'allow'],
      [attested({ from: ['ci'] }), 'deny AttestationMissing'],
    ],
  },
  'require.attestations[].maxAge': {
    asked: asked(provenance),
    ways: [
      [attested({ maxAge: '24h' }), 'allow'],
      [attested({ maxAge: '23h' }), 'deny AttestationTooOld'],
    ],
  },
  'require.attestations[].conditions[].cel': {
    asked: asked(provenance),
    ways: [
      [condition('predicate.builder == "ci"'), 'allow'],
      [condition('predicate.builder == "laptop"'), 'deny AttestationRejected'],
    ],
  },
  'require.attestations[].conditions[].message': {
    asked: asked(provenance),
    look: statementText,
    ways: [
      [condition('false', 'build it on ci'), 'build it on ci'],
      [condition('false', 'not like this'), 'not like this'],
    ],
  },
  'require.vulnerabilities.failOn': {
    asked: bad,
    ways: [
      [scanned(), 'deny Vulnerable'],
      [scanned({ failOn: 'Critical' }), 'allow'],
    ],
  },
  'require.vulnerabilities.fixableOnly': {
    asked: bad,
    ways: [
      [scanned(), 'deny Vulnerable'],
      [scanned({ fixableOnly: true }), 'allow'],
    ],
  },
  'require.vulnerabilities.unknownSeverity': {
    asked: asked(reportOf(finishedOn, [['CVE-2026-0001', 'UNKNOWN']])),
    ways: [
      [scanned(), 'deny Vulnerable'],
      [scanned({ unknownSeverity: 'Ignore' }), 'allow'],
    ],
  },
  'require.vulnerabilities.unsupported': {
    asked: asked(statementOf(TRIVY, { SchemaVersion: 2, CreatedAt: finishedOn })),
    ways: [
      [scanned(), 'unknown ScanIncomplete'],
      [scanned({ unsupported: 'Ignore' }), 'allow'],
    ],
  },
  'require.vulnerabilities.maxReportAge': {
    asked: asked(reportOf(finishedOn)),
    ways: [
      [scanned({ maxReportAge: '24h' }), 'allow'],
      [scanned({ maxReportAge: '23h' }), 'deny ReportTooOld'],
    ],
  },
  'require.vulnerabilities.trust': {
    asked: { evidence: evidenceOf({ signatures: found([unsignedOf(reportOf(finishedOn))]) }) },
    ways: [
      [scanned(), 'deny ReportMissing'],
      [scanned({ trust: 'Unsigned' }), 'allow'],
    ],
  },
  'require.vulnerabilities.from': {
    asked: asked(reportOf(finishedOn)),
    ways: [
      [scanned(), 'allow'],
      [scanned({ from: ['ci'] }), 'deny ReportMissing'],
    ],
  },
  'require.vulnerabilities.exceptions[].id': {
    asked: bad,
    ways: [
      [excepted(), 'allow'],
      [excepted({ id: 'CVE-2026-0002' }), 'deny Vulnerable'],
    ],
  },
  'require.vulnerabilities.exceptions[].until': {
    asked: bad,
    ways: [
      [excepted({ until: '2026-06-15' }), 'allow'],
      [excepted({ until: '2026-06-14' }), 'deny Vulnerable'],
      [excepted({ until: 'soon' }), `problem ${at}.until`],
    ],
  },
  // A reason is text for users; its only effect is that it is required.
  'require.vulnerabilities.exceptions[].reason': {
    asked: bad,
    ways: [
      [excepted(), 'allow'],
      [excepted({ reason: '' }), `problem ${at}.reason`],
    ],
  },
  'require.vulnerabilities.exceptions[].images': {
    asked: bad,
    ways: [
      [excepted({ images: ['**/shop/*'] }), 'allow'],
      [excepted({ images: ['**/bank/*'] }), 'deny Vulnerable'],
    ],
  },
};
