import { formatReference, oneLine, type JudgedImage } from '../core/model/index.ts';
import { describeFinding } from '../core/policy/index.ts';
import { coloured, printDocument, type OutputFormat } from './output.ts';
import type { Terminal } from './ports.ts';

type Kind = JudgedImage['verdict']['kind'];

const WORDS: Readonly<Record<Kind, { readonly word: string; readonly colour: number }>> = {
  allow: { word: 'allowed', colour: 32 },
  warn: { word: 'warned ', colour: 33 },
  deny: { word: 'refused', colour: 31 },
  unknown: { word: 'unknown', colour: 35 },
};

export interface ReportOptions {
  readonly format: OutputFormat;
  /** Lines that say what a verdict rests on; none unless asked for. */
  readonly explain: (image: JudgedImage) => readonly string[];
  /** Objects of kinds whose images are not known, e.g. `rollout.yaml: argoproj.io/v1alpha1 Rollout/web`. */
  readonly notJudged: readonly string[];
}

const WORKLOAD_KINDS =
  'its kind is not known; if it runs images, correct the kind or name it in workloadKinds of the settings';

export function report(images: readonly JudgedImage[], options: ReportOptions, terminal: Terminal): void {
  const { format, explain, notJudged } = options;
  if (format === 'text') {
    terminal.out(textOf(images, explain, terminal.colour));
    for (const object of notJudged) terminal.err(`not judged: ${oneLine(object)}; ${WORKLOAD_KINDS}\n`);
    return;
  }
  const document = {
    images: images.map((image) => ({ ...plain(image), ...unlessEmpty('explanation', explain(image)) })),
    summary: summary(images),
    ...unlessEmpty('notJudged', notJudged),
  };
  terminal.out(printDocument(document, format));
}

function unlessEmpty(field: string, list: readonly string[]): object {
  return list.length > 0 ? { [field]: list } : {};
}

/** A verdict as scripts read it. */
function plain({ container, field, image, reference, verdict }: JudgedImage) {
  return {
    image,
    ...(reference && { reference: formatReference(reference) }),
    ...(reference?.digest !== undefined && { digest: reference.digest }),
    ...(container !== '' && { container }),
    ...(field !== '' && { field }),
    verdict: verdict.kind,
    findings: verdict.findings,
  };
}

function textOf(images: readonly JudgedImage[], explain: ReportOptions['explain'], colour: boolean): string {
  const lines = images.flatMap((judged) => {
    const { container, field, image, reference, verdict } = judged;
    const { word, colour: code } = WORDS[verdict.kind];
    return [
      `${coloured(word, code, colour)}  ${oneLine(reference ? formatReference(reference) : image)}`,
      ...(field === '' ? [] : [`         ${oneLine(`${container} in ${field}`)}`]),
      ...verdict.findings.map((finding) => `         ${oneLine(describeFinding(finding))}`),
      ...explain(judged).map((line) => `           ${oneLine(line)}`),
    ];
  });
  const counts = Object.entries(summary(images)).filter(([key, count]) => key !== 'total' && count > 0);
  const listed = counts.map(([key, count]) => `${count} ${key}`).join(', ') || 'nothing to judge';
  const total = `${images.length} ${images.length === 1 ? 'image' : 'images'}`;
  return `${[...lines, `${total}: ${listed}`].join('\n')}\n`;
}

function summary(images: readonly JudgedImage[]) {
  const count = (kind: Kind) => images.filter(({ verdict }) => verdict.kind === kind).length;
  return {
    total: images.length,
    allowed: count('allow'),
    warned: count('warn'),
    refused: count('deny'),
    unknown: count('unknown'),
  };
}
