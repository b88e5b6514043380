import { nameOf, rfc3339, type Descriptor, type Digest, type PinnedRef } from '../../model/index.ts';
import type { Statement } from '../ports.ts';
import type { Artifact, Marks } from './artifact.ts';
import { findPlainStatement, plainStatement, statementAbout, type RunIdentity } from './statement.ts';

/** Predicate type of the public mirror workflows, whose records these are meant to continue. */
export const ACQUISITION_PREDICATE_TYPE = 'https://toddysm.com/acquisition-provenance/v0.1';

/** Where an image was taken from, and how it came here. */
export interface Acquisition {
  /** With the tag it was found under. */
  readonly source: PinnedRef;
  /** Where it arrived, with its tag. */
  readonly destination: PinnedRef;
  readonly acquiredAt: Date;
  readonly run: RunIdentity;
  /** Whether everything attached to the image came along. */
  readonly copyReferrers: boolean;
  /** Whether a login was used. */
  readonly sourceAuthenticated: boolean;
  /** The platform that the record is about; absent = the image itself. */
  readonly platform?: { readonly digest: Digest; readonly name: string } | undefined;
}

/** The record as a statement, to be signed or attached as it is. */
export function acquisitionStatement(acquisition: Acquisition): Statement {
  const { source, destination, acquiredAt, run, copyReferrers, sourceAuthenticated, platform } = acquisition;
  const { registry, repository, tag, digest } = source;
  const about = { ...destination, digest: platform?.digest ?? destination.digest };
  return statementAbout(about, ACQUISITION_PREDICATE_TYPE, {
    source: { reference: referenceOf(source), registry, repository, tag, digest },
    destination: { reference: referenceOf(destination), digest: destination.digest },
    acquiredAt: rfc3339(acquiredAt),
    runUrl: run.url,
    actor: run.actor,
    // Their readers expect text.
    workflow: { name: run.name, runId: run.id, runAttempt: String(run.attempt) },
    copyMethod: 'pratique',
    copyReferrers,
    sourceAuthenticated,
    platformSourceDigest: platform?.digest,
  });
}

/** The record as a referrer of what it is about. */
export function acquisitionRecord(acquisition: Acquisition, subject: Descriptor): Artifact {
  const { acquiredAt: at, run, platform } = acquisition;
  const annotations = {
    ...sourceOf(acquisition),
    'com.toddysm.acquisition.timestamp': rfc3339(at),
    'com.toddysm.acquisition.run-url': run.url,
  };
  const file = `acquisition-provenance${platform ? `-${platform.name}` : ''}.json`;
  return plainStatement(acquisitionStatement(acquisition), { subject, at, file, annotations });
}

/** A record that this image came from this source and digest, whenever that was. */
export function findAcquisition(
  referrers: readonly Descriptor[],
  acquisition: Pick<Acquisition, 'source'>,
): Descriptor | undefined {
  return findPlainStatement(referrers, ACQUISITION_PREDICATE_TYPE, sourceOf(acquisition));
}

function sourceOf({ source }: Pick<Acquisition, 'source'>): Marks {
  return {
    'com.toddysm.acquisition.source': referenceOf(source),
    'com.toddysm.acquisition.source-digest': source.digest,
  };
}

/** Name and tag; the digest stands beside it. */
function referenceOf(image: PinnedRef): string {
  return image.tag === undefined ? `${nameOf(image)}@${image.digest}` : `${nameOf(image)}:${image.tag}`;
}
