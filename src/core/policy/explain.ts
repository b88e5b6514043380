import { cutText, formatReference, oneLine } from '../model/index.ts';
import type {
  Evidence,
  Fact,
  JudgedFinding,
  JudgedImage,
  ProvenSignature,
  Referrer,
  Signature,
} from '../model/index.ts';
import { RELEASE_PREDICATE_TYPE } from './checks/quarantined.ts';
import { objection } from './compile/authority.ts';
import type { CompiledPolicy } from './compile/compile.ts';
import { authoritiesOf } from './needs.ts';
import { describePredicate } from './reports/describe.ts';

type Lines = readonly string[];

/** Longest first line in characters: with the API server's own words before it, it stays below 200. */
const MAX_FIRST_LINE = 130;
/** Longest warning in characters: the API server cuts longer ones (KEP-1693). */
export const MAX_WARNING = 256;
/** Longest text shown in place of a reference that could not be read: it is a stranger's, of any length. */
const MAX_UNREADABLE = 100;
/** Characters of a digest shown to people; the whole of it is in the audit annotation and the log. */
const SHOWN_DIGEST = 'sha256:'.length + 12;

/** Whether an image is refused. */
export function isRefused({ verdict }: JudgedImage): boolean {
  return verdict.kind === 'deny' || verdict.kind === 'unknown';
}

/**
 * What a refused person reads: one line that names every refused container with its reason codes, then one line per
 * finding: container and field, reference with digest, reason, what was found, one next step, policy.
 */
export function explainRefusal(images: readonly JudgedImage[]): string {
  const refused = images.filter(isRefused).map((image) => ({ image, findings: withEffect(image, 'deny') }));
  const names = refused.map(({ image, findings }) => `${image.container} (${codesOf(findings).join(', ')})`);
  const head = `${refused.length} of ${images.length} images refused: ${names.join(', ')}`;
  const lines = refused.flatMap(({ image, findings }) =>
    findings.map((one) => ` ${explainFinding(image, one)}`),
  );
  return [cutText(oneLine(head), MAX_FIRST_LINE), ...lines].join('\n');
}

/** Admission warnings: one per finding that lets the image in but should be known, each at most 256 characters. */
export function explainWarnings(images: readonly JudgedImage[]): readonly string[] {
  return images.flatMap((image) => withEffect(image, 'warn').map((one) => explainWarning(image, one)));
}

/** One warning about one image, as one line of at most 256 characters. */
export function explainWarning(image: Subject, finding: Explained): string {
  return cutText(explainFinding(image, finding), MAX_WARNING);
}

/** The parts of an image and of a finding that messages show. */
type Subject = Omit<JudgedImage, 'verdict'>;
type Explained = Omit<JudgedFinding, 'kind' | 'effect'>;

/** One finding about one image, as one line. */
export function explainFinding({ container, field, image, reference }: Subject, finding: Explained): string {
  const where = field === '' ? '' : ` (${field})`;
  // A digest is cut: nothing follows it.
  const [name = '', digest] = reference ? formatReference(reference).split('@') : [];
  const short = digest === undefined ? name : `${name}@${digest.slice(0, SHOWN_DIGEST)}…`;
  const subject = reference ? short : cutText(image, MAX_UNREADABLE);
  return oneLine(`${container}${where}: ${subject}: ${describeFinding(finding)}`);
}

/** Reason, what was found, next step and policy of a finding, and whether trying again may help. */
export function describeFinding({ reason, found, next, policy, transient }: Explained): string {
  const by = policy === '' ? '' : ` [policy ${policy}]`;
  return `${reason}: ${found}; ${next}${by}${transient ? ' (temporary, try again)' : ''}`;
}

function withEffect({ verdict }: JudgedImage, wanted: 'deny' | 'warn'): readonly JudgedFinding[] {
  return verdict.findings.filter(({ effect }) => effect === wanted);
}

/** Reason codes of findings, each once, in the order of the findings. */
export function codesOf(findings: readonly JudgedFinding[]): readonly string[] {
  return [...new Set(findings.map(({ reason }) => reason))];
}

/**
 * All that was found about an image, line by line: the manifest, the referrers, and every signature with why it counts
 * for whom, or why it does not. The same words as in refusals, in full.
 */
export function explainEvidence(evidence: Evidence, policies: readonly CompiledPolicy[]): Lines {
  const { manifest, referrers, signatures, children } = evidence;
  const platforms = children.state === 'found' ? children.value : [];
  const each = (all: readonly Signature[]) => all.map((one) => explainSignature(one, policies));
  return [
    describeFact('manifest', manifest, ({ mediaType, digest }) => [`${digest} (${mediaType})`]),
    describeFact('referrers', referrers, (all) => all.map(explainReferrer)),
    describeFact('signatures', signatures, each),
    ...platforms.map((one) =>
      describeFact(`signatures of ${one.platform || one.digest}`, one.signatures, each),
    ),
  ].flat();
}

function explainReferrer(one: Referrer): string {
  return one.state === 'unread'
    ? `unread: ${one.reason.detail}`
    : `${one.digest} (${one.artifactType || 'no type'})`;
}

function describeFact<T>(name: string, fact: Fact<T>, lines: (value: T) => Lines): Lines {
  if (fact.state === 'absent') return [`${name}: none`];
  if (fact.state === 'found') return lines(fact.value).map((line) => `${name}: ${line}`);
  // The fact was not needed: nothing is printed.
  return fact.reason.code === 'InternalError' ? [] : [`${name}: unknown, ${fact.reason.detail}`];
}

function explainSignature(signature: Signature, policies: readonly CompiledPolicy[]): string {
  if (signature.state === 'unread') return `unread: ${signature.reason.detail}`;
  const { digest } = signature;
  if (signature.state === 'unproven') return `${digest}: does not count, ${signature.why}`;
  if (signature.state === 'unsigned')
    return `${digest}: ${whatIt(signature.says.predicateType)} that is not signed: it counts only where a policy says trust: Unsigned`;
  const { says } = signature;
  const what = says.kind === 'signature' ? 'signature' : whatIt(says.predicateType);
  return `${digest}: ${what}, ${standing(signature, policies)}${circumstances(signature)}`;
}

function whatIt(predicateType: string): string {
  if (predicateType === RELEASE_PREDICATE_TYPE) return 'release';
  const known = describePredicate(predicateType);
  return known === undefined ? predicateType : `${known} (${predicateType})`;
}

/** The authorities for which a proven signature counts, or else the closest reason why it counts for none. */
function standing(signature: ProvenSignature, policies: readonly CompiledPolicy[]): string {
  const views = policies.flatMap((policy) =>
    authoritiesOf(policy).map((authority) => ({
      who: `authority "${authority.name}" [policy ${policy.name}]`,
      why: objection(authority, signature),
    })),
  );
  const accepted = views.filter(({ why }) => why === undefined).map(({ who }) => who);
  if (accepted.length > 0) return `counts as one by ${[...new Set(accepted)].join(', ')}`;
  const nearest = views.map(({ why = '' }) => why).sort((a, b) => b.length - a.length)[0];
  return `does not count, ${nearest ?? 'no authority is named'}`;
}

function circumstances({ loggedBy, timestampedBy, signedAt }: ProvenSignature): string {
  const parts = [
    ...(loggedBy.length > 0 ? ['in a transparency log'] : []),
    ...(timestampedBy.length > 0 ? ['timestamped'] : []),
    ...(signedAt ? [`made by ${signedAt.toISOString()}`] : []),
  ];
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}
