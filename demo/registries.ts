// What lies in the registry before the second half of the demo, what a scanner adds, and what can be read there afterwards.
import { pushImage, type Pushed, type Target } from '../test/support/registry/push.ts';
import { listReferrers } from '../test/support/registry/listings.ts';
import { pushBundleSignature, pushStatement, RELEASE_PREDICATE_TYPE } from '../test/support/signed-images.ts';
import type { SigningKey } from '../test/support/signing.ts';
import type { Keys } from './story.ts';

/** The finding that stops an image. */
export const CVE = 'CVE-2026-0002';

const VULNERABILITIES = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** Public images, by tag; and an older one that golden has had for long, signed. */
export async function publishBase(host: string, { release }: Keys): Promise<ReadonlyMap<string, Pushed>> {
  const push = (repository: string, tag: string) =>
    pushImage({ registry: host, repository, tag }, { salt: `${repository}:${tag}` });
  const old: Target = { registry: host, repository: 'golden/base' };
  await pushBundleSignature(old, await push('golden/base', '1.4.1'), release);
  return new Map([
    ['1.4.2', await push('public/base', '1.4.2')],
    ['1.5.0', await push('public/base', '1.5.0')],
  ]);
}

/** A scanner's signed report about an image in quarantine, as `cosign attest --type vuln` attaches it. */
export async function reportOn(
  image: Pushed,
  { host, key, ids, now }: { host: string; key: SigningKey; ids: readonly string[]; now: Date },
): Promise<void> {
  const time = now.toISOString();
  const Vulnerabilities = ids.map((VulnerabilityID) => ({
    VulnerabilityID,
    Severity: 'CRITICAL',
    PkgName: 'openssl',
  }));
  const result = { SchemaVersion: 2, CreatedAt: time, Results: [{ Target: 'base', Vulnerabilities }] };
  await pushStatement({ registry: host, repository: 'quarantine/base' }, image, {
    key,
    predicateType: VULNERABILITIES,
    predicate: {
      scanner: { uri: 'trivy', version: '0.74.0', result },
      metadata: { scanFinishedOn: time },
    },
  });
}

/** The release statement beside an image, read without Pratique: what any client reads to learn why the image is there. */
export async function releaseOf(
  target: Target,
  { digest }: Pushed,
): Promise<Readonly<Record<string, unknown>>> {
  const listed = await listReferrers(target, digest);
  const found = listed.find(
    ({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'] === RELEASE_PREDICATE_TYPE,
  );
  const base = `http://${target.registry}/v2/${target.repository}`;
  const manifest = (await (await fetch(`${base}/manifests/${found?.digest ?? ''}`)).json()) as {
    readonly layers: readonly { readonly digest: string }[];
  };
  const bundle = (await (await fetch(`${base}/blobs/${manifest.layers[0]?.digest ?? ''}`)).json()) as {
    readonly dsseEnvelope: { readonly payload: string };
  };
  const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString('utf8')) as {
    readonly predicate: Readonly<Record<string, unknown>>;
  };
  return statement.predicate;
}
