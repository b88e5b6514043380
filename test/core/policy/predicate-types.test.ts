import { expect } from 'chai';
import { compilePolicy } from '../../../src/core/policy/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../../../src/core/policy/checks/quarantined.ts';
import {
  describePredicate,
  isVulnerabilityReport,
  REPORT_PREDICATE_TYPES,
} from '../../../src/core/policy/reports/describe.ts';
import { authority, NO_ROOTS, policyDocument, type WrittenSpec } from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';

const ci = authority('ci', signingKey());

/** Where a policy with these requirements has problems. */
function problemsOf(require: WrittenSpec): readonly string[] {
  const given = { material: () => undefined, roots: NO_ROOTS };
  const policy = compilePolicy(policyDocument({ authorities: [ci], require }), given);
  return policy.ok ? [] : policy.problems.map(({ path }) => path);
}

describe('what is compared as it is', () => {
  it('is refused with a star: the type of a statement', () => {
    const attested = (predicateType: string) => ({ attestations: [{ predicateType, from: ['ci'] }] });
    expect(problemsOf(attested('https://slsa.dev/provenance'))).to.deep.equal([]);
    for (const type of ['https://slsa.dev/provenance/*', 'https://slsa.dev/*/v1', '*'])
      expect(problemsOf(attested(type)), type).to.deep.equal(['spec.require.attestations[0].predicateType']);
  });

  it('is refused with a star: the identifier of an accepted finding', () => {
    const accepted = (id: string) => ({
      vulnerabilities: { from: ['ci'], exceptions: [{ id, reason: 'not reachable' }] },
    });
    expect(problemsOf(accepted('CVE-2026-0001'))).to.deep.equal([]);
    expect(problemsOf(accepted('CVE-2026-*'))).to.deep.equal([
      'spec.require.vulnerabilities.exceptions[0].id',
    ]);
  });
});

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
