import type { Annotations, Problem } from '../../model/index.ts';
import type { Authority } from './authority.ts';
import { compileCondition, type Condition } from '../cel/condition.ts';
import { at, type Authorities } from './authorities.ts';
import { durationMs } from '../time.ts';
import { compileImageGlob } from './image-globs.ts';
import { parseTime } from '../time.ts';
import type { Severity } from '../reports/severity.ts';
import type { ImagePolicySpec } from '../schema.ts';

/** What a policy asks, ready to be checked; an absent part asks nothing. */
export interface Requirements {
  readonly digest: boolean;
  readonly signatures?: SignatureRequirement;
  readonly quarantine?: QuarantineRequirement;
  readonly lifecycle?: LifecycleRequirement;
  readonly attestations: readonly AttestationRequirement[];
  readonly vulnerabilities?: VulnerabilityRequirement;
}

export interface SignatureRequirement {
  readonly from: readonly Authority[];
  readonly atLeast: number;
  readonly annotations: Annotations;
  readonly everyChild: boolean;
}

export interface QuarantineRequirement {
  readonly annotations: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly artifactTypes: readonly string[];
  readonly byPlace: (name: string) => boolean;
  readonly releasedBy: readonly Authority[];
}

export interface LifecycleRequirement {
  readonly refuse: 'EndOfLife' | 'EndOfSupport';
  readonly warnBeforeMs: number;
  readonly gracePeriodMs: number;
  readonly annotations: readonly { readonly key: string; readonly says: 'EndOfLife' | 'EndOfSupport' }[];
  readonly artifactTypes: readonly string[];
  readonly required: boolean;
}

export interface AttestationRequirement {
  readonly predicateType: string;
  readonly from: readonly Authority[];
  readonly maxAgeMs?: number;
  readonly conditions: readonly { readonly condition: Condition; readonly message: string }[];
}

export interface VulnerabilityRequirement {
  readonly failOn: Severity;
  readonly fixableOnly: boolean;
  readonly maxReportAgeMs?: number;
  /** Whether an unsigned report counts. */
  readonly unsigned: boolean;
  readonly from: readonly Authority[];
  readonly exceptions: readonly VulnerabilityException[];
}

export interface VulnerabilityException {
  readonly id: string;
  /** The last moment it holds; absent = no end. */
  readonly until?: Date;
  readonly reason: string;
  readonly coversImage: (name: string) => boolean;
}

type Written = ImagePolicySpec['require'];

/** Compiles what a policy asks; problems go to `problems` by field path. */
export function compileRequirements(
  { digest, signatures, quarantine, lifecycle, attestations = [], vulnerabilities }: Written,
  authorities: Authorities,
  problems: Problem[],
): Requirements {
  const path = 'spec.require';
  return {
    digest: digest !== undefined,
    attestations: attestations.map((written, index) =>
      compileAttestation(written, authorities, { path: `${path}.attestations[${index}]`, problems }),
    ),
    ...(signatures && { signatures: compileSignatures(signatures, authorities, problems) }),
    ...(quarantine && {
      quarantine: {
        annotations: quarantine.annotations,
        artifactTypes: quarantine.artifactTypes,
        byPlace: compileGlobs(quarantine.images, `${path}.quarantine.images`, problems),
        releasedBy: named(quarantine.releasedBy, authorities, `${path}.quarantine.releasedBy`, problems),
      },
    }),
    ...(lifecycle && {
      lifecycle: {
        refuse: lifecycle.refuse,
        warnBeforeMs: durationMs(lifecycle.warnBefore),
        gracePeriodMs: durationMs(lifecycle.gracePeriod),
        annotations: lifecycle.annotations,
        artifactTypes: lifecycle.artifactTypes,
        required: lifecycle.required,
      },
    }),
    ...(vulnerabilities && {
      vulnerabilities: compileVulnerabilities(vulnerabilities, authorities, problems),
    }),
  };
}

/** Compiles globs over image names into one question. */
export function compileGlobs(
  patterns: readonly string[],
  path: string,
  problems: Problem[],
): (name: string) => boolean {
  const matchers = patterns.flatMap((pattern, index) => {
    const glob = compileImageGlob(pattern);
    if (glob.ok) return [glob.value];
    problems.push(...at(`${path}[${index}]`, glob.problems));
    return [];
  });
  return (name) => matchers.some((matches) => matches(name));
}

function compileSignatures(
  { from, atLeast, annotations, platforms }: NonNullable<Written['signatures']>,
  authorities: Authorities,
  problems: Problem[],
): SignatureRequirement {
  const path = 'spec.require.signatures';
  if (atLeast > new Set(from).size)
    problems.push({ path: `${path}.atLeast`, message: 'is more than the number of names in from' });
  const everyChild = platforms === 'EveryChild';
  return { from: named(from, authorities, `${path}.from`, problems), atLeast, annotations, everyChild };
}

function compileAttestation(
  { predicateType, from, maxAge, conditions }: NonNullable<Written['attestations']>[number],
  authorities: Authorities,
  { path, problems }: { readonly path: string; readonly problems: Problem[] },
): AttestationRequirement {
  return {
    predicateType,
    from: named(from, authorities, `${path}.from`, problems),
    ...(maxAge !== undefined && { maxAgeMs: durationMs(maxAge) }),
    conditions: conditions.flatMap(({ cel, message }, index) => {
      const condition = compileCondition(cel);
      if (condition.ok) return [{ condition: condition.value, message }];
      problems.push(...at(`${path}.conditions[${index}].cel`, condition.problems));
      return [];
    }),
  };
}

function compileVulnerabilities(
  { failOn, fixableOnly, maxReportAge, trust, from, exceptions }: NonNullable<Written['vulnerabilities']>,
  authorities: Authorities,
  problems: Problem[],
): VulnerabilityRequirement {
  const path = 'spec.require.vulnerabilities';
  return {
    failOn,
    fixableOnly,
    ...(maxReportAge !== undefined && { maxReportAgeMs: durationMs(maxReportAge) }),
    unsigned: trust === 'Unsigned',
    from: named(from, authorities, `${path}.from`, problems),
    exceptions: compileExceptions(exceptions, `${path}.exceptions`, problems),
  };
}

/** Compiles accepted findings: until when, and for which images. */
export function compileExceptions(
  exceptions: NonNullable<Written['vulnerabilities']>['exceptions'],
  path: string,
  problems: Problem[],
): readonly VulnerabilityException[] {
  return exceptions.map(({ id, until, reason, images }, index) => {
    const where = `${path}[${index}]`;
    const end = until === undefined ? undefined : parseTime(until);
    if (until !== undefined && !end) {
      problems.push({
        path: `${where}.until`,
        message: 'is no date; write 2026-12-31 or 2026-12-31T00:00:00Z',
      });
    }
    const coversImage = images ? compileGlobs(images, `${where}.images`, problems) : () => true;
    return { id, reason, coversImage, ...(end && { until: end }) };
  });
}

function named(
  names: readonly string[],
  authorities: Authorities,
  path: string,
  problems: Problem[],
): readonly Authority[] {
  return [...new Set(names)].flatMap((name) => {
    if (!authorities.has(name)) {
      const index = String(names.indexOf(name));
      problems.push({ path: `${path}[${index}]`, message: `no authority is named "${name}"` });
    }
    return authorities.get(name) ?? [];
  });
}
