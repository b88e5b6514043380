import pLimit from 'p-limit';
import { listRunnable, type RunnableImage } from '../../evidence/index.ts';
import {
  isImageConfigType,
  pin,
  unknown,
  type Fault,
  type Manifest,
  type PinnedRef,
} from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import type { Scanner, ScanSubject } from '../ports.ts';
import { findSboms, type ReadSbomElsewhere, type SbomSource } from './sboms.ts';
import type { Scanned } from './scan-gate.ts';

/** Platforms of one image under way at the same time; the scanner has a limit of its own for all images. */
const AT_ONCE = 4;

/** What is to be scanned, from what, and with what. */
export interface ScanTask {
  readonly image: PinnedRef;
  readonly manifest: Manifest;
  readonly from: 'Image' | 'Sbom';
  readonly registry: SbomSource;
  readonly scanner: Scanner;
  /** Absent = SBOMs are read on this thread. */
  readonly readSbomElsewhere?: ReadSbomElsewhere | undefined;
}

/**
 * Scans every platform of an image, from its layers or from each of its SBOMs. What could not be scanned is `unknown`, and
 * does not keep the others from being scanned; a Fault is thrown only when the signal ends it.
 */
export async function scanPlatforms(task: ScanTask, signal: AbortSignal): Promise<readonly Scanned[]> {
  const { image, manifest, registry } = task;
  const platforms = await orFault(
    listRunnable(manifest, ({ digest }) => registry.manifest(pin(image, digest), signal)),
    ({ code, message, transient }) => unknown(code, message, transient),
    signal,
  );
  if ('state' in platforms) {
    const { reason, transient } = platforms;
    return [{ platform: '', digest: image.digest, kind: 'unknown', reason, transient }];
  }
  const limit = pLimit(AT_ONCE);
  const scanned = await Promise.all(
    platforms.map((platform) => limit(() => scanPlatform(task, platform, signal))),
  );
  return scanned.flat();
}

/** Why a scanner is not asked about an image: it would follow addresses that its author chose, or fails on it each time. */
function whyNotScanned(manifest: Manifest | undefined): string | undefined {
  const { config, layers = [] } = manifest ?? {};
  if ([config, ...layers].some((part) => part?.isElsewhere))
    return 'a layer names addresses outside of its registry (urls), and is not read from there';
  const isArtifact = config && !isImageConfigType(config.mediaType);
  return isArtifact
    ? `it is no container image, but ${config.mediaType}, which scanners do not know`
    : undefined;
}

type ScanOfPlatform = Extract<Scanned, { readonly kind: 'scan' }>;

async function scanPlatform(
  task: ScanTask,
  { listedBy, ...platform }: RunnableImage,
  signal: AbortSignal,
): Promise<readonly Scanned[]> {
  // By the digest of the platform itself, so that the scanner does not choose one.
  const image = pin(task.image, platform.digest);
  const failed = ({ code, message: detail, transient }: Fault): readonly Scanned[] => [
    { ...platform, kind: 'unknown', reason: { code, detail }, transient },
  ];
  const scanned = async (
    subject: ScanSubject,
    sbom: Pick<ScanOfPlatform, 'listsSystemPackages' | 'sbomType'> = {},
  ): Promise<readonly Scanned[]> => {
    const output = await task.scanner(subject, signal);
    return [{ ...platform, kind: 'scan', output, listsSystemPackages: false, ...sbom }];
  };
  const scanImage = async (): Promise<readonly Scanned[]> => {
    const isRoot = platform.digest === task.manifest.digest;
    const detail = whyNotScanned(isRoot ? task.manifest : await task.registry.manifest(image, signal));
    if (detail === undefined) return scanned({ kind: 'image', image });
    return [{ ...platform, kind: 'unknown', reason: { code: 'ScanIncomplete', detail }, transient: false }];
  };
  if (task.from === 'Image') return orFault(scanImage(), failed, signal);
  const question = { ...task, platform: image, image: listedBy };
  const scanSboms = async (): Promise<readonly Scanned[]> => {
    const sboms = await findSboms(question, signal);
    if (sboms.length === 0) return [{ ...platform, kind: 'no-sbom' }];
    return (
      await Promise.all(
        sboms.map(({ bytes: sbom, listsSystemPackages, predicateType: sbomType }) =>
          orFault(scanned({ kind: 'sbom', sbom }, { listsSystemPackages, sbomType }), failed, signal),
        ),
      )
    ).flat();
  };
  return orFault(scanSboms(), failed, signal);
}
