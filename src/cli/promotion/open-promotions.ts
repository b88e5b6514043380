import { failed, inFile, objectOf, parseDigest, parsed, textOf } from '../../core/model/index.ts';
import type { Clock, Parsed, Problem } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import { entriesOf, openExecution, parseApproval, parsePromotion } from '../../core/promotion/index.ts';
import type { Approval, Entries, ImagePromotion, OpeningContext } from '../../core/promotion/index.ts';
import type { PromotionApprovalSpec, ReadObject } from '../../core/promotion/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { isKustomization } from '../../core/workload/index.ts';
import type { OpenPromotion, OpenPromotions, PromotionQuestion, Reading } from '../ports.ts';

/** What promotions need besides policies, until it is closed. */
interface Opening {
  readonly context: Omit<OpeningContext, 'policies'>;
  readonly close: () => Promise<void>;
}

/** What the promotions of a file are opened with; `actor` is the user, for records. Problems are files that cannot be used. */
interface PromotionTools {
  readonly open: (settings: Settings) => Promise<Parsed<Opening>>;
  readonly actor: string;
  readonly clock: Clock;
}

/** Time to read logins and keys, in milliseconds: files and credential helpers, no registry. */
const OPEN_TIMEOUT_MS = 30_000;

/** Opens the promotions of files, with everything they need found beside them; all problems of all of them at once. */
export async function openPromotions(
  { reading, settings, policies }: PromotionQuestion,
  { open, actor, clock }: PromotionTools,
): Promise<Parsed<OpenPromotions>> {
  const documents = readPromotions(reading);
  const opening = await open(settings);
  if (!documents.ok || !opening.ok) {
    if (opening.ok) await opening.value.close();
    return failed([documents, opening]);
  }
  const { promotions, approvals, read } = documents.value;
  const startedAt = clock();
  const id = `local-${startedAt.getTime()}`;
  const context = { ...opening.value.context, policies: () => Promise.resolve(policies) };
  const opened = await Promise.all(
    promotions.map(async ({ origin, promotion: { metadata, spec } }): Promise<Parsed<OpenPromotion>> => {
      const { name, namespace = 'default' } = metadata;
      const run = { name: `${namespace}/${name}`, id, attempt: 1, actor, local: true } as const;
      const promotion = { spec, namespace, run, startedAt, read };
      const execution = await openExecution(promotion, context, AbortSignal.timeout(OPEN_TIMEOUT_MS));
      if (!execution.ok) return { ok: false, problems: inFile(origin, execution.problems) };
      return parsed({
        name,
        source: spec.source.repository ?? manyIn(spec),
        target: spec.target.repository,
        dryRun: spec.dryRun,
        timeout: spec.timeout,
        approvals: approvals.map((one) => ({ ...one, runName: id })),
        execution: execution.value,
      });
    }),
  );
  const close = async (): Promise<void> => {
    await Promise.all(opened.flatMap((one) => (one.ok ? [one.value.execution.close()] : [])));
    await opening.value.close();
  };
  const wrong = failed(opened);
  if (wrong.problems.length === 0)
    return parsed({ promotions: opened.flatMap((one) => (one.ok ? [one.value] : [])), close });
  await close();
  return wrong;
}

/** The entries of a promotion that takes from many repositories. */
function manyIn({ source }: ImagePromotion['spec']): string {
  return (source.repositories ?? []).map(({ from }) => from).join(', ');
}

/** The promotions of files, with the approvals, Secrets and ConfigMaps beside them. */
interface PromotionDocuments {
  readonly promotions: readonly { readonly origin: string; readonly promotion: ImagePromotion }[];
  readonly approvals: readonly Approval[];
  readonly read: ReadObject;
}

const KINDS = ['ImagePromotion', 'PromotionApproval', 'Secret', 'ConfigMap'];

/** Reads promotions and what they need; lists all problems of all documents, each as `file: field`. */
function readPromotions({ documents, problems: unread }: Reading): Parsed<PromotionDocuments> {
  const problems: Problem[] = [...unread];
  const promotions: { origin: string; promotion: ImagePromotion }[] = [];
  const approvals: Approval[] = [];
  const objects = new Map<string, Entries>();
  const take = <T>(origin: string, read: Parsed<T>, keep: (value: T) => void): void => {
    if (read.ok) keep(read.value);
    else problems.push(...inFile(origin, read.problems));
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
