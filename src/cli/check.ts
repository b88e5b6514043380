import type { Command } from 'commander';
import {
  parseReference,
  type Fact,
  type JudgedImage,
  type Parsed,
  type Problem,
  isPinned,
  nameOf,
} from '../core/model/index.ts';
import {
  type Labels,
  explainEvidence,
  needsAtFirst,
  needsNext,
  selectPolicies,
  type CompiledPolicy,
} from '../core/policy/index.ts';
import { isKustomization, workloadTable } from '../core/workload/index.ts';
import { EXIT } from './exit.ts';
import { imagesOf, type ManifestImages } from './manifests.ts';
import {
  collect,
  both,
  mustReadOnce,
  policiesFrom,
  settingsFrom,
  must,
  withOutput,
  withRegistryOptions,
  withTimeout,
  withUnmatchedImages,
  type OutputFormat,
  type RegistryOptions,
  type UnmatchedImages,
} from './options.ts';
import type { Policies, Terminal, Tools } from './ports.ts';
import { exitCodeOf, report } from './report.ts';
import { searchedPlaces } from '../core/evidence/index.ts';

interface CheckOptions extends RegistryOptions, UnmatchedImages {
  readonly policies?: string;
  readonly filename?: readonly string[];
  readonly namespace?: string;
  readonly timeout: number;
  readonly explain?: boolean;
  readonly output: OutputFormat;
}

/** Time for the whole command: a person waits for it. */
const DEFAULT_TIMEOUT = '30s';

/** `pratique check`: the verdict on images or manifests, by the same code and the same policies as admission. */
export function addCheck(
  program: Command,
  tools: Tools,
  terminal: Terminal,
  exit: (code: number) => void,
): void {
  const command = program
    .command('check')
    .description('judge images, or every image of manifests, as admission would')
    .argument('[images...]', 'image references')
    .option(
      '--policies <path>',
      'folder (or file) with ImagePolicies and the Secrets, ConfigMaps and Namespaces they need',
    )
    .option(
      '-f, --filename <path>',
      'manifests to judge: a file, a folder, or - for standard input; repeatable',
      collect,
    )
    .option('-n, --namespace <name>', 'namespace of images and objects that name none')
    .option(
      '--explain',
      'say what was looked for and where, what was found, and why each signature counts or not',
    );
  withTimeout(command, 'time for everything together', DEFAULT_TIMEOUT);
  withOutput(withUnmatchedImages(withRegistryOptions(command))).action(
    async (images: string[], options: CheckOptions) => {
      exit(await check(images, options, tools, terminal));
    },
  );
}

async function check(
  images: readonly string[],
  options: CheckOptions,
  tools: Tools,
  terminal: Terminal,
): Promise<number> {
  const { filename = [] } = options;
  mustReadOnce([...filename, options.policies, options.settings]);
  const settingsRead = await settingsFrom(options, {}, tools);
  const table = settingsRead.ok ? workloadTable(settingsRead.value.workloadKinds) : settingsRead;
  const manifests = imagesOf(await readAll(filename, tools), table.ok ? table.value : undefined);
  const wrong = [
    ...manifests.problems,
    ...images.flatMap(wrongReference),
    ...nothingNamed([...images, ...filename]),
  ];
  const [policies, settings] = must(
    both(
      withProblems(await policiesFrom(options.policies, tools, manifests.namespaces), wrong),
      settingsRead,
    ),
  );
  const judging = must(await tools.openJudge(settings));
  try {
    const signal = AbortSignal.timeout(options.timeout);
    const named: ManifestImages = {
      namespace: '',
      images: images.map((image) => ({ container: image, field: '', image })),
    };
    const explanations = new Map<JudgedImage, readonly string[]>();
    const judged = await Promise.all(
      [named, ...manifests.workloads].map(async ({ namespace, images: wanted }) => {
        const labels = labelsFor(namespace === '' ? options.namespace : namespace, policies);
        const by = { policies: policies.policies, labels };
        const answers = await judging.judge({ ...by, images: wanted, signal });
        if (options.explain) {
          const now = tools.clock();
          for (const one of answers) explanations.set(one, explainImage(one, { ...by, now }));
        }
        return answers;
      }),
    );
    const explain = (image: JudgedImage) => explanations.get(image) ?? [];
    const { notJudged } = manifests;
    report(judged.flat(), { format: options.output, explain, notJudged }, terminal);
    // Nothing was judged, and some objects could have images: that is no success.
    return judged.flat().length === 0 && notJudged.length > 0 ? EXIT.unknown : exitCodeOf(judged.flat());
  } finally {
    await judging.close();
  }
}

async function readAll(paths: readonly string[], tools: Tools) {
  const all = await Promise.all(paths.map((path) => tools.readDocuments(path)));
  const readings = all.map(({ documents, problems }) => ({
    documents: documents.filter((document) => !isKustomization(document)),
    problems,
  }));
  return {
    documents: readings.flatMap(({ documents }) => documents),
    problems: readings.flatMap(({ documents, problems }, index) =>
      // An empty folder is usually a wrong path, and a success would be the wrong answer to it.
      documents.length === 0 && problems.length === 0
        ? [{ path: paths[index] ?? '', message: 'holds no manifests' }]
        : problems,
    ),
  };
}

function labelsFor(namespace: string | undefined, policies: Policies): Fact<Labels> {
  if (namespace !== undefined) return policies.namespaceLabels(namespace);
  const detail = 'no namespace is named: give one with --namespace';
  return { state: 'unknown', reason: { code: 'NamespaceUnknown', detail }, transient: false };
}

function wrongReference(image: string): readonly Problem[] {
  const reference = parseReference(image);
  return reference.ok ? [] : reference.problems.map(({ message }) => ({ path: `image "${image}"`, message }));
}

function nothingNamed(given: readonly string[]): readonly Problem[] {
  if (given.length > 0) return [];
  return [{ path: '', message: 'nothing to check: name images, or manifests by -f' }];
}

function withProblems<T>(read: Parsed<T>, more: readonly Problem[]) {
  if (more.length === 0) return read;
  return { ok: false, problems: [...(read.ok ? [] : read.problems), ...more] } as const;
}

/** What an image was judged by. */
interface Circumstances {
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  readonly now: Date;
}

/** What was searched, where, and with what result, line by line, under the policies that match the image there. */
function explainImage({ evidence }: JudgedImage, by: Circumstances): readonly string[] {
  if (!evidence) return [];
  const { image } = evidence;
  const { applying } = selectPolicies(by.policies, nameOf(image), by.labels);
  const needs = [needsAtFirst(applying), needsNext(applying, evidence, by.now)];
  const places = needs.flatMap(({ signatures }) =>
    signatures && isPinned(image) ? searchedPlaces(image, signatures) : [],
  );
  return [
    ...[...new Set(places)].map((place) => `looked in ${place}`),
    ...explainEvidence(evidence, applying),
  ];
}
