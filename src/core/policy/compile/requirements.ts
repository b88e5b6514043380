import type { Annotations, Problem } from '../../model/index.ts';
import type { Authority } from './authority.ts';
import { compileCondition, type Condition } from '../cel/condition.ts';
import { at, type Authorities } from './authorities.ts';
import { compileImageGlob } from './image-globs.ts';
import { durationMs, parseTime } from '../time.ts';
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
  /** Groups of which a caller of the gate needs one to pull what is flagged; absent = none may. */
  readonly mayPull?: ReadonlySet<string>;
}

type WrittenLifecycle = NonNullable<Written['lifecycle']>;

export interface LifecycleRequirement extends Omit<WrittenLifecycle, 'warnBefore' | 'gracePeriod'> {
  readonly warnBeforeMs: number;
  readonly gracePeriodMs: number;
}

export interface AttestationRequirement {
  readonly predicateType: string;
  readonly from: readonly Authority[];
  readonly maxAgeMs?: number | undefined;
  readonly conditions: readonly { readonly condition: Condition; readonly message: string }[];
}

export interface VulnerabilityRequirement {
  readonly failOn: Severity;
  readonly fixableOnly: boolean;
  readonly unknownSeverity: 'Block' | 'Ignore';
  readonly unsupported: 'Unknown' | 'Ignore';
  readonly maxReportAgeMs?: number | undefined;
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

/** Where compiled parts are looked up and problems are put, by field path. */
interface Compiling {
  readonly authorities: Authorities;
  readonly problems: Problem[];
}

/** Compiles what a policy asks; problems go to `problems` by field path. */
export function compileRequirements(
  { digest, signatures, quarantine, lifecycle, attestations = [], vulnerabilities }: Written,
  authorities: Authorities,
  problems: Problem[],
): Requirements {
  const compiling = { authorities, problems };
  return {
    digest: digest !== undefined,
    attestations: attestations.map((written, index) =>
      compileAttestation(written, `spec.require.attestations[${index}]`, compiling),
    ),
    ...(signatures && { signatures: compileSignatures(signatures, compiling) }),
    ...(quarantine && { quarantine: compileQuarantine(quarantine, compiling) }),
    ...(lifecycle && { lifecycle: compileLifecycle(lifecycle) }),
    ...(vulnerabilities && { vulnerabilities: compileVulnerabilities(vulnerabilities, compiling) }),
  };
}

/** Compiles globs over normalised image names as one question: whether one of them matches. Problems are added under `path`. */
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
  compiling: Compiling,
): SignatureRequirement {
  const path = 'spec.require.signatures';
  const message = 'is more than the number of names in from';
  if (atLeast > new Set(from).size) compiling.problems.push({ path: `${path}.atLeast`, message });
  const everyChild = platforms === 'EveryChild';
  return { from: named(from, `${path}.from`, compiling), atLeast, annotations, everyChild };
}

function compileQuarantine(
  { annotations, artifactTypes, images, releasedBy, mayPull }: NonNullable<Written['quarantine']>,
  compiling: Compiling,
): QuarantineRequirement {
  const path = 'spec.require.quarantine';
  return {
    annotations,
    artifactTypes,
    byPlace: compileGlobs(images, `${path}.images`, compiling.problems),
    releasedBy: named(releasedBy, `${path}.releasedBy`, compiling),
    mayPull: new Set(mayPull.flatMap(({ groups }) => groups)),
  };
}

function compileLifecycle({ warnBefore, gracePeriod, ...rest }: WrittenLifecycle): LifecycleRequirement {
  return { ...rest, warnBeforeMs: durationMs(warnBefore), gracePeriodMs: durationMs(gracePeriod) };
}

function compileAttestation(
  { predicateType, from, maxAge, conditions }: NonNullable<Written['attestations']>[number],
  path: string,
  compiling: Compiling,
): AttestationRequirement {
  return {
    predicateType,
    from: named(from, `${path}.from`, compiling),
    maxAgeMs: maxAge === undefined ? undefined : durationMs(maxAge),
    conditions: conditions.flatMap(({ cel, message }, index) => {
      const condition = compileCondition(cel);
      if (condition.ok) return [{ condition: condition.value, message }];
      compiling.problems.push(...at(`${path}.conditions[${index}].cel`, condition.problems));
      return [];
    }),
  };
}

function compileVulnerabilities(
  { maxReportAge, trust, from, exceptions, ...rest }: NonNullable<Written['vulnerabilities']>,
  compiling: Compiling,
): VulnerabilityRequirement {
  const path = 'spec.require.vulnerabilities';
  return {
    ...rest,
    maxReportAgeMs: maxReportAge === undefined ? undefined : durationMs(maxReportAge),
    unsigned: trust === 'Unsigned',
    from: named(from, `${path}.from`, compiling),
    exceptions: compileExceptions(exceptions, `${path}.exceptions`, compiling.problems),
  };
}

/** Compiles accepted findings: until when, and for which images. */
export function compileExceptions(
  exceptions: NonNullable<Written['vulnerabilities']>['exceptions'],
  path: string,
  problems: Problem[],
): readonly VulnerabilityException[] {
  return exceptions.map(({ id, until: written, reason, images }, index) => {
    const where = `${path}[${index}]`;
    const until = written === undefined ? undefined : parseTime(written);
    const message = 'is no date; write 2026-12-31 or 2026-12-31T00:00:00Z';
    if (written !== undefined && !until) problems.push({ path: `${where}.until`, message });
    const coversImage = images ? compileGlobs(images, `${where}.images`, problems) : () => true;
    return { id, reason, coversImage, ...(until && { until }) };
  });
}

function named(names: readonly string[], path: string, compiling: Compiling): readonly Authority[] {
  const { authorities, problems } = compiling;
  return [...new Set(names)].flatMap((name) => {
    const message = `no authority is named "${name}"`;
    if (!authorities.has(name)) problems.push({ path: `${path}[${names.indexOf(name)}]`, message });
    return authorities.get(name) ?? [];
  });
}
