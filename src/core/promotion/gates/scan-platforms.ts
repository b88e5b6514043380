import pLimit from 'p-limit';
import { listRunnable, type RunnableImage } from '../../evidence/index.ts';
import { pin, unknown, type Fault, type Manifest, type PinnedRef } from '../../model/index.ts';
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

/** Scanners fetch such a layer from where the author of the image sends them, which no rule of addresses judges. */
const ELSEWHERE = {
  kind: 'unknown',
  reason: {
    code: 'ScanIncomplete',
    detail: 'a layer names addresses outside of its registry (urls), and is not read from there',
  },
  transient: false,
} as const;

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
    const manifest = isRoot ? task.manifest : await task.registry.manifest(image, signal);
    const parts = [manifest?.config, ...(manifest?.layers ?? [])];
    if (parts.some((part) => part?.isElsewhere)) return [{ ...platform, ...ELSEWHERE }];
    return scanned({ kind: 'image', image });
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
