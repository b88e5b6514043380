import { expect } from 'chai';
import {
  reportRecord,
  VULNERABILITY_PREDICATE_TYPE,
  vulnerabilityStatement,
  type ScanRecord,
} from '../../../../src/core/promotion/records/report.ts';
import {
  findPlainStatement,
  STATEMENT_ANNOTATION,
  statementDigest,
} from '../../../../src/core/promotion/records/statement.ts';
import { parseJson } from '../../../../src/core/model/index.ts';
import type { WrittenStatement } from '../../../../src/core/promotion/index.ts';
import { authority, policyOf } from '../../../support/policies.ts';
import { scanReport } from '../../../support/promotions/scan-reports.ts';
import { signingKey } from '../../../support/signing.ts';
import { createBench, shortly } from '../../../support/verification.ts';
import { attach, image, listed, statementOf, subject } from './made.ts';

const finishedAt = new Date('2026-06-15T11:00:00Z');
const printed = {
  SchemaVersion: 2,
  Results: [
    {
      Vulnerabilities: [
        { VulnerabilityID: 'CVE-2026-1', Severity: 'HIGH', PkgName: 'zlib', FixedVersion: '2' },
      ],
    },
  ],
};
const record: ScanRecord = {
  scan: {
    report: scanReport(printed).report,
    scanner: { name: 'trivy', version: '0.74.0' },
    databaseUpdatedAt: new Date('2026-06-15T06:00:00Z'),
    startedAt: new Date('2026-06-15T10:59:00Z'),
    finishedAt,
  },
  source: { registry: 'registry.example.com', repository: 'quarantine/web', tag: '1.4.0' },
  method: 'image',
  threshold: 'High',
  exceptions: ['CVE-2026-2', 'CVE-2026-3'],
};

const recordOf = (about: ScanRecord, digest = image.digest) => {
  const statement = vulnerabilityStatement({ ...image, digest }, about.scan);
  return reportRecord(statement, about, { ...subject, digest });
};

describe('a scan report beside an image', () => {
  it('is a vulnerability statement of cosign about exactly this image', () => {
    const statement = statementOf(recordOf(record));
    expect(statement).to.deep.equal(parseJson(vulnerabilityStatement(image, record.scan).json));
    expect(statement.predicateType).to.equal(VULNERABILITY_PREDICATE_TYPE);
    expect(statement.predicate).to.deep.include({
      scanner: {
        uri: 'trivy',
        version: '0.74.0',
        db: { uri: '', version: '', lastUpdate: '2026-06-15T06:00:00Z' },
        result: printed,
      },
      metadata: { scanStartedOn: '2026-06-15T10:59:00Z', scanFinishedOn: '2026-06-15T11:00:00Z' },
    });
  });

  it('has a summary in the annotations that promotion workflows read', () => {
    const { annotations } = listed(recordOf(record));
    expect(annotations).to.include({
      'in-toto.io/predicate-type': VULNERABILITY_PREDICATE_TYPE,
      'com.cssc.scan.source': 'registry.example.com/quarantine/web',
      'com.cssc.scan.tag': '1.4.0',
      'com.cssc.scan.threshold': 'HIGH',
      'com.cssc.scan.exceptions': 'CVE-2026-2|CVE-2026-3',
      'com.cssc.scan.scanner': 'trivy',
      'com.cssc.scan.scanner-version': '0.74.0',
      'com.cssc.scan.method': 'image',
    });
    expect(annotations).not.to.have.property('com.cssc.scan.override');
  });

  it('names who approved the image in spite of it, where, and that there are no exceptions', () => {
    const override = {
      approver: 'alice',
      decidedIn: 'https://ci.example.com/1',
      waived: ['CVE-2026-1', 'CVE-2026-9'],
    };
    const { annotations } = listed(recordOf({ ...record, exceptions: [], override }));
    expect(annotations).to.include({
      'com.cssc.scan.override': 'true',
      'com.cssc.scan.override-approver': 'alice',
      'com.cssc.scan.override-issue': 'https://ci.example.com/1',
      'com.cssc.scan.override-cves': 'CVE-2026-1|CVE-2026-9',
      'com.cssc.scan.exceptions': '',
    });
    expect(annotations).not.to.have.property('com.cssc.scan.sbom-predicate-type');
  });

  it('names the kinds of the SBOMs that were scanned, and the file as which oras pulls it', () => {
    const sbomTypes = ['https://cyclonedx.org/bom', 'https://spdx.dev/Document'];
    const made = recordOf({ ...record, method: 'sbom', sbomTypes });
    expect(listed(made).annotations).to.include({
      'com.cssc.scan.method': 'sbom',
      'com.cssc.scan.sbom-predicate-type': 'https://cyclonedx.org/bom|https://spdx.dev/Document',
      'org.opencontainers.image.title': 'vuln-attestation.json',
    });
    const [layer] = made.content.manifest.layers;
    expect(layer?.annotations).to.have.property('org.opencontainers.image.title', 'vuln-attestation.json');
  });

  it('is found again by its content', () => {
    const referrers = [listed(recordOf(record))];
    const again = vulnerabilityStatement(image, record.scan);
    const newer = vulnerabilityStatement(image, { ...record.scan, finishedAt: new Date() });
    const find = (statement: WrittenStatement) =>
      findPlainStatement(referrers, VULNERABILITY_PREDICATE_TYPE, {
        [STATEMENT_ANNOTATION]: statementDigest(statement),
      });
    expect(find(again)).to.equal(referrers[0]);
    expect(find(newer)).to.equal(undefined);
  });

  it('satisfies a policy that accepts unsigned reports', async () => {
    const fixture = createBench();
    const name = 'registry.example.com/golden/web';
    const digest = fixture.registry.push(name, { tag: '1.4.0' });
    attach(fixture.registry, name, recordOf(record, digest));
    const judge = async (failOn: string) => {
      const vulnerabilities = { failOn, trust: 'Unsigned' };
      const policy = policyOf({
        require: { vulnerabilities },
        authorities: [authority('release', signingKey())],
      });
      return shortly(await fixture.judge([`${name}:1.4.0`], [policy]));
    };
    expect(await judge('High')).to.deep.equal(['deny Vulnerable']);
    expect(await judge('Critical')).to.deep.equal(['allow']);
  });
});
