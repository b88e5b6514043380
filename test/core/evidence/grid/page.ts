import { AXES, CELLS, POSSIBLE, whyImpossible, type Cell } from './cells.ts';

const YES = '✔';

/** The page about the places of signatures, with the grid of all tested combinations. */
export function signaturesPage(): string {
  const reasons = [...new Set(CELLS.map(whyImpossible).filter((why) => why !== undefined))];
  return [
    '# Signatures',
    '',
    'Made from the grid of tests by `npm run generate`; edit the tests, not this page.',
    '',
    'For the digest of an image Pratique looks in the repository of the image and in every `repository` that an authority ' +
      'of the policy names. Where signatures are asked for it reads the tag `sha256-<hex>.sig`; where attestations, reports ' +
      'or releases are, `sha256-<hex>.att`; in both cases everything that refers to the digest: Sigstore bundles and ' +
      'referrers that carry the layers of those tags. An entry whose type the listing leaves out or calls empty is opened. ' +
      'Statements that BuildKit put into an index itself are read where statements are asked for; they are not signed, and ' +
      'they prove nothing.',
    '',
    'The referrers API is asked first, and the fallback tag where the registry has no such API. Before an image is refused, ' +
      'and always where quarantine flags or lifecycle dates are asked for, the fallback tag is read in any case: a ' +
      'registry that got the API later may still hold there what was written before. Of more than 100 signatures the newest are tried: by the time that a referrer names, else those added last. What is left out is a reason of its own, not "unsigned". What a tag, a listing or ' +
      'an annotation claims is only used to skip; what counts is what the signature proves about exactly this digest.',
    '',
    'A trust root is trusted as a whole. Every authority and log in it has certificates or a key that can be read, and a start ' +
      'of validity. An entry without a start, or one that ends before it starts, is a problem with the name of the entry. ' +
      'The trust root that was in force before stays.',
    '',
    `\`npm test\` runs every cell of these tables, ${String(POSSIBLE.length)} of them: \`${YES}\` means that the image is ` +
      'admitted when the named authority signed, and refused when a stranger signed in the same way. A number is one of the reasons at the end.',
    '',
    ...AXES.by.flatMap((by) => AXES.says.flatMap((says) => section(by, says, reasons))),
    '## What makes no sense',
    '',
    ...reasons.map((why, index) => `${String(index + 1)}. ${why}`),
    '',
  ].join('\n');
}

/** How many cells a page claims to be tested. */
export function cellsOnPage(page: string): number {
  return page.split('\n').reduce((sum, line) => sum + line.split(`| ${YES} `).length - 1, 0);
}

const SIGNERS: Readonly<Record<Cell['by'], string>> = {
  key: 'by a public key',
  keyless: 'by a keyless certificate',
};
const CLAIMS: Readonly<Record<Cell['says'], string>> = {
  signature: 'Signatures',
  attestation: 'Attestations',
};

function section(by: Cell['by'], says: Cell['says'], reasons: readonly string[]): readonly string[] {
  const head = [
    'form',
    'found by',
    ...AXES.where.flatMap((where) => AXES.about.map((about) => `${about}, ${where}`)),
  ];
  const rows = AXES.form.flatMap((form) =>
    AXES.listing.flatMap((listing) => {
      const cells = CELLS.filter(
        (cell) => cell.by === by && cell.says === says && cell.form === form && cell.listing === listing,
      );
      const marks = cells.map((cell) => markOf(cell, reasons));
      // A form without such a listing is mentioned once, below.
      return marks.includes(YES) ? [[nameOf(form, says), LISTINGS[listing], ...marks]] : [];
    }),
  );
  return [`## ${CLAIMS[says]} ${SIGNERS[by]}`, '', ...table([head, ...rows]), ''];
}

function nameOf(form: Cell['form'], says: Cell['says']): string {
  if (form === 'tag') return says === 'signature' ? '`.sig` tag' : '`.att` tag';
  return form === 'legacy layers' ? 'referrer with the layers of that tag' : `Sigstore ${form}`;
}

const LISTINGS: Readonly<Record<Cell['listing'], string>> = {
  'not listed': 'its name',
  'referrers API': 'referrers API',
  'fallback tag': 'fallback tag alone',
  'API and fallback tag': 'fallback tag, the API lists a bad one',
  'no type': 'a listing without artifact type',
  'empty type': 'a listing with the empty type',
};

function markOf(cell: Cell, reasons: readonly string[]): string {
  const why = whyImpossible(cell);
  return why === undefined ? YES : `(${String(reasons.indexOf(why) + 1)})`;
}

/** A table with its columns aligned, as the formatter of this repository requires. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}
