// What the second half of the demo writes into files: promotions as people write them, the keys they name, a person's yes.
import { parse, stringify } from 'yaml';
import type { Keys } from './story.ts';

const API = 'apiVersion: pratique.dev/v1alpha1';

/** Brings the versions of a public image into quarantine. */
export const mirrorYaml = (host: string): string => `${API}
kind: ImagePromotion
metadata: { name: base-mirror }
spec:
  source: { repository: ${host}/public/base }
  target: { repository: ${host}/quarantine/base }
  tags: { semver: ['*'] }
  mirror: {} # flagged, with a statement of where it came from
`;

/** Promotes images for which a signed report speaks, or that a person approves. */
export const promoteYaml = (host: string): string => `${API}
kind: ImagePromotion
metadata: { name: base-to-golden }
spec:
  source: { repository: ${host}/quarantine/base }
  target: { repository: ${host}/golden/base }
  tags: { semver: ['*'] }
  promote:
    scan:
      from: Report # signed, and attached to the image; Image lets Trivy scan
      failOn: High
      authorities:
        - { name: scanner, key: { secretRef: { name: scanner-key, key: cosign.pub } } }
    approval: OnBlock # what is blocked waits for a person
    sign: { secretRef: { name: release-key } }
    supersede: { endOfLifeAfter: 240h } # older images of the same line
`;

/** The keys that the promotion names, as Secrets of its namespace. */
export function keysYaml({ release, scanner }: Pick<Keys, 'release' | 'scanner'>): string {
  const pem = release.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return [
    secret('release-key', { 'cosign.key': pem }),
    secret('scanner-key', { 'cosign.pub': scanner.pem }),
  ].join('---\n');
}

/** A person's yes: the approval that a run prints for an image that waits, completed. */
export function completed(printed: string, more: Readonly<Record<string, string>>): string {
  const [, form = ''] = printed.split('\n---\n');
  const { spec, ...rest } = parse(form) as { readonly spec: object };
  return stringify({ ...rest, spec: { ...spec, ...more } });
}

function secret(name: string, stringData: Readonly<Record<string, string>>): string {
  return stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
}
