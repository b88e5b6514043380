import { nameOf, type Evidence, type ImageRef, type Trust } from '../model/index.ts';
import { decidingClaim, isNear, LIFECYCLE_KEYS, readLifecycle } from './checks/past-end-of-life.ts';
import { readAllFlags, RELEASE_PREDICATE_TYPE } from './checks/quarantined.ts';
import type { Authority } from './compile/authority.ts';
import type { CompiledPolicy } from './compile/compile.ts';
import { LINEAGE_KEYS } from './lineage.ts';
import { REPORT_PREDICATE_TYPES } from './reports/describe.ts';
import { QUARANTINE_KEY } from './schema/parts.ts';

/** Facts that policies ask for, so that nothing is fetched that no policy reads. */
export interface Needs {
  /** Manifest and referrers: needed by every rule about more than the reference itself. */
  readonly registry: boolean;
  /** Flags and dates on referrers: a missed flag would admit an image, so older locations are read, too. */
  readonly marks: boolean;
  /** Signatures and statements; absent when no policy asks for any. */
  readonly signatures?: SignatureNeeds | undefined;
  /** The newest supported image of the line, for the message. */
  readonly successor: boolean;
  /** What the image says about itself, where a condition reads it. */
  readonly contents?: boolean;
}

/** Which signatures and statements are looked for, where, and what they are tried against. */
export interface SignatureNeeds {
  readonly trust: Trust;
  readonly signatures: boolean;
  /** Kinds of statements; others are left unread. */
  readonly predicateTypes: readonly string[];
  /** Where signatures are kept, besides the repository of the image. */
  readonly repositories: readonly ImageRef[];
  /** Every platform of a multi-platform image is asked for, too. */
  readonly everyChild: boolean;
  /** Unsigned evidence is read, too: it counts, or a person should know that it exists. */
  readonly unsigned: boolean;
}

/** What is needed before anything is known. */
export function needsAtFirst(policies: readonly CompiledPolicy[]): Needs {
  const types = policies.flatMap(({ attestations, vulnerabilities }) => [
    ...attestations.map(({ predicateType }) => predicateType),
    ...(vulnerabilities ? REPORT_PREDICATE_TYPES : []),
  ]);
  const signatures = policies.some((policy) => policy.signatures);
  const needs: SignatureNeeds = {
    ...from(policies.flatMap(signersOf), policies),
    signatures,
    predicateTypes: [...new Set(types)].sort(),
    everyChild: policies.some((policy) => policy.signatures?.everyChild),
    unsigned: types.length > 0,
  };
  const any = signatures || types.length > 0;
  const marks = policies.some(({ quarantine, lifecycle }) => quarantine ?? lifecycle);
  const contents = policies.some(({ attestations }) =>
    attestations.some(({ conditions }) => conditions.some(({ condition }) => condition.readsImage)),
  );
  return { registry: any || marks, marks, successor: false, signatures: any ? needs : undefined, contents };
}

/** What is needed now that manifest and referrers are known: releases where there is a flag, a successor where one ends. */
export function needsNext(
  policies: readonly CompiledPolicy[],
  known: Pick<Evidence, 'image' | 'manifest' | 'referrers' | 'signatures' | 'indexes'>,
  now: Date,
): Needs {
  const releasers = policies.flatMap(({ quarantine }) => {
    if (!quarantine || quarantine.releasedBy.length === 0) return [];
    const isFlagged = readAllFlags(known, quarantine).some(({ flags }) => flags.length > 0);
    return isFlagged ? quarantine.releasedBy : [];
  });
  const successor = policies.some(({ lifecycle }) => {
    if (!lifecycle) return false;
    const claim = decidingClaim(readLifecycle(known, lifecycle).claims, lifecycle.refuse);
    return claim !== undefined && isNear(claim, lifecycle, now);
  });
  const signatures = releasers.length > 0 ? releasesBy(releasers) : undefined;
  return { registry: false, marks: false, signatures, successor };
}

function releasesBy(releasers: readonly Authority[]): SignatureNeeds {
  const predicateTypes = [RELEASE_PREDICATE_TYPE];
  return { ...from(releasers), signatures: false, predicateTypes, everyChild: false, unsigned: false };
}

/** Annotations that policies read where they name none themselves. */
export const USUAL_KEYS: ReadonlySet<string> = new Set([QUARANTINE_KEY, ...LIFECYCLE_KEYS, ...LINEAGE_KEYS]);

/** Keys of the annotations that these policies read besides {@link USUAL_KEYS}; sorted, each once. */
export function annotationsOf(policies: readonly CompiledPolicy[]): readonly string[] {
  const keys = policies.flatMap(({ quarantine, lifecycle }) => [
    ...(quarantine?.annotations ?? []).map(({ key }) => key),
    ...(lifecycle?.annotations ?? []).map(({ key }) => key),
  ]);
  return [...new Set(keys)].filter((key) => !USUAL_KEYS.has(key)).sort();
}

/** Repositories besides the image's own in which these policies may look for anything, each once. */
export function repositoriesOf(policies: readonly CompiledPolicy[]): readonly ImageRef[] {
  return from(policies.flatMap(authoritiesOf), policies).repositories;
}

/** Every authority that a policy uses: those who sign, and those who release. */
export function authoritiesOf(policy: CompiledPolicy): readonly Authority[] {
  return [...signersOf(policy), ...(policy.quarantine?.releasedBy ?? [])];
}

function signersOf({ signatures, attestations, vulnerabilities }: CompiledPolicy): readonly Authority[] {
  const all = [signatures, ...attestations, vulnerabilities];
  return all.flatMap((requirement) => requirement?.from ?? []);
}

/** Everything that the authorities trust, and every place where they or the policies keep signatures, each once. */
function from(
  authorities: readonly Authority[],
  policies: readonly CompiledPolicy[] = [],
): Pick<SignatureNeeds, 'trust' | 'repositories'> {
  const keys = authorities.flatMap(({ signer }) => (signer.kind === 'key' ? [signer.key] : []));
  const roots = authorities.flatMap(({ root }) => root ?? []);
  const repositories = [
    ...authorities.flatMap(({ repository }) => repository ?? []),
    ...policies.flatMap(({ attachments }) => attachments ?? []),
  ];
  return {
    trust: {
      keys: [...new Map(keys.map((key) => [key.fingerprint, key])).values()],
      roots: [...new Map(roots.map((root) => [root.fingerprint, root])).values()],
    },
    repositories: [...new Map(repositories.map((ref) => [nameOf(ref), ref])).values()],
  };
}
