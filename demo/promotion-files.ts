// What the second half of the demo writes into files: promotions as people write them, the keys they name, a person's yes.
import { stringify } from 'yaml';
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

/** Lets go on what a signed report speaks for, or else a person. */
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

/** What a run says of an image that waits for a person. */
export interface Waiting {
  readonly digest: string;
  readonly gateHash: string;
  readonly blocking: readonly string[];
}

/** A person's yes to one image with what was found in it. */
export const approvalYaml = ({ digest, gateHash, blocking }: Waiting, until: Date): string => `${API}
kind: PromotionApproval
metadata: { name: base-1-5-0 }
spec:
  runName: base-to-golden-1 # in a cluster, the run that waits
  digest: ${digest}
  gateHash: ${gateHash}
  approver: jane@example.com # in a cluster the API server lets only your own name pass
  decision: Approve
  waive: [${blocking.join(', ')}]
  reason: not reachable from the entry point
  until: '${until.toISOString().slice(0, 10)}'
`;

function secret(name: string, stringData: Readonly<Record<string, string>>): string {
  return stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
}
