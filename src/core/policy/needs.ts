import { nameOf, type Evidence, type ImageRef, type Trust } from '../model/index.ts';
import type { Authority } from './compile/authority.ts';
import type { CompiledPolicy } from './compile/compile.ts';
import { decidingClaim, readLifecycle } from './lifecycle.ts';
import { readQuarantine, RELEASE_PREDICATE_TYPE } from './quarantine.ts';
import { REPORT_PREDICATE_TYPES } from './reports/describe.ts';

/** Facts that policies ask for, so that nothing is fetched that no policy reads. */
export interface Needs {
  /** The manifest and the referrers: needed by every rule about more than the reference itself. */
  readonly registry: boolean;
  /** Flags and dates on referrers: a missed flag would admit an image, so older locations are read, too. */
  readonly marks: boolean;
  /** Signatures and statements; absent when no policy asks for any. */
  readonly signatures?: SignatureNeeds;
  /** The newest supported image of the line, for the message. */
  readonly successor: boolean;
}

/** Which signatures and statements are looked for, where, and what they are tried against. */
export interface SignatureNeeds {
  readonly trust: Trust;
  /** Signatures of the image itself. */
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
  const asked = policies.map(({ signatures, attestations, vulnerabilities }) => ({
    signatures: signatures !== undefined,
    everyChild: signatures?.everyChild ?? false,
    predicateTypes: [
      ...attestations.map(({ predicateType }) => predicateType),
      ...(vulnerabilities ? REPORT_PREDICATE_TYPES : []),
    ],
    authorities: [
      ...(signatures?.from ?? []),
      ...attestations.flatMap(({ from }) => from),
      ...(vulnerabilities?.from ?? []),
    ],
  }));
  const predicateTypes = [...new Set(asked.flatMap((one) => one.predicateTypes))].sort();
  const signatures = asked.some((one) => one.signatures);
  const needs: SignatureNeeds = {
    ...from(asked.flatMap(({ authorities }) => authorities)),
    signatures,
    predicateTypes,
    everyChild: asked.some(({ everyChild }) => everyChild),
    unsigned: predicateTypes.length > 0,
  };
  const any = signatures || predicateTypes.length > 0;
  const marks = policies.some(({ quarantine, lifecycle }) => quarantine ?? lifecycle);
  return {
    registry: any || marks,
    marks,
    successor: false,
    ...(any && { signatures: needs }),
  };
}

/** What is needed now that manifest and referrers are known: releases where there is a flag, a successor where one ends. */
export function needsNext(
  policies: readonly CompiledPolicy[],
  known: Pick<Evidence, 'image' | 'manifest' | 'referrers'>,
  now: Date,
): Needs {
  const releasers = policies.flatMap(({ quarantine }) => {
    if (!quarantine || quarantine.releasedBy.length === 0) return [];
    return readQuarantine(known, quarantine).flags.length > 0 ? quarantine.releasedBy : [];
  });
  const releases: SignatureNeeds = {
    ...from(releasers),
    signatures: false,
    predicateTypes: [RELEASE_PREDICATE_TYPE],
    everyChild: false,
    unsigned: false,
  };
  return {
    registry: false,
    marks: false,
    ...(releasers.length > 0 && { signatures: releases }),
    successor: policies.some(({ lifecycle }) => {
      if (!lifecycle) return false;
      const claim = decidingClaim(readLifecycle(known, lifecycle).claims, lifecycle.refuse);
      return claim !== undefined && now.getTime() >= claim.moment.getTime() - lifecycle.warnBeforeMs;
    }),
  };
}

/** Repositories besides the image's own in which these policies may look for anything, each once. */
export function repositoriesOf(policies: readonly CompiledPolicy[]): readonly ImageRef[] {
  const authorities = policies.flatMap(({ signatures, attestations, vulnerabilities, quarantine }) => [
    ...(signatures?.from ?? []),
    ...attestations.flatMap(({ from }) => from),
    ...(vulnerabilities?.from ?? []),
    ...(quarantine?.releasedBy ?? []),
  ]);
  return from(authorities).repositories;
}

/** Everything that the authorities trust, and every place where they keep signatures, each once. */
function from(authorities: readonly Authority[]): Pick<SignatureNeeds, 'trust' | 'repositories'> {
  const keys = authorities.flatMap(({ signer }) => (signer.kind === 'key' ? [signer.key] : []));
  const roots = authorities.flatMap(({ root }) => root ?? []);
  const repositories = authorities.flatMap(({ repository }) => repository ?? []);
  return {
    trust: {
      keys: [...new Map(keys.map((key) => [key.fingerprint, key])).values()],
      roots: [...new Map(roots.map((root) => [root.fingerprint, root])).values()],
    },
    repositories: [...new Map(repositories.map((ref) => [nameOf(ref), ref])).values()],
  };
}
