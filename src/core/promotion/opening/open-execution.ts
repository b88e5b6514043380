import type { LimitFunction } from 'p-limit';
import {
  failed,
  isFolder,
  parsed,
  parsePlace,
  parseReference,
  problem,
  type Parsed,
  type PinnedRef,
} from '../../model/index.ts';
import { asGate, type CompiledPolicy } from '../../policy/index.ts';
import { createExecution, type Execution } from '../execute.ts';
import { runScope } from '../gates/gate.ts';
import { readSignedReports, reportPolicy } from '../gates/signed-reports.ts';
import type { ArtifactSigner, Scanner } from '../ports.ts';
import { createSeenBook } from '../records/first-seen.ts';
import { createHistoryBook } from '../records/history.ts';
import type { RunIdentity } from '../records/statement.ts';
import type { ImagePromotionSpec, SignSpec } from '../schema.ts';
import { needsOf as needsOfTags } from '../selection/select.ts';
import type { OpeningContext, ServerTrust } from './context.ts';
import type { GrantedAccess } from './grants.ts';
import { entryOf, lentIdentity, readOwner, type NamespacedPromotion, type Owner } from './secrets.ts';
import { judgeOn, openSide, type OpenSide } from './side.ts';

/** One promotion to be opened. */
export interface PromotionToOpen extends NamespacedPromotion {
  readonly run: RunIdentity;
  /** The UID of its object; absent from the command line. */
  readonly promotionUID?: string;
  readonly startedAt: Date;
  /** Shared with other executions of the same run. */
  readonly limit?: LimitFunction;
}

/** Opens a promotion of one repository. */
export async function openOne(
  promotion: PromotionToOpen,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<Execution>> {
  const { spec, run, startedAt, promotionUID, limit } = promotion;
  const read = await ownerOf(promotion, signal);
  if (!read.ok) return read;
  const owner = read.value;
  // First, because this may ask an API server, and there is nothing to close yet.
  const policies = await policiesOf(spec, context, signal);
  const needs = needsOf(spec, context);
  const [source, target, signer, reports] = [
    await openSide('source', { side: spec.source, owner, needs: needs.source }, context, signal),
    await openSide('target', { side: spec.target, owner, needs: needs.target }, context, signal),
    await openSigner(spec, owner, context),
    reportPolicy(spec, { material: owner.material, roots: context.roots }),
  ];
  if (!source.ok || !target.ok || !signer.ok || !policies.ok || !reports.ok) {
    await Promise.all([source, target].flatMap((side) => (side.ok ? [side.value.close()] : [])));
    return failed([source, target, signer, policies, reports]);
  }
  const [from, to] = [source.value, target.value];
  const { clock, pause, report } = context;
  const elsewhere = parseReference(spec.attachments.from ?? '');
  const attachments = elsewhere.ok ? elsewhere.value : undefined;
  const asked = { runUID: run.uid, promotionUID, promotion: run.name, spec, policies: policies.value };
  return parsed(
    createExecution({
      ...{ spec, run, startedAt, clock, pause, report, limit },
      scope: runScope(asked),
      source: from.registry,
      target: to.registry,
      watched: (onRequest) => ({
        source: from.registry.watched(onRequest),
        target: to.registry.watched(onRequest),
      }),
      from: from.place,
      to: to.place,
      sourceAuthenticated: from.authenticated,
      refusedToDelete: (side, until) => (side === 'source' ? from : to).refusal(['Delete'], until),
      judge: judgeOn(
        from,
        policies.value.map((policy) => ({ ...asGate(policy), attachments })),
        context,
      ),
      reports: reports.value && reportsOn(from, { ...reports.value, attachments }, context),
      scanner: scannerOf(spec, from, context),
      readSbomElsewhere: context.readSbomElsewhere,
      selectElsewhere: context.selectElsewhere,
      signer: signer.value,
      seen: seenBookOf(spec, to, signer.value),
      history: historyBookOf(spec, from, to, context),
      close: async () => {
        await Promise.all([from.close(), to.close()]);
      },
    }),
  );
}

const SCAN = 'spec.promote.scan.from';
const NO_SCAN =
  'is Image, and scanners read images from registries: mirror the folder into one first, or use Sbom or Report';

async function ownerOf(promotion: PromotionToOpen, signal: AbortSignal): Promise<Parsed<Owner>> {
  const { source, promote } = promotion.spec;
  const place = parsePlace(source.repository ?? '');
  const scans = promote?.scan?.from === 'Image' && place.ok && isFolder(place.value);
  return scans ? problem(SCAN, NO_SCAN) : readOwner(promotion, signal);
}

function seenBookOf({ tags }: ImagePromotionSpec, { registry, place }: OpenSide, signer?: ArtifactSigner) {
  return needsOfTags(tags).seen ? createSeenBook(registry, place, signer) : undefined;
}

function historyBookOf(
  { mirror }: ImagePromotionSpec,
  from: OpenSide,
  to: OpenSide,
  { updateHistoryElsewhere }: OpeningContext,
) {
  return mirror?.history
    ? createHistoryBook(to.registry, to.place, from.place, updateHistoryElsewhere)
    : undefined;
}

/** What the logins of both sides must be good for. Reading may do without one, so that it is tried first, unless all is asked for. */
function needsOf(
  { promote }: ImagePromotionSpec,
  { granting }: Pick<OpeningContext, 'granting'>,
): Readonly<Record<'source' | 'target', readonly GrantedAccess[]>> {
  const toRead = granting?.alsoReading ? (['Read'] as const) : [];
  return {
    source: [...toRead, ...(promote?.deleteSource ? (['Delete'] as const) : [])],
    target: [...toRead, 'Write', ...(promote?.supersede ? (['Delete'] as const) : [])],
  };
}

/** The scanner with the logins of the source; `undefined` where nothing is scanned here. */
export function scannerOf(
  { promote }: ImagePromotionSpec,
  { keychain, insecureHosts, ca, ownLogins }: Pick<OpenSide, keyof ServerTrust | 'keychain' | 'ownLogins'>,
  { scanner }: Pick<OpeningContext, 'scanner'>,
): Scanner | undefined {
  const scan = promote?.scan;
  if (!scan || scan.from === 'Report') return undefined;
  return scanner({ keychain, insecureHosts, ca, ownLogins, serverUrl: scan.server });
}

/** The policies that a promotion names, as they are in force. */
export async function policiesOf(
  { promote }: ImagePromotionSpec,
  { policies }: OpeningContext,
  signal: AbortSignal,
): Promise<Parsed<readonly CompiledPolicy[]>> {
  const names = promote?.policies ?? [];
  if (names.length === 0) return parsed([]);
  const known = new Map((await policies(names, signal)).map((policy) => [policy.name, policy]));
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0)
    return problem('spec.promote.policies', `there is no ImagePolicy "${missing.join('", "')}"`);
  return parsed(names.flatMap((name) => known.get(name) ?? []));
}

function reportsOn(side: OpenSide, policy: CompiledPolicy, context: OpeningContext) {
  const judge = judgeOn(side, [policy], context);
  return async (image: PinnedRef, signal: AbortSignal) => {
    const { evidence } = await judge(image, signal);
    return readSignedReports(evidence?.signatures, policy, image.digest);
  };
}

/** Opens the signer of a promotion; `undefined` where it does not sign. Problems name the field. */
export async function openSigner(
  { mirror, promote }: ImagePromotionSpec,
  owner: Owner,
  context: OpeningContext,
): Promise<Parsed<ArtifactSigner | undefined>> {
  const path = mirror?.sign ? 'spec.mirror.sign' : 'spec.promote.sign';
  const { secretRef, keyless } = mirror?.sign ?? promote?.sign ?? {};
  if (secretRef) return keySigner(secretRef.name, `${path}.secretRef`, owner, context);
  return keyless ? keylessSigner(keyless, `${path}.keyless`, owner, context) : parsed(undefined);
}

async function keySigner(
  name: string,
  path: string,
  { secret }: Owner,
  { openKeySigner }: OpeningContext,
): Promise<Parsed<ArtifactSigner>> {
  const entries = secret(name);
  const pem = entryOf(entries, 'cosign.key', path);
  if (!pem.ok) return pem;
  const signer = await openKeySigner({ pem: pem.value, password: entries?.['cosign.password'] });
  if (signer.ok) return signer;
  const why = signer.problems.map(
    (one) => `cosign.${one.path === 'password' ? one.path : 'key'} ${one.message}`,
  );
  return problem(path, `of Secret "${name}", ${why.join('; ')}`);
}

async function keylessSigner(
  keyless: NonNullable<SignSpec['keyless']>,
  path: string,
  { namespace }: Owner,
  { identityTokens: identities, readToken, openKeylessSigner }: OpeningContext,
): Promise<Parsed<ArtifactSigner>> {
  const lent = lentIdentity(keyless, path, { identities, namespace });
  if (!lent.ok) return lent;
  const token = await readToken(lent.value.file);
  if (!token.ok) return problem(`${path}.identity`, 'names a token that cannot be read');
  const { fulcioURL, rekorURL, tsaURL } = keyless;
  const identityToken = token.value.trim();
  const signer = openKeylessSigner({ identityToken, fulcioURL, rekorURL, tsaURL });
  if (signer.ok) return signer;
  return { ok: false, problems: signer.problems.map((one) => ({ ...one, path: `${path}.${one.path}` })) };
}
