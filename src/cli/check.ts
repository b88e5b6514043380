import { failed, isPinned, nameOf, parseReference, unknown } from '../core/model/index.ts';
import type { Fact, JudgedImage, Parsed, Problem } from '../core/model/index.ts';
import { searchedPlaces } from '../core/evidence/index.ts';
import {
  explainEvidence,
  needsAtFirst,
  needsNext,
  policiesAt,
  selectPolicies,
} from '../core/policy/index.ts';
import type { FolderPolicies, Labels } from '../core/policy/index.ts';
import { isKustomization, workloadTable } from '../core/workload/index.ts';
import { EXIT, exitCodeOf, must } from './exit.ts';
import type { OutputFormat } from './output.ts';
import { imagesOf, type ManifestImages } from './manifests.ts';
import { both, collect, mustReadOnce, policiesFrom, settingsFrom } from './options.ts';
import { withOutput, withRegistryOptions, withTimeout, withUnmatchedImages } from './options.ts';
import type { RegistryOptions, UnmatchedImages } from './options.ts';
import type { AddCommand, Terminal, Tools } from './ports.ts';
import { report } from './report.ts';

interface CheckOptions extends RegistryOptions, UnmatchedImages {
  readonly policies?: string;
  readonly filename?: readonly string[];
  readonly namespace?: string;
  readonly timeout: number;
  readonly explain?: boolean;
  readonly output: OutputFormat;
}

const DEFAULT_TIMEOUT = '30s';

/** `pratique check`: the verdict on images or manifests, by the same code and the same policies as admission. */
export const addCheck: AddCommand = (program, tools, terminal, exit) => {
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
      'manifests to judge: a file, a folder, or - for standard input; repeatable. Custom kinds by workloadKinds of --settings',
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
};

async function check(
  images: readonly string[],
  options: CheckOptions,
  tools: Tools,
  terminal: Terminal,
): Promise<number> {
  const { filename = [], output: format } = options;
  mustReadOnce([...filename, options.policies, options.settings]);
  const settingsRead = await settingsFrom(options, {}, tools);
  const table = settingsRead.ok
    ? workloadTable(settingsRead.value.workloadKinds, settingsRead.value.placeholderImages)
    : settingsRead;
  const manifests = imagesOf(await readAll(filename, tools), table.ok ? table.value : undefined);
  const wrong = [...manifests.problems, ...wrongArguments(images, filename)];
  const policiesRead = await policiesFrom(options.policies, tools, manifests.namespaces);
  const [policies, settings] = must(both(withProblems(policiesRead, wrong), settingsRead));
  const judging = must(await tools.openJudge(settings));
  try {
    const signal = AbortSignal.timeout(options.timeout);
    const named: ManifestImages = {
      namespace: '',
      images: images.map((image) => ({ container: image, field: '', image })),
    };
    const answers = await Promise.all(
      [named, ...manifests.workloads].map(async ({ namespace, images: wanted }) => {
        const labels = labelsFor(namespace === '' ? options.namespace : namespace, policies);
        const by = { policies: policiesAt(policies.policies, 'Admission'), labels };
        const judged = await judging.judge({ ...by, images: wanted, signal });
        const now = tools.clock();
        return judged.map((one) => [one, options.explain ? explainImage(one, { ...by, now }) : []] as const);
      }),
    );
    const explanations = new Map(answers.flat());
    const judged = answers.flat().map(([one]) => one);
    const { notJudged } = manifests;
    report(judged, { format, explain: (image) => explanations.get(image) ?? [], notJudged }, terminal);
    // Nothing was judged, and some objects could have images: that is no success.
    if (judged.length === 0 && notJudged.length > 0) return EXIT.unknown;
    return exitCodeOf(
      judged.map(({ verdict }) => verdict.kind),
      ['deny'],
      'unknown',
    );
  } finally {
    await judging.close();
  }
}

async function readAll(paths: readonly string[], tools: Tools) {
  const readings = await Promise.all(
    paths.map(async (path) => {
      const { documents: all, problems } = await tools.readDocuments(path);
      const documents = all.filter((document) => !isKustomization(document));
      // An empty folder is usually a wrong path, and a success would be the wrong answer to it.
      const isEmpty = documents.length === 0 && problems.length === 0;
      return { documents, problems: isEmpty ? [{ path, message: 'holds no manifests' }] : problems };
    }),
  );
  return {
    documents: readings.flatMap(({ documents }) => documents),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

function labelsFor(namespace: string | undefined, policies: FolderPolicies): Fact<Labels> {
  if (namespace !== undefined) return policies.namespaceLabels(namespace);
  return unknown('NamespaceUnknown', 'no namespace is named: give one with --namespace');
}

function wrongArguments(images: readonly string[], filename: readonly string[]): readonly Problem[] {
  const message = 'nothing to check: name images, or manifests by -f';
  if (images.length + filename.length === 0) return [{ path: '', message }];
  return images.flatMap((image) => {
    const reference = parseReference(image);
    return reference.ok ? [] : reference.problems.map((one) => ({ ...one, path: `image "${image}"` }));
  });
}

function withProblems<T>(read: Parsed<T>, problems: readonly Problem[]): Parsed<T> {
  return problems.length === 0 ? read : failed([read, { ok: false, problems }]);
}

interface Circumstances extends Pick<FolderPolicies, 'policies'> {
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
  const lines = [...new Set(places)].map((place) => `looked in ${place}`);
  return [...lines, ...explainEvidence(evidence, applying)];
}
