export type PredicateDescription =
  'SLSA provenance' | 'SPDX SBOM' | 'CycloneDX SBOM' | 'vulnerability report' | 'release';

/** Predicate types, and media types of reports that no statement wraps. A trailing slash stands for every version. */
const DESCRIPTIONS: readonly (readonly [type: string, description: PredicateDescription])[] = [
  ['https://slsa.dev/provenance/', 'SLSA provenance'],
  ['https://spdx.dev/Document', 'SPDX SBOM'],
  ['https://spdx.dev/Document/', 'SPDX SBOM'],
  ['application/spdx+json', 'SPDX SBOM'],
  ['https://cyclonedx.org/bom', 'CycloneDX SBOM'],
  ['https://cyclonedx.org/bom/', 'CycloneDX SBOM'],
  ['https://cyclonedx.org/schema', 'CycloneDX SBOM'],
  ['application/vnd.cyclonedx+json', 'CycloneDX SBOM'],
  ['https://cosign.sigstore.dev/attestation/vuln/v1', 'vulnerability report'],
  ['https://in-toto.io/attestation/vulns/v0.1', 'vulnerability report'],
  ['https://in-toto.io/attestation/vulns/v0.2', 'vulnerability report'],
  ['application/sarif+json', 'vulnerability report'],
  ['application/vnd.aquasec.trivy.report+json', 'vulnerability report'],
  ['application/vnd.aquasecurity.trivy.report+json', 'vulnerability report'],
  ['https://pratique.dev/release/v1', 'release'],
];

/** Every predicate type and media type under which vulnerability reports are found. */
export const REPORT_PREDICATE_TYPES: readonly string[] = DESCRIPTIONS.flatMap(([type, description]) =>
  description === 'vulnerability report' ? [type] : [],
);

/** Describes a predicate type, or the media type of a report without statement; parameters of a media type do not matter. */
export function describePredicate(predicateType: string): PredicateDescription | undefined {
  const [type = ''] = predicateType.split(';');
  const wanted = type.trim();
  return DESCRIPTIONS.find(([known]) =>
    known.endsWith('/') ? wanted.startsWith(known) : wanted === known,
  )?.[1];
}

/** A version behind a predicate type: `/v1`, `/v2.3`, `/1.5`. */
const VERSION = /^\/v?\d+(?:\.\d+){0,3}$/;

/**
 * Whether a statement of this type is of the kind that is wanted: of exactly this type or, where the wanted one names no
 * version, of any version of it: `https://spdx.dev/Document` is also `https://spdx.dev/Document/v2.3`.
 */
export function isOfType(predicateType: string, wanted: string): boolean {
  if (predicateType === wanted) return true;
  if (!predicateType.startsWith(`${wanted}/`) || VERSION.test(wanted.slice(wanted.lastIndexOf('/'))))
    return false;
  return VERSION.test(predicateType.slice(wanted.length));
}

export function isVulnerabilityReport(predicateType: string): boolean {
  return describePredicate(predicateType) === 'vulnerability report';
}
