import { parsed } from '../core/model/index.ts';
import { EXIT, must } from './exit.ts';
import { both, mustReadOnce, policiesFrom, settingsFrom } from './options.ts';
import { withRegistryOptions, withTimeout, withUnmatchedImages } from './options.ts';
import type { RegistryOptions, UnmatchedImages } from './options.ts';
import type { AddCommand, Reading, Terminal, Tools } from './ports.ts';

interface ReviewOptions extends RegistryOptions, UnmatchedImages {
  readonly policies?: string;
  readonly filename?: string;
  readonly timeout: number;
}

/** The API server's default timeout of a webhook. */
const DEFAULT_TIMEOUT = '10s';

/** `pratique review`: answers a recorded AdmissionReview, byte for byte as the API server would get it. */
export const addReview: AddCommand = (program, tools, terminal, exit) => {
  const command = program
    .command('review')
    .description('answer a recorded AdmissionReview as the webhook would, as JSON')
    .option('-f, --filename <path>', 'the AdmissionReview (JSON or YAML), or - for standard input')
    .option('--policies <path>', 'folder (or file) with ImagePolicies and what they need');
  withTimeout(command, "the webhook's time", DEFAULT_TIMEOUT);
  withUnmatchedImages(withRegistryOptions(command)).action(async (options: ReviewOptions) => {
    exit(await reviewFile(options, tools, terminal));
  });
};

const NOTHING: Reading = { documents: [], problems: [] };

async function reviewFile(options: ReviewOptions, tools: Tools, terminal: Terminal): Promise<number> {
  const { filename, timeout } = options;
  mustReadOnce([filename, options.policies, options.settings]);
  const { documents, problems } = filename === undefined ? NOTHING : await tools.readDocuments(filename);
  const [first, ...more] = documents;
  const wrong = { path: filename ?? '--filename', message: 'is needed, with one AdmissionReview in it' };
  const body =
    first !== undefined && more.length === 0 && problems.length === 0
      ? parsed(JSON.stringify(first.value))
      : ({ ok: false, problems: problems.length > 0 ? problems : [wrong] } as const);
  const inputs = both(body, await policiesFrom(options.policies, tools));
  const [[text, policies], settings] = must(both(inputs, await settingsFrom(options, {}, tools)));
  const judging = must(await tools.openJudge(settings));
  try {
    const { status, answer, allowed, verdict } = await tools.review(text, policies, judging, timeout);
    terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
    if (status !== 200) return EXIT.badInput;
    if (allowed) return EXIT.ok;
    return verdict === 'unknown' ? EXIT.unknown : EXIT.refused;
  } finally {
    await judging.close();
  }
}
