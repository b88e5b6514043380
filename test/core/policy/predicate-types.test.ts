import { expect } from 'chai';
import { RELEASE_PREDICATE_TYPE } from '../../../src/core/policy/checks/quarantined.ts';
import {
  describePredicate,
  isVulnerabilityReport,
  REPORT_PREDICATE_TYPES,
} from '../../../src/core/policy/reports/describe.ts';

describe('a statement', () => {
  for (const [type, description] of [
    ['https://slsa.dev/provenance/v0.2', 'SLSA provenance'],
    ['https://slsa.dev/provenance/v1', 'SLSA provenance'],
    ['https://spdx.dev/Document', 'SPDX SBOM'],
    ['https://spdx.dev/Document/v2.3', 'SPDX SBOM'],
    ['application/spdx+json', 'SPDX SBOM'],
    ['https://cyclonedx.org/bom', 'CycloneDX SBOM'],
    ['application/vnd.cyclonedx+json; version=1.6', 'CycloneDX SBOM'],
    ['https://cosign.sigstore.dev/attestation/vuln/v1', 'vulnerability report'],
    ['https://in-toto.io/attestation/vulns/v0.2', 'vulnerability report'],
    ['application/sarif+json; version=2.1.0', 'vulnerability report'],
    [RELEASE_PREDICATE_TYPE, 'release'],
    ['https://slsa.dev/provenance', undefined],
    ['https://spdx.dev/Documents', undefined],
    ['https://evil.example.com/https://slsa.dev/provenance/v1', undefined],
    ['', undefined],
  ] as const) {
    it(`of type "${type}" is ${description ?? 'unknown'}`, () => {
      expect(describePredicate(type)).to.equal(description);
    });
  }

  it('of every report type can hold a vulnerability report', () => {
    expect(REPORT_PREDICATE_TYPES).to.have.length(6);
    expect(REPORT_PREDICATE_TYPES.every(isVulnerabilityReport)).to.equal(true);
  });
});
