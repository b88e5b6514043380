import {
  inFile,
  objectOf,
  parseDigest,
  parsed,
  textOf,
  type Parsed,
  type Problem,
} from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  entriesOf,
  parseApproval,
  parsePromotion,
  type Approval,
  type Entries,
  type ImagePromotion,
  type PromotionApprovalSpec,
  type ReadObject,
} from '../../core/promotion/index.ts';
import { isKustomization } from '../../core/workload/index.ts';
import type { Reading } from '../ports.ts';

/** The promotions of files, with the approvals, Secrets and ConfigMaps beside them. */
export interface PromotionDocuments {
  readonly promotions: readonly { readonly origin: string; readonly promotion: ImagePromotion }[];
  readonly approvals: readonly Approval[];
  readonly read: ReadObject;
}

const KINDS = ['ImagePromotion', 'PromotionApproval', 'Secret', 'ConfigMap'];

/** Reads promotions and what they need; lists all problems of all documents, each as `file: field`. */
export function readPromotions({ documents, problems: unread }: Reading): Parsed<PromotionDocuments> {
  const problems: Problem[] = [...unread];
  const promotions: { origin: string; promotion: ImagePromotion }[] = [];
  const approvals: Approval[] = [];
  const objects = new Map<string, Entries>();
  const take = <T>(origin: string, read: Parsed<T>, keep: (value: T) => void): void => {
    if (read.ok) keep(read.value);
    else problems.push(...read.problems.map((one) => inFile(origin, one)));
  };
  for (const { origin, value } of documents.filter((document) => !isKustomization(document))) {
    const { kind, metadata } = objectOf(value);
    const name = textOf(objectOf(metadata).name);
    if (kind === 'ImagePromotion')
      take(origin, parsePromotion(value), (promotion) => promotions.push({ origin, promotion }));
    else if (kind === 'PromotionApproval')
      take(origin, parseApproval(value), ({ spec }) => approvals.push(...approvalOf(spec)));
    else if (kind === 'Secret' || kind === 'ConfigMap')
      objects.set(`${kind}/${name}`, entriesOf(value, kind));
    else problems.push({ path: `${origin}: kind`, message: strange(textOf(kind)) });
  }
  if (promotions.length === 0 && problems.length === 0)
    problems.push({ path: '--filename', message: 'holds no ImagePromotion' });
  if (problems.length > 0) return { ok: false, problems };
  return parsed({
    promotions,
    approvals,
    read: (kind, name) => Promise.resolve(objects.get(`${kind}/${name}`)),
  });
}

function strange(kind: string): string {
  if (kind === 'ImagePolicy') return 'an ImagePolicy is read from --policies';
  return `"${kind}" is none of ${KINDS.join(', ')}`;
}

/** Without an API server the approver is not proven: it is the user who runs this with these keys. */
function approvalOf({ until, digest, ...rest }: PromotionApprovalSpec): readonly Approval[] {
  const [end, about] = [parseTime(until), parseDigest(digest)];
  return end && about ? [{ ...rest, digest: about, until: end }] : [];
}
