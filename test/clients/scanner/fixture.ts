import { createTrivy } from '../../../src/clients/scanner/index.ts';
import type { Trivy } from '../../../src/clients/scanner/trivy.ts';
import type { ScanSubject } from '../../../src/core/promotion/index.ts';
import type { TrivyOptions } from '../../../src/clients/scanner/trivy.ts';
import { digestOf } from '../../../src/core/model/index.ts';
import { readReportHere } from '../../support/promotions/scan-reports.ts';
import { standIn, type Behaviour, type StandIn } from './stand-in.ts';

/** The digest of {@link IMAGE}. */
export const digest = digestOf('an image');
/** An image to scan. */
export const IMAGE: Extract<ScanSubject, { kind: 'image' }> = {
  kind: 'image',
  image: { registry: 'registry.example.com', repository: 'shop/web', tag: '1.0', digest },
};
/** An SBOM to scan. */
export const SBOM: ScanSubject = { kind: 'sbom', sbom: Buffer.from('{"bomFormat":"CycloneDX"}') };
/** The time of {@link trivy}. */
export const NOW = new Date('2026-03-02T00:00:00Z');

const open: StandIn[] = [];

/** A stand-in for one test, removed by {@link removePrograms}. */
export async function program(behaviour: Behaviour = {}): Promise<StandIn> {
  const made = await standIn(behaviour);
  open.push(made);
  return made;
}

/** Removes all stand-ins made since the last time. */
export async function removePrograms(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.remove()));
}

/** A signal that does not fire within a test. */
export function patient(): AbortSignal {
  return AbortSignal.timeout(50_000);
}

/** Trivy with this program, offline and without logins unless a test changes that. */
export function trivy(command: string, more: Partial<TrivyOptions> = {}): Trivy {
  return createTrivy({
    command,
    offline: true,
    timeoutMs: 45_000,
    parallel: 2,
    environment: process.env,
    keychain: () => Promise.resolve(undefined),
    readReport: readReportHere,
    now: () => NOW,
    ...more,
  });
}
