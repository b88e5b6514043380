import {
  cutText,
  formatReference,
  oneLine,
  type ImageRef,
  type JudgedFinding,
  type JudgedImage,
} from '../model/index.ts';

/** Longest first line in characters: with the API server's own words before it, it stays below 200. */
const MAX_FIRST_LINE = 130;
/** Longest warning in characters: the API server cuts longer ones (KEP-1693). */
const MAX_WARNING = 256;
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
  const refused = images.filter(isRefused);
  const head = `${refused.length} of ${images.length} images refused: `;
  const names = refused.map((image) => `${image.container} (${codesOf(denying(image)).join(', ')})`);
  const lines = refused.flatMap((image) =>
    denying(image).map((finding) => ` ${explainFinding(image, finding)}`),
  );
  return [cutText(oneLine(head + names.join(', ')), MAX_FIRST_LINE), ...lines].join('\n');
}

/** Admission warnings: one per finding that lets the image in but should be known, each at most 256 characters. */
export function explainWarnings(images: readonly JudgedImage[]): readonly string[] {
  return images.flatMap((image) =>
    image.verdict.findings
      .filter(({ effect }) => effect === 'warn')
      .map((finding) => cutText(explainFinding(image, finding), MAX_WARNING)),
  );
}

/** One finding about one image, as one line. */
export function explainFinding(image: JudgedImage, finding: JudgedFinding): string {
  const where = image.field === '' ? '' : ` (${image.field})`;
  const again = finding.transient ? ' (temporary, try again)' : '';
  const subject = image.reference ? shortReference(image.reference) : cutText(image.image, MAX_UNREADABLE);
  return oneLine(`${image.container}${where}: ${subject}: ${describe(finding)}${again}`);
}

/** Reason, what was found, next step and policy of a finding. */
function describe({ reason, found, next, policy }: JudgedFinding): string {
  return `${reason}: ${found}; ${next}${policy === '' ? '' : ` [policy ${policy}]`}`;
}

function denying({ verdict }: JudgedImage): readonly JudgedFinding[] {
  return verdict.findings.filter(({ effect }) => effect === 'deny');
}

/** Reason codes of findings, each once, in the order of the findings. */
export function codesOf(findings: readonly JudgedFinding[]): readonly string[] {
  return [...new Set(findings.map(({ reason }) => reason))];
}

function shortReference(reference: ImageRef): string {
  const text = formatReference(reference);
  const at = text.indexOf('@');
  return at < 0 ? text : `${text.slice(0, at + 1 + SHOWN_DIGEST)}…`;
}
