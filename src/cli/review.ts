import type { Command } from 'commander';
import { EXIT } from './exit.ts';
import {
  must,
  both,
  mustReadOnce,
  policiesFrom,
  settingsFrom,
  withRegistryOptions,
  withTimeout,
  withUnmatchedImages,
  type RegistryOptions,
  type UnmatchedImages,
} from './options.ts';
import type { Reading, Terminal, Tools } from './ports.ts';

interface ReviewOptions extends RegistryOptions, UnmatchedImages {
  readonly policies?: string;
  readonly filename?: string;
  readonly timeout: number;
}

/** The API server's default timeout of a webhook. */
const DEFAULT_TIMEOUT = '10s';

/** `pratique review`: answers a recorded AdmissionReview, byte for byte as the API server would get it. */
export function addReview(
  program: Command,
  tools: Tools,
  terminal: Terminal,
  exit: (code: number) => void,
): void {
  const command = program
    .command('review')
    .description('answer a recorded AdmissionReview as the webhook would, as JSON')
    .option('-f, --filename <path>', 'the AdmissionReview (JSON or YAML), or - for standard input')
    .option('--policies <path>', 'folder (or file) with ImagePolicies and what they need');
  withTimeout(command, "the webhook's time", DEFAULT_TIMEOUT);
  withUnmatchedImages(withRegistryOptions(command)).action(async (options: ReviewOptions) => {
    exit(await reviewFile(options, tools, terminal));
  });
}

const NOTHING: Reading = { documents: [], problems: [] };

async function reviewFile(options: ReviewOptions, tools: Tools, terminal: Terminal): Promise<number> {
  const { filename } = options;
  mustReadOnce([filename, options.policies, options.settings]);
  const reading = filename === undefined ? NOTHING : await tools.readDocuments(filename);
  const [first, ...more] = reading.documents;
  const one = first !== undefined && more.length === 0 && reading.problems.length === 0;
  const wrong =
    reading.problems.length > 0
      ? reading.problems
      : [{ path: filename ?? '--filename', message: 'is needed, with one AdmissionReview in it' }];
  const [[body, policies], settings] = must(
    both(
      both(
        one ? { ok: true, value: JSON.stringify(first.value) } : { ok: false, problems: wrong },
        await policiesFrom(options.policies, tools),
      ),
      await settingsFrom(options, {}, tools),
    ),
  );
  const judging = must(await tools.openJudge(settings));
  try {
    const { status, answer, allowed, verdict } = await tools.review(body, policies, judging, options.timeout);
    terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
    if (status !== 200) return EXIT.badInput;
    if (allowed) return EXIT.ok;
    return verdict === 'unknown' ? EXIT.unknown : EXIT.refused;
  } finally {
    await judging.close();
  }
}
